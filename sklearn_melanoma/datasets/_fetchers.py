"""Functions that download one public data set each."""

from __future__ import annotations

from collections.abc import Collection

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets import _catalog
from sklearn_melanoma.datasets._download import Progress
from sklearn_melanoma.datasets._fetch import fetch_dataset
from sklearn_melanoma.datasets._isic_2018 import find_task


def fetch_isic_2016(
    folder: PathLike | None = None,
    *,
    parts: Collection[str] | None = None,
    splits: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Bunch | None:
    """Download ISIC 2016, and load it.

    Parameters
    ----------
    folder : path, optional
        Folder of the data set, as in :func:`fetch_isic_2017`. Defaults to ``isic2016`` in ``SKLEARN_MELANOMA_DATA``.
    parts : collection of str, optional
        Which of "images", "masks" and "tables" to download. Defaults to all.
    splits : collection of str, optional
        Which of "training" and "test" to download. Defaults to all.
    progress : callable, optional
        Function that is called with the progress of each file, as in :func:`fetch_isic_2017`.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or None
        The data, as in :func:`load_isic_2016`. None if the folder has no images.

    Raises
    ------
    ConnectionError, ImportError, OSError, TypeError, ValueError
        As in :func:`fetch_isic_2017`.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import fetch_isic_2016
    >>> data = fetch_isic_2016("data/isic2016")  # doctest: +SKIP
    """
    return fetch_dataset(_catalog.ISIC_2016, folder, parts=parts, splits=splits, progress=progress)


def fetch_isic_2017(
    folder: PathLike | None = None,
    *,
    parts: Collection[str] | None = None,
    splits: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Bunch | None:
    """Download ISIC 2017, and load it.

    Only files that the folder lacks are downloaded. An interrupted download continues in the next call. Archives are
    unpacked and deleted. To download a file anew, delete it or the folder of its name.

    Parameters
    ----------
    folder : path, optional
        Folder of the data set. It is made if it does not exist. Defaults to ``isic2017`` in the folder that the
        environment variable ``SKLEARN_MELANOMA_DATA`` names.
    parts : collection of str, optional
        Which of "images", "masks" and "tables" to download. Defaults to all.
    splits : collection of str, optional
        Which of "training", "validation" and "test" to download. Defaults to all.
    progress : callable, optional
        Function ``progress(name, n_bytes, n_total)``. It is called with the name of a file (str), the number of its
        bytes so far (int), and the number of all its bytes (int, or None if unknown). The first call is before the
        request to the server.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or None
        The data, as in :func:`load_isic_2017`, with the license files of the archives in `DESCR`. None if the folder
        has no images.

    Raises
    ------
    ConnectionError
        If the server refuses a file, or several attempts bring no new bytes. The message says how to continue.
    ImportError
        If pooch is not installed (extra ``fetch``).
    OSError
        If the disk is full, or `folder` or a file in an archive can't be written.
    TypeError, ValueError
        If `parts` or `splits` has another value. If a file has a wrong checksum or size, or an archive is damaged or
        holds paths outside its folder; such a file is deleted.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import fetch_isic_2017
    >>> data = fetch_isic_2017("data/isic2017")  # doctest: +SKIP
    """
    return fetch_dataset(_catalog.ISIC_2017, folder, parts=parts, splits=splits, progress=progress)


def fetch_isic_2018(
    folder: PathLike | None = None,
    *,
    task: int = 3,
    parts: Collection[str] | None = None,
    splits: Collection[str] | None = None,
    accept_license: bool = False,
    progress: Progress | None = None,
) -> Bunch | None:
    """Download a task of ISIC 2018, and load it.

    Parameters
    ----------
    folder : path, optional
        Folder of the data set, as in :func:`fetch_isic_2017`. Defaults to ``isic2018`` in ``SKLEARN_MELANOMA_DATA``.
    task : {1, 3}, default=3
        The task: 1 for masks, 3 for diagnoses.
    parts : collection of str, optional
        Which of "images" and "masks" of task 1, or "images" and "tables" of task 3, to download. Defaults to both.
    splits : collection of str, optional
        Which of "training", "validation" and "test" to download. Defaults to all.
    accept_license : bool, default=False
        Whether you accept the terms: CC0 or CC BY-NC 4.0; the file ``LICENSE.txt`` in the archives decides.
    progress : callable, optional
        Function that is called with the progress of each file, as in :func:`fetch_isic_2017`.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or None
        The data, as in :func:`load_isic_2018`. None if the folder has no images.

    Raises
    ------
    ConnectionError, ImportError, OSError, TypeError
        As in :func:`fetch_isic_2017`.
    ValueError
        As in :func:`fetch_isic_2017`, and if a file is missing and `accept_license` is not True.

    Notes
    -----
    The images of task 1 take 14 GB. The images of its validation split take 239 MB.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import fetch_isic_2018
    >>> data = fetch_isic_2018("data/isic2018", task=1, splits=["validation"], accept_license=True)  # doctest: +SKIP
    """
    return fetch_dataset(
        find_task(task), folder, parts=parts, splits=splits, accept_license=accept_license, progress=progress
    )


def fetch_isic_2019(
    folder: PathLike | None = None,
    *,
    parts: Collection[str] | None = None,
    splits: Collection[str] | None = None,
    accept_license: bool = False,
    progress: Progress | None = None,
) -> Bunch | None:
    """Download ISIC 2019, and load it.

    Parameters
    ----------
    folder : path, optional
        Folder of the data set, as in :func:`fetch_isic_2017`. Defaults to ``isic2019`` in ``SKLEARN_MELANOMA_DATA``.
    parts : collection of str, optional
        Which of "images" and "tables" to download. Defaults to all.
    splits : collection of str, optional
        Which of "training" and "test" to download. Defaults to all.
    accept_license : bool, default=False
        Whether you accept the terms: CC BY-NC 4.0.
    progress : callable, optional
        Function that is called with the progress of each file, as in :func:`fetch_isic_2017`.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or None
        The data, as in :func:`load_isic_2019`. None if the folder has no images.

    Raises
    ------
    ConnectionError, ImportError, OSError, TypeError
        As in :func:`fetch_isic_2017`.
    ValueError
        As in :func:`fetch_isic_2017`, and if a file is missing and `accept_license` is not True.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import fetch_isic_2019
    >>> data = fetch_isic_2019("data/isic2019", accept_license=True)  # doctest: +SKIP
    """
    return fetch_dataset(
        _catalog.ISIC_2019, folder, parts=parts, splits=splits, accept_license=accept_license, progress=progress
    )


def fetch_isic_2020(
    folder: PathLike | None = None,
    *,
    parts: Collection[str] | None = None,
    splits: Collection[str] | None = None,
    accept_license: bool = False,
    progress: Progress | None = None,
) -> Bunch | None:
    """Download ISIC 2020, and load it.

    Parameters
    ----------
    folder : path, optional
        Folder of the data set, as in :func:`fetch_isic_2017`. Defaults to ``isic2020`` in ``SKLEARN_MELANOMA_DATA``.
    parts : collection of str, optional
        Which of "images" and "tables" to download. Defaults to all.
    splits : collection of str, optional
        Which of "training" and "test" to download. Defaults to all.
    accept_license : bool, default=False
        Whether you accept the terms: CC BY-NC 4.0 or CC0; the license file in the archives decides.
    progress : callable, optional
        Function that is called with the progress of each file, as in :func:`fetch_isic_2017`.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or None
        The data, as in :func:`load_isic_2020`. None if the folder has no images.

    Raises
    ------
    ConnectionError, ImportError, OSError, TypeError
        As in :func:`fetch_isic_2017`.
    ValueError
        As in :func:`fetch_isic_2017`, and if a file is missing and `accept_license` is not True.

    Notes
    -----
    The archive of the training images has 23 GB, the archive of the test images 6.7 GB. While an archive is unpacked,
    the disk holds the archive and its files.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import fetch_isic_2020
    >>> data = fetch_isic_2020("data/isic2020", accept_license=True)  # doctest: +SKIP
    """
    return fetch_dataset(
        _catalog.ISIC_2020, folder, parts=parts, splits=splits, accept_license=accept_license, progress=progress
    )


def fetch_ham10000(
    folder: PathLike | None = None,
    *,
    parts: Collection[str] | None = None,
    accept_license: bool = False,
    progress: Progress | None = None,
) -> Bunch | None:
    """Download HAM10000, and load it.

    Parameters
    ----------
    folder : path, optional
        Folder of the data set, as in :func:`fetch_isic_2017`. Defaults to ``ham10000`` in ``SKLEARN_MELANOMA_DATA``.
    parts : collection of str, optional
        Which of "images", "masks" and "tables" to download. Defaults to all.
    accept_license : bool, default=False
        Whether you accept the terms: CC BY-NC 4.0.
    progress : callable, optional
        Function that is called with the progress of each file, as in :func:`fetch_isic_2017`.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or None
        The data, as in :func:`load_ham10000`. None if the folder has no images or no table.

    Raises
    ------
    ConnectionError, ImportError, OSError, TypeError
        As in :func:`fetch_isic_2017`.
    ValueError
        As in :func:`fetch_isic_2017`, and if a file is missing and `accept_license` is not True.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import fetch_ham10000
    >>> data = fetch_ham10000("data/ham10000", accept_license=True)  # doctest: +SKIP
    """
    return fetch_dataset(_catalog.HAM10000, folder, parts=parts, accept_license=accept_license, progress=progress)
