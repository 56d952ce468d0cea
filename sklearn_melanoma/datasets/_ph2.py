"""Loader of PH², the dermoscopic images of Pedro Hispano Hospital."""

from __future__ import annotations

import re
from pathlib import Path

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import PH2
from sklearn_melanoma.datasets._files import (
    Layout,
    count_left_out,
    find_dataset,
    list_images,
    make_bunch,
    make_layout_error,
    pair_masks,
)
from sklearn_melanoma.datasets._tables import decode_table

TABLE = "PH2_dataset.txt"
IMAGES = "PH2 Dataset images"
LAYOUT = Layout(PH2, ((TABLE,), (f"{IMAGES}/",)), f"the table {TABLE!r} and the folder {IMAGES!r}")
DIAGNOSES = ("common nevus", "atypical nevus", "melanoma")
COLORS = ("white", "red", "light brown", "dark brown", "blue-gray", "black")
COLUMNS = (
    "image_id",
    "histological_diagnosis",
    "clinical_diagnosis",
    "asymmetry",
    "pigment_network",
    "dots_globules",
    "streaks",
    "regression_areas",
    "blue_whitish_veil",
    "colors",
)


def load_ph2(folder: PathLike | None = None) -> Bunch:
    """Load PH² from its official layout.

    Parameters
    ----------
    folder : path, optional
        Folder with ``PH2_dataset.txt`` and ``PH2 Dataset images``. Defaults to ``ph2`` in the
        folder that the environment variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, in the order of the table:

        images : list of str
            Paths of the images in the table. Table rows without an image are left out.
        masks : list of str or None, or None
            Paths of the experts' masks. An image without a mask has None. The whole field is None
            if no image has a mask.
        target : ndarray of shape (n_images,), dtype int
            1 for melanoma, 0 for nevus, from the clinical diagnosis.
        diagnosis : list of str
            "common nevus", "atypical nevus" or "melanoma".
        groups : ndarray of shape (n_images,), dtype object
            Ids of the images. Each image shows a different lesion.
        frame : :class:`~pandas.DataFrame`
            The experts' annotations. `asymmetry` is 0 (symmetric), 1 or 2 (axes of asymmetry).
            The dermoscopic criteria are "T" (typical), "AT" (atypical), "A" (absent) or "P"
            (present). `colors` is a tuple of names.
        split : None
            The data set has no official split.
        label_mapping : dict
            The three diagnoses and the 1 or 0 they became.
        DESCR : str
            Source, citation, terms, counts and the meaning of the diagnoses.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, a table row can't be read, or neither `folder` nor the environment
        variable is given.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_ph2
    >>> ph2 = load_ph2("data/ph2")  # doctest: +SKIP
    >>> len(ph2.images), int(ph2.target.sum())  # doctest: +SKIP
    (200, 40)
    """
    import pandas as pd

    _, ((table,), (image_folder,)) = find_dataset(folder, LAYOUT)
    rows = _read_table(table)
    paths = list_images(image_folder)
    files = pair_masks(
        (path for path in paths if path.parent.name.endswith("_Dermoscopic_Image")),
        (path for path in paths if path.parent.name.endswith("_lesion")),
        ending="_lesion",
    )
    present = [row for row in rows if row["image_id"] in files]
    if not present:
        contents = "images such as 'IMD003/IMD003_Dermoscopic_Image/IMD003.bmp'"
        raise make_layout_error(image_folder, LAYOUT, contents=contents)
    ids = [str(row["image_id"]) for row in present]
    diagnosis = [DIAGNOSES[int(str(row["clinical_diagnosis"]))] for row in present]
    return make_bunch(
        PH2.description,
        files=[files[image_id] for image_id in ids],
        target=[int(name == "melanoma") for name in diagnosis],
        diagnosis=diagnosis,
        groups=ids,
        left_out=count_left_out(files, n_rows=len(rows), n_used=len(ids)),
        label_mapping={name: int(name == "melanoma") for name in DIAGNOSES},
        frame=pd.DataFrame(present, columns=COLUMNS),
    )


def _read_table(path: Path) -> list[dict[str, object]]:
    """Read the rows between the header and the legend.

    One bar separates cells, and two bars separate groups of columns.
    """
    rows: list[dict[str, object]] = []
    seen = set()
    for number, line in enumerate(decode_table(path).splitlines(), start=1):
        cells = [cell.strip() for cell in re.split(r"\|+", line.strip().strip("|"))]
        if not re.fullmatch(r"IMD\d+", cells[0]):
            continue
        row: dict[str, object] = dict(zip(COLUMNS, cells, strict=False))
        try:
            if len(cells) != len(COLUMNS):
                raise ValueError(f"it has {len(cells)} cells")
            if cells[2] not in ("0", "1", "2"):
                raise ValueError(f"its clinical diagnosis is {cells[2]!r}")
            if cells[0] in seen:
                raise ValueError(f"{cells[0]} is listed twice")
            row["clinical_diagnosis"] = int(cells[2])
            row["asymmetry"] = int(cells[3])
            row["colors"] = tuple(COLORS[int(color) - 1] for color in cells[9].split())
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"{str(path)!r}, line {number}: a row must hold {len(COLUMNS)} cells as PH² numbers them, but {error}. "
                "Unpack the table anew."
            ) from error
        seen.add(cells[0])
        rows.append(row)
    return rows
