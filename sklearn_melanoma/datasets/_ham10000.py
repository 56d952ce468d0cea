"""Loader of HAM10000, images of pigmented skin lesions from Vienna and Queensland."""

from __future__ import annotations

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import HAM10000
from sklearn_melanoma.datasets._columns import LabelColumns
from sklearn_melanoma.datasets._files import Layout, find_dataset, list_images, pair_masks
from sklearn_melanoma.datasets._rows import load_rows, read_rows

TABLES = ("HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab")
IMAGES = "HAM10000_images*"
MASKS = "HAM10000_segmentations_lesion_tschandl"
LAYOUT = Layout(
    HAM10000,
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
            1 for melanoma, 0 for another diagnosis. If the table has other words or codes than the official ones, the
            vocabulary of :func:`load_folder` reads them.
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
        If the layout differs, the table lacks a column, a diagnosis is not understood or two images have the same name.
        If neither `folder` nor the environment variable is given.

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
    table = read_rows(tables[0], HAM10000, ("image_id", "lesion_id", "dx"), filled=("lesion_id", "dx"))
    labels = LabelColumns({"dx": table.cells("dx")}, {"dx": None})
    return load_rows(HAM10000, table, table.cells("image_id"), files, labels, lesions="lesion_id")
