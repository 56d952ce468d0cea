"""Messages of the library for the command line, with options instead of parameters."""

from __future__ import annotations

import re

# Parameters that may be anywhere in a message, except in a path or a quoted text.
_OPTIONS = {
    "label_column": "--label-column",
    "group_column": "--group-column",
    "mm_per_pixel": "--mm-per-pixel",
    "n_jobs": "--n-jobs",
}
# The words of scikit-learn for an invalid parameter.
_INVALID = re.compile(
    rf"^The '({'|'.join(_OPTIONS)})' parameter of \w+ must be (.*?)(?: or None)?\. Got (.*) instead\.$"
)
_PARAMETER = re.compile(rf"(?<![\w/\\.'\"-])({'|'.join(_OPTIONS)})(?![\w/\\'\"-]|\.\w)")

# Patterns of parts of messages, and their replacements.
_PARTS = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"^folder must hold (?=.* in its official layout)", "--data must hold "),
        (r"^parts must", "--part must"),
        (r"^splits must", "--split must"),
        (r"Leave out (part|split)s for all", r"Leave out --\1 for all"),
        (r"^(sources|folder) must", "IMAGES must"),
        (r"or use load_folder for images", "or --dataset folder for images"),
        (r"^task must be (\d) for (.*), got \d\..*", r"--dataset must be isic2018_task\1 for \2."),
        (r"fetch_isic_2018\(task=(\d)\) downloads it", r"'sklearn-melanoma fetch isic2018_task\1' downloads it"),
        (r"fetch_(isic|ham)_?(\d+)\(\) downloads it", r"'sklearn-melanoma fetch \1\2' downloads it"),
        (r"download it by fetch_\w+\(.*?\)", "download it by 'sklearn-melanoma fetch'"),
        (r", or use load_folder for a changed one", ""),
        (r"^(labels|masks|memory|melanoma|sensitivity) must", r"--\1 must"),
        (r"^memory=", "--memory "),
        (r"^table must", "--columns must"),
        (r"^n must", "--number must"),
        (
            "or pass smaller groups, such as lesions",
            "or name smaller groups by --group-column, such as the column of lesions or that of images",
        ),
        (r"^(y|y_true) must", "The labels must"),
        (r"^columns must", "The columns of the patient must"),
        (r"^columns of numbers must", "Those columns of the patient that are numbers must"),
        (r"(save_model did not write it\. )?Pass a file that save_model wrote", "Pass a file that 'train' wrote"),
        (r"\w+ needs a mask, got an image without one\. Put a segmenter before it, or pass Lesion\(.*?\)", "no mask"),
        (
            r"MorphologyFeatures\(unit='mm'\) needs to know mm_per_pixel, got .* or use unit='px'",
            "lengths in millimeters need the scale of each image, and this one has none. Pass DICOM files with a scale",
        ),
        (r"(?<=\d) samples of class", " images of class"),
        (r"need at least (\d+) groups of class", r"need images of at least \1 patients or lesions of class"),
        (r"of class 1\b", "of melanoma"),
        (r"of class 0\b", "of other lesions"),
        (r"Use fewer folds", "Use fewer folds (--folds)"),
        (r"ask for less\.", "ask for a lower --sensitivity."),
        (r"Pass one of them as labels", "Name one of them by --labels"),
        (r"Pass a table as labels", "Put a table 'labels.csv' there"),
        (r"Pass (the table|labels)\.", "Name the table by --labels."),
        (r"name the column of images with image_column", "name the column of images 'image'"),
        (r"Name one of them with image_column", "Name one of them 'image'"),
        (r"Read the right one with pandas\.read_excel and pass the DataFrame", "Save the right one as a file"),
        (r", or read it with pandas and pass the DataFrame", ""),
        (r"Correct it, or make categories of it: X\[.*?\]\.astype\('category'\)", "Correct it"),
        (r"(The column .*) of X is ignored", r"\1 is ignored"),
        (r"that melanoma names", "that --melanoma names"),
        (
            r"Give each of them 1, 0 or -1 with melanoma=\{.*\}\.",
            "Correct the words, or name all values that mean melanoma by --melanoma; all others then mean another "
            "diagnosis.",
        ),
        (r"Pass melanoma with the values that mean melanoma, or melanoma=\(\) if .*", "Name those by --melanoma."),
        (r"or pass melanoma with the meaning of the numbers", "or name the number of melanoma by --melanoma"),
        (r"^melanoma leaves out", "--melanoma leaves out"),
        (r"Add them, or pass a mapping that gives each its meaning", "Add another --melanoma for them if they do"),
    )
)


def name_options(message: str) -> str:
    """Return a message of the library with the options of the commands instead of its parameters.

    Parameters
    ----------
    message : str
        An error or a warning, in one line.

    Returns
    -------
    str
        The message.
    """
    message = _INVALID.sub(r"\1 must be \2, got \3.", message)
    for pattern, text in _PARTS:
        message = pattern.sub(text, message)
    return _PARAMETER.sub(lambda found: _OPTIONS[found[1]], message)
