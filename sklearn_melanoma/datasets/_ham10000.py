"""Loader of HAM10000, images of pigmented skin lesions from Vienna and Queensland."""

from __future__ import annotations

from pathlib import Path

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import (
    Layout,
    count_left_out,
    find_dataset,
    list_images,
    make_bunch,
    pair_masks,
)
from sklearn_melanoma.datasets._labels import decide_labels
from sklearn_melanoma.datasets._tables import Table, read_table

DESCRIPTION = """
HAM10000 ("Human Against Machine with 10 000 training images"): dermoscopic images of pigmented lesions from Vienna and
Queensland in seven classes: akiec (actinic keratosis, Bowen's disease), bcc (basal cell carcinoma), bkl (benign
keratosis), df (dermatofibroma), mel (melanoma), nv (nevus), vasc (vascular lesion). In full 10 015 images of 7 470
lesions, 600 × 450 pixels. Several images can show one lesion: split by groups.

Source: https://doi.org/10.7910/DVN/DBW86T
Citation: P. Tschandl, C. Rosendahl, H. Kittler: The HAM10000 dataset, a large collection of multi-source dermatoscopic
images of common pigmented skin lesions. Sci Data 5, 180161 (2018). https://doi.org/10.1038/sdata.2018.161
Masks: P. Tschandl et al.: Human-computer collaboration for skin cancer recognition. Nat Med 26, 1229-1234 (2020).
https://doi.org/10.1038/s41591-020-0942-0
Terms: CC BY-NC 4.0.
"""

TABLES = ("HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab")
IMAGES = "HAM10000_images*"
MASKS = "HAM10000_segmentations_lesion_tschandl"
COLUMNS = ("image_id", "lesion_id", "dx")
LAYOUT = Layout(
    "HAM10000",
    "ham10000",
    (TABLES, (f"{IMAGES}/",)),
    f"a table {' or '.join(repr(name) for name in TABLES)} and folders of images {IMAGES!r}",
)


def load_ham10000(folder: PathLike | None = None) -> Bunch:
    """Load HAM10000 from its official layout.

    Parameters
    ----------
    folder : path, optional
        Folder with the images in one or more folders ``HAM10000_images*`` and the table
        ``HAM10000_metadata`` (with ``.csv``, ``.tab`` or no suffix). The folder of masks
        ``HAM10000_segmentations_lesion_tschandl`` is optional. Defaults to ``ham10000`` in the
        folder that the environment variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, in the order of the table:

        images : list of str
            Paths of the images in the table. Table rows without an image are left out.
        masks : list of str or None, or None
            Paths of the masks. An image without a mask has None. The whole field is None if no
            image has a mask.
        target : ndarray of shape (n_images,), dtype int
            1 for melanoma, 0 for another diagnosis. A table with other words or codes than the
            official ones is read by the vocabulary of :func:`load_folder`.
        diagnosis : list of str
            The seven codes of the set: "akiec", "bcc", "bkl", "df", "mel", "nv", "vasc".
        groups : ndarray of shape (n_images,), dtype object
            Ids of the lesions. Keep images of one lesion on one side of any split.
        frame : :class:`~pandas.DataFrame`
            The table rows, with the method of diagnosis, age, sex and body site.
        split : None
            The data set has no official split.
        label_mapping : dict
            The codes and the 1 or 0 they became.
        DESCR : str
            Source, citation, terms, counts and the meaning of the codes.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, the table lacks a column, a diagnosis is not understood, two images
        have the same name, or neither `folder` nor the environment variable is given.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_ham10000
    >>> ham = load_ham10000("data/ham10000")  # doctest: +SKIP
    >>> len(ham.images), int(ham.target.sum())  # doctest: +SKIP
    (10015, 1113)
    """
    root, (tables, image_folders) = find_dataset(folder, LAYOUT)
    files = pair_masks(
        (path for part in image_folders for path in list_images(part)),
        list_images(root / MASKS) if (root / MASKS).is_dir() else [],
    )
    table = _read_table(tables[0])
    ids = table.cells("image_id")
    rows = [row for row, image_id in enumerate(ids) if image_id in files]
    if not rows:
        raise ValueError(
            f"the images must be named as in {tables[0].name!r}, such as {ids[0]!r}, got "
            f"{[image.name for image, _ in list(files.values())[:3]]}. Put table and images of the same set together."
        )
    # The official codes are known, so a part without a melanoma is no sign of a misread table.
    labels = decide_labels(
        {"dx": table.cells("dx")}, {"dx": None}, rows, rule=None, source=table.name, needs_melanoma=False
    )
    lesions = table.cells("lesion_id")
    return make_bunch(
        DESCRIPTION,
        files=[files[ids[row]] for row in rows],
        target=labels.target,
        diagnosis=labels.diagnosis,
        groups=[lesions[row] for row in rows],
        left_out=count_left_out(files, n_rows=len(table), n_used=len(rows)),
        label_mapping=labels.mapping,
        frame=table.pick_rows(rows),
    )


def _read_table(path: Path) -> Table:
    table = read_table(path)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f"{str(path)!r} must have the columns {', '.join(COLUMNS)}, got {table.columns}. "
            "Use the metadata of HAM10000."
        )
    ids = table.cells("image_id")
    if not all(all(table.cells(name)) for name in COLUMNS) or len(set(ids)) < len(ids):
        raise ValueError(
            f"{str(path)!r} must hold each image_id once, with a lesion_id and a dx, got missing or repeated ones. "
            "Download the table anew."
        )
    return table
