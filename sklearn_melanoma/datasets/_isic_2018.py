"""Loader of the images of the ISIC 2018 challenge."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets import _catalog
from sklearn_melanoma.datasets._catalog import TEST, TRAINING, VALIDATION, DataSet
from sklearn_melanoma.datasets._challenges import Split, TablePlace, load_challenge, read_codes
from sklearn_melanoma.datasets._files import resolve_folder

OFFICIAL = (("Training", TRAINING), ("Validation", VALIDATION), ("Test", TEST))
SPLITS = {
    1: tuple(
        Split(split, (f"ISIC2018_Task1-2_{official}_Input",), f"ISIC2018_Task1_{official}_GroundTruth")
        for official, split in OFFICIAL
    ),
    3: tuple(
        Split(
            split,
            (f"ISIC2018_Task3_{official}_Input",),
            truth=TablePlace(
                (f"{truth}/{truth}.csv", f"{truth}.csv"), ("image", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
            ),
            metadata=(
                TablePlace(
                    (f"ISIC2018_Task3_{official}_LesionGroupings.csv",),
                    ("image", "lesion_id"),
                    has_lesions=split == TRAINING,
                ),
            ),
        )
        for official, split in OFFICIAL
        for truth in [f"ISIC2018_Task3_{official}_GroundTruth"]
    ),
}


def load_isic_2018(folder: PathLike | None = None, *, task: int = 3) -> Bunch:
    """Load all splits of a task of ISIC 2018 that a folder holds.

    Task 1 has images with masks, and task 3 has other images with diagnoses. The images are in the folders
    ``ISIC2018_Task1-2_<split>_Input`` and ``ISIC2018_Task3_<split>_Input``, where `<split>` is Training, Validation or
    Test. The folders ``ISIC2018_Task<task>_<split>_GroundTruth`` are optional. For task 1, they hold the masks
    ``<image>_segmentation.png``; for task 3, the table ``ISIC2018_Task3_<split>_GroundTruth.csv``. The table of lesions
    ``ISIC2018_Task3_Training_LesionGroupings.csv`` is optional, too.

    Parameters
    ----------
    folder : path, optional
        Folder with these files. Defaults to ``isic2018`` in the folder that the environment variable
        ``SKLEARN_MELANOMA_DATA`` names.
    task : {1, 3}, default=3
        The task: 1 for masks, 3 for diagnoses.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_isic_2017`, with these differences:

        - Images of task 1 have no diagnosis: `target` is -1, and `diagnosis` is "unknown".
        - Images of task 3 have no masks. Their `diagnosis` is "MEL", "NV", "BCC", "AKIEC", "BKL", "DF" or "VASC".
          `groups` are the lesions for training images, and the images for all others.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If `task` is another number, or `folder` only holds images of the other task. If the layout differs or a table
        can't be read. If neither `folder` nor the environment variable is given.

    Warns
    -----
    UserWarning
        As in :func:`load_isic_2017`, for task 3. Also if the table of lesions is missing.

    See Also
    --------
    fetch_isic_2018 : Download the data set.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2018
    >>> isic = load_isic_2018("data/isic2018")  # doctest: +SKIP
    >>> len(isic.images)  # doctest: +SKIP
    11720
    """
    dataset = find_task(task)
    root = resolve_folder(folder, dataset.folder)
    _check_task(root, task)
    return load_challenge(root, dataset, SPLITS[task], read_codes)


def _check_task(root: Path, task: int) -> None:
    """Raise an error if a folder only holds images of the other task."""
    (other,) = SPLITS.keys() - {task}
    if _has_images(root, other) and not _has_images(root, task):
        raise ValueError(
            f"task must be {other} for {str(root)!r}, which holds images of task {other} only, got {task}. Pass "
            f"task={other}."
        )


def _has_images(root: Path, task: int) -> bool:
    return any((root / name).is_dir() for split in SPLITS[task] for name in split.images)


def find_task(task: int) -> DataSet:
    """Return the description of the data of a task."""
    datasets = {1: _catalog.ISIC_2018_TASK_1, 3: _catalog.ISIC_2018_TASK_3}
    if not isinstance(task, Integral) or task not in datasets:
        raise ValueError(f"task must be 1 (masks) or 3 (diagnoses), got {task!r}. Pass one of them.")
    return datasets[task]
