"""HAM10000, images of pigmented skin lesions from Vienna and Queensland."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import by_stem, data_folder, layout_error, list_photos, photo_bunch

if TYPE_CHECKING:
    import pandas as pd

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
PHOTOS = "HAM10000_images*"
MASKS = "HAM10000_segmentations_lesion_tschandl"
COLUMNS = ("image_id", "lesion_id", "dx")


def load_ham10000(folder: PathLike | None = None) -> Bunch:
    """Load HAM10000 from its official layout.

    Parameters
    ----------
    folder : path, optional
        The folder that holds the images in one or more folders ``HAM10000_images*``, the table
        ``HAM10000_metadata`` (with ``.csv``, ``.tab`` or no suffix) and, where there, the folder of masks
        ``HAM10000_segmentations_lesion_tschandl``. By default, ``ham10000`` in the folder that the
        environment variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, in the order of the table:

        images : list of str
            Paths of the images that are there.
        masks : list of str or None, or None
            Paths of the masks; None where an image has none, and for all if none has.
        target : ndarray of shape (n_photos,), dtype int
            1 for melanoma, 0 for another diagnosis.
        diagnosis : list of str
            The seven codes of the set: "akiec", "bcc", "bkl", "df", "mel", "nv", "vasc".
        groups : ndarray of shape (n_photos,), dtype object
            Ids of the lesions; keep images of one lesion on one side of any split.
        frame : :class:`~pandas.DataFrame`
            The rows of the table: how the diagnosis was made, age, sex, place on the body.
        DESCR : str
            Source, citation, terms and counts.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` is not there or no folder.
    ValueError
        If the layout is another one, the table lacks a column, an image is there twice or no
        `folder` is known.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_ham10000
    >>> ham = load_ham10000("data/ham10000")  # doctest: +SKIP
    >>> len(ham.images), int(ham.target.sum())  # doctest: +SKIP
    (10015, 1113)
    """
    root = data_folder(folder, "ham10000")
    tables = [root / name for name in TABLES if (root / name).is_file()]
    folders = sorted(path for path in root.glob(PHOTOS) if path.is_dir())
    if not (tables and folders):
        looked_for = f"a table {' or '.join(repr(name) for name in TABLES)} and folders of images {PHOTOS!r}"
        raise layout_error(root, "HAM10000", looked_for)
    photos = by_stem((path for part in folders for path in list_photos(part)), what="images")
    masks = by_stem(list_photos(root / MASKS), ending="_segmentation", what="masks")
    table = _read_table(tables[0])
    frame = table[table["image_id"].isin(list(photos))].reset_index(drop=True)
    if frame.empty:
        raise ValueError(
            f"the images must be named as in {tables[0].name!r}, such as {table['image_id'].iloc[0]!r}, got "
            f"{[path.name for path in list(photos.values())[:3]]}. Put table and images of the same set together."
            if len(table)
            else f"{str(tables[0])!r} must hold at least one row, got none. Download the table anew."
        )
    ids = list(frame["image_id"])
    return photo_bunch(
        DESCRIPTION,
        images=[photos[image_id] for image_id in ids],
        masks=[masks.get(image_id) for image_id in ids],
        target=[int(dx == "mel") for dx in frame["dx"]],
        diagnosis=list(frame["dx"]),
        groups=list(frame["lesion_id"]),
        left_out={
            "rows of the table, whose images are not there": len(table) - len(frame),
            "images that are not in the table": len(photos) - len(frame),
        },
        frame=frame,
    )


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        separator = "\t" if "\t" in file.readline() else ","
    table = pd.read_csv(path, sep=separator)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f"{str(path)!r} must have the columns {', '.join(COLUMNS)}, got {list(table.columns)}. "
            "Use the metadata of HAM10000."
        )
    if table[list(COLUMNS)].isna().any(axis=None) or table["image_id"].duplicated().any():
        raise ValueError(
            f"{str(path)!r} must hold each image_id once, with a lesion_id and a dx, got missing or repeated ones. "
            "Download the table anew."
        )
    return table
