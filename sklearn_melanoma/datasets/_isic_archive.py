"""Loader of images of the ISIC Archive as isic-cli downloads them."""

from __future__ import annotations

from collections import Counter

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import ISIC_ARCHIVE
from sklearn_melanoma.datasets._columns import find_official_columns
from sklearn_melanoma.datasets._files import Layout, find_dataset, list_images, pair_masks
from sklearn_melanoma.datasets._rows import load_rows, read_rows

TABLE = "metadata.csv"
LICENSE = "copyright_license"
LAYOUT = Layout(ISIC_ARCHIVE, ((TABLE,),), f"the images and the table {TABLE!r} of isic-cli")


def load_isic_archive(folder: PathLike | None = None) -> Bunch:
    """Load images of the ISIC Archive that isic-cli downloaded.

    The command ``isic image download FOLDER`` of the package isic-cli writes the images and the table ``metadata.csv``,
    for example of a search or a collection.

    Parameters
    ----------
    folder : path, optional
        Folder of this command. Defaults to ``isic_archive`` in the folder that the environment variable
        ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_ham10000`, with these differences:

        - `masks` is None.
        - `target` is -1 without a diagnosis, or if the diagnosis could be melanoma or not, such as "Malignant" alone.
        - `diagnosis` is the most specific one of the columns ``diagnosis_1`` to ``diagnosis_5``, or of the columns of
          older versions, ``diagnosis`` and ``benign_malignant``.
        - `groups` are the patients, else the lesions, else the images.
        - `frame` has all columns. Among them, ``image_type`` distinguishes dermoscopic from clinical images, and
          ``copyright_license`` is the license of each image.
        - `DESCR` counts the licenses.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If there is no table, or it lacks the column ``isic_id``. If it has no row for any image, or two images have the
        same name. If neither `folder` nor the environment variable is given.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_archive
    >>> archive = load_isic_archive("data/isic_archive")  # doctest: +SKIP
    >>> archive.frame["copyright_license"].value_counts()  # doctest: +SKIP
    """
    root, ((path,),) = find_dataset(folder, LAYOUT)
    table = read_rows(path, ISIC_ARCHIVE, ("isic_id",))
    data = load_rows(
        ISIC_ARCHIVE,
        table,
        table.cells("isic_id"),
        pair_masks(list_images(root), []),
        find_official_columns(table, without=("isic_id",)),
        patients="patient_id",
        lesions="lesion_id",
        refuse=False,
    )
    if LICENSE in table.columns:
        counts = Counter(data.frame[LICENSE].fillna("unknown"))
        data.DESCR += f"Licenses: {', '.join(f'{name} ({count})' for name, count in counts.most_common())}.\n"
    return data
