"""Download of public data sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import DataSet, RemoteFile
from sklearn_melanoma.datasets._derm7pt import load_derm7pt
from sklearn_melanoma.datasets._download import Progress, check_pooch, fetch_file
from sklearn_melanoma.datasets._files import resolve_folder
from sklearn_melanoma.datasets._ham10000 import load_ham10000
from sklearn_melanoma.datasets._isic_2016 import load_isic_2016
from sklearn_melanoma.datasets._isic_2017 import load_isic_2017
from sklearn_melanoma.datasets._isic_2018 import load_isic_2018
from sklearn_melanoma.datasets._isic_2019 import load_isic_2019
from sklearn_melanoma.datasets._isic_2020 import load_isic_2020
from sklearn_melanoma.datasets._isic_archive import load_isic_archive
from sklearn_melanoma.datasets._pad_ufes_20 import load_pad_ufes_20
from sklearn_melanoma.datasets._ph2 import load_ph2

#: Loaders of all public data sets by name.
LOADERS: dict[str, Callable[[PathLike | None], Bunch]] = {
    "isic2016": load_isic_2016,
    "isic2017": load_isic_2017,
    "isic2018_task1": partial(load_isic_2018, task=1),
    "isic2018_task3": partial(load_isic_2018, task=3),
    "isic2019": load_isic_2019,
    "isic2020": load_isic_2020,
    "ham10000": load_ham10000,
    "ph2": load_ph2,
    "derm7pt": load_derm7pt,
    "pad_ufes_20": load_pad_ufes_20,
    "isic_archive": load_isic_archive,
}


def fetch_dataset(
    dataset: DataSet,
    folder: PathLike | None,
    *,
    parts: Collection[str] | None = None,
    splits: Collection[str] | None = None,
    accept_license: bool = False,
    progress: Progress | None = None,
) -> Bunch | None:
    """Download the missing files of a data set, and load the folder.

    Parameters
    ----------
    dataset : DataSet
        The data set.
    folder : path or None
        Folder of the data set. It is made if it does not exist.
    parts : collection of str, optional
        Parts to download: "images", "masks", "tables". Defaults to all.
    splits : collection of str, optional
        Official splits to download. Defaults to all.
    accept_license : bool, default=False
        Whether the user accepts the terms.
    progress : callable, optional
        Function of the name of a file, the number of its bytes so far, and the number of all its bytes (None if
        unknown).

    Returns
    -------
    Bunch or None
        The data, as the loader of the data set returns them; None if the folder lacks required parts, such as images.
    """
    check_by_hand(dataset)
    chosen = choose_files(dataset, parts, splits)
    root = resolve_folder(folder, dataset.folder, must_exist=False)
    missing = find_missing(chosen, root)
    if missing and dataset.needs_consent and not accept_license:
        raise ValueError(
            f"accept_license must be True to download {dataset.title}, got False. Its terms: {dataset.terms}. Read "
            f"them at {dataset.source}, then pass accept_license=True."
        )
    if missing:
        check_pooch()
        root.mkdir(parents=True, exist_ok=True)
    for remote in missing:
        fetch_file(remote, root, progress)
    absent = find_missing(dataset.files, root)
    there = {remote.part for remote in dataset.files if remote not in absent}
    if not there.issuperset(dataset.required):
        return None
    data = LOADERS[dataset.name](root)
    data.DESCR += _quote_licenses(dataset, root)
    return data


def check_by_hand(dataset: DataSet) -> None:
    """Raise an error that explains how to get a data set if a program can't download it."""
    if not dataset.files:
        raise ValueError(
            f"{dataset.title} must be downloaded by hand, from {dataset.source} (terms: {dataset.terms}). "
            f"{dataset.by_hand}"
        )


def choose_files(dataset: DataSet, parts: Collection[str] | None, splits: Collection[str] | None) -> list[RemoteFile]:
    """Return the files of the parts and splits that were asked for."""
    for name, given, offered in (
        ("parts", parts, list(dict.fromkeys(remote.part for remote in dataset.files))),
        ("splits", splits, list(dict.fromkeys(remote.split for remote in dataset.files if remote.split))),
    ):
        if given is None:
            continue
        if isinstance(given, str) or not isinstance(given, Collection):
            raise TypeError(f"{name} must be a collection of str, got {given!r}. Pass for example {tuple(offered)}.")
        if not offered:
            raise ValueError(f"{name} must be left out for {dataset.title}, which has none, got {given!r}.")
        unknown = [each for each in given if each not in offered]
        if unknown or not given:
            raise ValueError(
                f"{name} must be one of {', '.join(map(repr, offered))} for {dataset.title}, got "
                f"{', '.join(map(repr, unknown)) or 'none'}. Leave out {name} for all."
            )
    return [
        remote
        for remote in dataset.files
        if (parts is None or remote.part in parts) and (splits is None or remote.split in splits)
    ]


def find_missing(files: Collection[RemoteFile], folder: Path) -> list[RemoteFile]:
    """Return the files that a folder lacks."""
    return [
        remote
        for remote in files
        if not any(_has_content(folder / name) for name in (remote.target, *remote.other_names))
    ]


def _has_content(path: Path) -> bool:
    """Return whether a file exists, or a folder that is not empty."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _quote_licenses(dataset: DataSet, root: Path) -> str:
    """Return the beginnings of the license files in the archives of a data set."""
    folders = [root / remote.target for remote in dataset.files if remote.is_archive]
    paths = [path for folder in folders for path in sorted(folder.glob("[Ll][Ii][Cc][Ee][Nn]*")) if path.is_file()]
    texts: dict[str, Path] = {}  # the same text is in several archives
    for path in paths:
        text = " ".join(path.read_text("utf-8", errors="replace").split())
        texts.setdefault(text[:300] + "…" * (len(text) > 300), path)
    return "".join(f"{os.path.relpath(path, root)}: {text}\n" for text, path in texts.items())
