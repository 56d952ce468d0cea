"""Loader of PAD-UFES-20, clinical images from smartphones in Brazil."""

from __future__ import annotations

from pathlib import PurePosixPath

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import PAD_UFES_20
from sklearn_melanoma.datasets._columns import LabelColumns
from sklearn_melanoma.datasets._files import Layout, find_dataset, list_images, pair_masks
from sklearn_melanoma.datasets._rows import load_rows, read_rows

TABLE = "metadata.csv"
LAYOUT = Layout(
    PAD_UFES_20,
    ((TABLE,), ("images/", "imgs_part_*/")),
    f"the table {TABLE!r} and the folder 'images' or folders 'imgs_part_*'",
)


def load_pad_ufes_20(folder: PathLike | None = None) -> Bunch:
    """Load PAD-UFES-20 from its official layout.

    Its images are clinical images from smartphones, not dermoscopic images.

    Parameters
    ----------
    folder : path, optional
        Folder with the table ``metadata.csv`` and the unpacked images in ``images`` or ``imgs_part_*``. Defaults to
        ``pad_ufes_20`` in the folder that the environment variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_ham10000`, with these differences:

        - `masks` is None.
        - `diagnosis` is "ACK", "BCC", "MEL", "NEV", "SCC" or "SEK".
        - `groups` are the patients.
        - `frame` has 26 columns, among them age, skin type, body site, size and symptoms.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, the table lacks a column, a diagnosis is not understood or two images have the same name.
        If neither `folder` nor the environment variable is given.

    Notes
    -----
    Download the data set from https://doi.org/10.17632/zr7vgbcyr2.1.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_pad_ufes_20
    >>> pad = load_pad_ufes_20("data/pad_ufes_20")  # doctest: +SKIP
    >>> len(pad.images), int(pad.target.sum())  # doctest: +SKIP
    (2298, 52)
    """
    _, ((path,), image_folders) = find_dataset(folder, LAYOUT)
    table = read_rows(path, PAD_UFES_20, ("img_id", "patient_id", "diagnostic"), filled=("patient_id", "diagnostic"))
    files = pair_masks((image for part in image_folders for image in list_images(part)), [])
    names = [PurePosixPath(cell).stem for cell in table.cells("img_id")]
    labels = LabelColumns({"diagnostic": table.cells("diagnostic")}, {"diagnostic": None})
    return load_rows(PAD_UFES_20, table, names, files, labels, patients="patient_id", lesions="lesion_id")
