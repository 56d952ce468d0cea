"""PH², the dermoscopic images of Pedro Hispano Hospital."""

from __future__ import annotations

import re
from pathlib import Path

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import by_stem, data_folder, layout_error, list_photos, photo_bunch

DESCRIPTION = """
PH²: dermoscopic images of melanocytic lesions from Pedro Hispano Hospital, Matosinhos, Portugal, about 768 × 576 pixels
at 20-fold magnification, with the border drawn by an expert. 200 images in full: 80 common nevi, 80 atypical nevi, 40
melanomas.

Source: https://www.fc.up.pt/addi/ph2%20database.html
Citation: T. Mendonça, P. M. Ferreira, J. S. Marques, A. R. S. Marcal, J. Rozeira: PH² - A dermoscopic image database
for research and benchmarking. EMBC 2013. https://doi.org/10.1109/EMBC.2013.6610779
Terms: research and education only, no redistribution.
"""

TABLE = "PH2_dataset.txt"
PHOTOS = "PH2 Dataset images"
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
        The folder that holds ``PH2_dataset.txt`` and ``PH2 Dataset images``. By default,
        ``ph2`` in the folder that the environment variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, in the order of the table:

        images : list of str
            Paths of the images that are there.
        masks : list of str or None, or None
            Paths of the experts' masks; None where an image has none, and for all if none has.
        target : ndarray of shape (n_photos,), dtype int
            1 for melanoma, 0 for nevus, by the clinical diagnosis.
        diagnosis : list of str
            "common nevus", "atypical nevus" or "melanoma".
        groups : ndarray of shape (n_photos,), dtype object
            Ids of the images, each of which shows another lesion.
        frame : :class:`~pandas.DataFrame`
            What the experts noted. `asymmetry` is 0 (symmetric), 1 or 2 (axes of asymmetry);
            the dermoscopic criteria read "T" (typical), "AT" (atypical), "A" (absent) or "P"
            (present); `colors` is a tuple of names.
        DESCR : str
            Source, citation, terms and counts.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` is not there or no folder.
    ValueError
        If the layout is another one, a row can't be read, or no `folder` is known.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_ph2
    >>> ph2 = load_ph2("data/ph2")  # doctest: +SKIP
    >>> len(ph2.images), int(ph2.target.sum())  # doctest: +SKIP
    (200, 40)
    """
    import pandas as pd

    root = data_folder(folder, "ph2")
    if not ((root / TABLE).is_file() and (root / PHOTOS).is_dir()):
        raise layout_error(root, "PH²", f"the table {TABLE!r} and the folder {PHOTOS!r}")
    rows = _read_table(root / TABLE)
    paths = list_photos(root / PHOTOS)
    photos = by_stem((path for path in paths if path.parent.name.endswith("_Dermoscopic_Image")), what="images")
    masks = by_stem((path for path in paths if path.parent.name.endswith("_lesion")), ending="_lesion", what="masks")
    present = [row for row in rows if row["image_id"] in photos]
    ids = [str(row["image_id"]) for row in present]
    if not ids:
        raise layout_error(root / PHOTOS, "PH²", "images such as 'IMD003/IMD003_Dermoscopic_Image/IMD003.bmp'")
    diagnosis = [DIAGNOSES[int(str(row["clinical_diagnosis"]))] for row in present]
    return photo_bunch(
        DESCRIPTION,
        images=[photos[image_id] for image_id in ids],
        masks=[masks.get(image_id) for image_id in ids],
        target=[int(name == "melanoma") for name in diagnosis],
        diagnosis=diagnosis,
        groups=ids,
        left_out={
            "rows of the table, whose images are not there": len(rows) - len(present),
            "images that are not in the table": len(photos) - len(present),
        },
        frame=pd.DataFrame(present, columns=COLUMNS),
    )


def _read_table(path: Path) -> list[dict[str, object]]:
    """Read the rows between the header and the legend; bars part the cells, doubled between groups of columns."""
    rows: list[dict[str, object]] = []
    seen = set()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
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
                raise ValueError(f"{cells[0]} comes a second time")
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
