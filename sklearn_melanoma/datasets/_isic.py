"""Loader of the images of the ISIC 2017 challenge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import (
    Files,
    Layout,
    find_dataset,
    list_images,
    make_bunch,
    make_layout_error,
    pair_masks,
)
from sklearn_melanoma.datasets._labels import format_cell
from sklearn_melanoma.datasets._tables import Table, read_table
from sklearn_melanoma.datasets._vocabulary import is_unknown, normalize

if TYPE_CHECKING:
    import pandas as pd

DESCRIPTION = """
ISIC 2017: dermoscopic images of the ISIC challenge at ISBI 2017, with borders and the diagnoses melanoma, seborrheic
keratosis and nevus. In full 2 000 images for training, 150 for validation, 600 for test.

Source: https://challenge.isic-archive.com/data/#2017
Citation: N. C. F. Codella et al.: Skin lesion analysis toward melanoma detection: a challenge at the 2017 International
Symposium on Biomedical Imaging (ISBI). ISBI 2018. https://doi.org/10.1109/ISBI.2018.8363547
Terms: CC0.
"""

SPLITS = {"Training": "training", "Validation": "validation", "Test_v2": "test"}
LABELS = ("melanoma", "seborrheic_keratosis")
AGE = "age_approximate"
MAPPING = {"melanoma": 1, "seborrheic keratosis": 0, "nevus": 0, "unknown": -1}
IMAGE_FOLDERS = {f"ISIC-2017_{official}_Data": split for official, split in SPLITS.items()}
LAYOUT = Layout(
    "ISIC 2017",
    "isic2017",
    (tuple(f"{name}/" for name in IMAGE_FOLDERS),),
    "images in at least one of " + ", ".join(repr(name) for name in IMAGE_FOLDERS),
)


def load_isic_2017(folder: PathLike | None = None) -> Bunch:
    """Load all splits of ISIC 2017 that a folder holds.

    The images of a split are in the folder ``ISIC-2017_<split>_Data``, where `<split>` is
    Training, Validation or Test_v2. The masks in ``ISIC-2017_<split>_Part1_GroundTruth`` and the
    table of diagnoses ``ISIC-2017_<split>_Part3_GroundTruth.csv`` are optional. The superpixels
    beside the images are ignored.

    Parameters
    ----------
    folder : path, optional
        Folder with these files. Defaults to ``isic2017`` in the folder that the environment
        variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, sorted by split and name:

        images : list of str
            Paths of the images.
        masks : list of str or None, or None
            Paths of the masks. An image without a mask has None. The whole field is None if no
            image has a mask.
        target : ndarray of shape (n_images,), dtype int
            1 for melanoma, 0 for another diagnosis, -1 without a row in a table of diagnoses.
        diagnosis : list of str
            "melanoma", "seborrheic keratosis", "nevus" or "unknown".
        groups : ndarray of shape (n_images,), dtype object
            Ids of the images. The data set has no ids of lesions or patients.
        frame : :class:`~pandas.DataFrame`
            All columns of the tables of diagnoses and of metadata (age, sex), with missing values
            for images that a table does not list. An age of "unknown" is a missing value.
        split : ndarray of shape (n_images,), dtype object
            "training", "validation" or "test".
        label_mapping : dict
            The diagnoses and the 1, 0 or -1 they became.
        DESCR : str
            Source, citation, terms, counts and the meaning of the diagnoses.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, a table can't be read, or neither `folder` nor the environment
        variable is given.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2017
    >>> isic = load_isic_2017("data/isic2017")  # doctest: +SKIP
    >>> len(isic.images), int(isic.target.sum())  # doctest: +SKIP
    (2750, 521)
    """
    root, (image_folders,) = find_dataset(folder, LAYOUT)
    files: list[Files] = []
    diagnosis: list[str] = []
    splits: list[str] = []
    frames: list[pd.DataFrame] = []
    n_without_image = 0
    for image_folder in image_folders:
        prefix = image_folder.name.removesuffix("Data")
        files_by_id = pair_masks(
            (path for path in list_images(image_folder) if not path.stem.endswith("_superpixels")),
            list_images(root / f"{prefix}Part1_GroundTruth") if (root / f"{prefix}Part1_GroundTruth").is_dir() else [],
        )
        truth = _read_table(root / f"{prefix}Part3_GroundTruth.csv", LABELS)
        labels = {} if truth is None else _read_labels(truth)
        n_without_image += len(labels.keys() - files_by_id.keys())
        files += files_by_id.values()
        diagnosis += [labels.get(image_id, "unknown") for image_id in files_by_id]
        splits += [IMAGE_FOLDERS[image_folder.name]] * len(files_by_id)
        metadata = _read_table(image_folder / f"{image_folder.name}_metadata.csv", ())
        frames.append(_join_tables(list(files_by_id), [truth, metadata]))
    if not files:
        raise make_layout_error(root, LAYOUT.title, LAYOUT.contents)
    return make_bunch(
        DESCRIPTION,
        files=files,
        target=[MAPPING[name] for name in diagnosis],
        diagnosis=diagnosis,
        groups=[image.stem for image, _ in files],
        left_out={"diagnoses whose images are missing": n_without_image},
        label_mapping={name: label for name, label in MAPPING.items() if name != "unknown" or name in diagnosis},
        frame=_stack_frames(frames),
        split=splits,
    )


def _read_table(path: Path, columns: tuple[str, ...]) -> Table | None:
    """Read a table by image id, or return None if there is none."""
    if not path.is_file():
        return None
    table = read_table(path)
    if any(name not in table.columns for name in ("image_id", *columns)):
        raise ValueError(
            f"{str(path)!r} must have the columns {', '.join(('image_id', *columns))}, got {table.columns}. "
            "Use the tables of the challenge."
        )
    return table


def _read_labels(table: Table) -> dict[str, str]:
    """Return the diagnoses by image id."""
    labels: dict[str, str] = {}
    for image_id, *cells in zip(*(table.cells(name) for name in ("image_id", *LABELS)), strict=True):
        flags = [normalize(cell) for cell in cells]
        if flags not in (["0", "0"], ["0", "1"], ["1", "0"]) or image_id in labels:
            raise ValueError(
                f"{table.name} must hold each image once, with at most one diagnosis marked 1 and 0 else, "
                f"got {cells} for {image_id!r}. Download the table anew."
            )
        labels[image_id] = "melanoma" if flags[0] == "1" else "seborrheic keratosis" if flags[1] == "1" else "nevus"
    return labels


def _join_tables(ids: list[str], tables: list[Table | None]) -> pd.DataFrame:
    """Return the columns of all tables, one row per image."""
    import pandas as pd

    columns: dict[str, object] = {"image_id": ids}
    for table in tables:
        if table is None:
            continue
        rows = {image_id: row for row, image_id in enumerate(table.cells("image_id"))}
        frame = table.pick_rows([rows.get(image_id) for image_id in ids])
        columns |= {name: frame[name] for name in frame.columns if name not in columns}
    joined = pd.DataFrame(columns)
    if AGE in joined.columns:
        known = ["" if is_unknown(format_cell(cell)) else cell for cell in joined[AGE]]
        joined[AGE] = pd.to_numeric(pd.Series([None if cell == "" else cell for cell in known], dtype=object))
    return joined


def _stack_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all splits; a column that a split lacks is missing there."""
    import pandas as pd

    names = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    whole = [frame.reindex(columns=names) for frame in frames if len(frame)]
    return pd.concat([frame.astype(object) for frame in whole], ignore_index=True).infer_objects()
