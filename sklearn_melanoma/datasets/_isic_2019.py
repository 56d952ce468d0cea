"""Loader of the images of the ISIC 2019 challenge."""

from __future__ import annotations

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import ISIC_2019, TEST, TRAINING
from sklearn_melanoma.datasets._challenges import Split, TablePlace, load_challenge, read_codes
from sklearn_melanoma.datasets._files import resolve_folder

SPLITS = tuple(
    Split(
        split,
        (f"ISIC_2019_{official}_Input",),
        truth=TablePlace(
            (f"ISIC_2019_{official}_GroundTruth.csv",),
            ("image", "MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"),
        ),
        metadata=(TablePlace((f"ISIC_2019_{official}_Metadata.csv",), ("image",), has_lesions=split == TRAINING),),
    )
    for official, split in (("Training", TRAINING), ("Test", TEST))
)


def load_isic_2019(folder: PathLike | None = None) -> Bunch:
    """Load all splits of ISIC 2019 that a folder holds.

    The images are in the folder ``ISIC_2019_<split>_Input``, where `<split>` is Training or Test. The table of
    diagnoses ``ISIC_2019_<split>_GroundTruth.csv`` and the table ``ISIC_2019_<split>_Metadata.csv`` are optional.
    Without a table of diagnoses, `target` is -1.

    Parameters
    ----------
    folder : path, optional
        Folder with these files. Defaults to ``isic2019`` in the folder that the environment variable
        ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_isic_2017`, without masks and with these differences:

        - `split` is "training" or "test".
        - `diagnosis` is "MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC" or "UNK". UNK means none of the others. It
          is -1 in `target`, because the diagnosis is not known.
        - `groups` are the lesions, or the images if the metadata have no lesion.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, a table can't be read, or neither `folder` nor the environment variable is given.

    Warns
    -----
    UserWarning
        As in :func:`load_isic_2017`. Also if the table with the lesions is missing.

    See Also
    --------
    fetch_isic_2019 : Download the data set.

    Notes
    -----
    The training images include those of HAM10000 and ISIC 2017. Do not train on one of these sets and score on another,
    unless you leave out the copies (:func:`find_duplicates`).

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2019
    >>> isic = load_isic_2019("data/isic2019")  # doctest: +SKIP
    >>> len(isic.images)  # doctest: +SKIP
    33569
    """
    return load_challenge(resolve_folder(folder, ISIC_2019.folder), ISIC_2019, SPLITS, read_codes)
