"""What images come to where rows are kept from one call to the next."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import FeatureUnion

from sklearn_melanoma._base import LesionTransformer
from sklearn_melanoma._sklearn_compat import wrap_rows
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.pipeline._batches import Batch, Outcome, Part
from sklearn_melanoma.pipeline._memory.cache import RowCache, is_unchanged
from sklearn_melanoma.pipeline._memory.keys import digest_steps
from sklearn_melanoma.pipeline._memory.store import Row

_PAUSES = (0.01, 0.5)  # seconds between two looks at what other processes are at work on, at first and at last


class NotKeptError(Exception):
    """The steps are such that their rows can't be kept; the message says why, if that is worth a word."""


class Remembered(Outcome):
    """Rows of images, taken from a folder where they are there, and added to it where not.

    Parameters
    ----------
    folder : str or PathLike
        Where the rows are kept.
    steps : sequence of transformer
        What every image passes.
    images : sequence of images
        The images.

    Raises
    ------
    NotKeptError
        If the last step makes no rows, or a step can't be told from others.
    """

    def __init__(self, folder: PathLike, steps: Sequence[Any], images: Sequence[Any]):
        super().__init__(steps, images)
        if not steps or isinstance(steps[-1], LesionTransformer):
            raise NotKeptError
        *self._before, self._last = steps
        try:
            self._work = digest_steps(self._before)
            members = _members(self._last)
            self._kinds = [digest_steps([member], self._work) for member in members]  # two members may be alike
        except Exception as error:
            raise NotKeptError(f"a step can't be told from others: {error}") from error
        self._members = dict(zip(self._kinds, members, strict=True))
        self._cache = RowCache(folder)
        self._known: dict[bytes, dict[bytes, Row]] = {}  # by kind, in the order of the members, and image
        self._own: dict[int, dict[bytes, Row]] = {}  # by position and kind: rows that are not kept

    def __enter__(self) -> Self:
        self._photos, self._files = self._cache.name_images(self.images)
        self._known = self._cache.find(list(self._members), self._photos)
        return self

    def __exit__(self, *exception: object) -> None:
        self._cache.close()
        self.problem = self._cache.problem

    @property
    def n_open(self) -> int:
        """Number of images of which not all is known."""
        return len(self._open())

    @property
    def n_done(self) -> int:
        """Number of images, counted from the first, of which all is known."""
        return next(iter(self._open()), len(self.images))

    def _open(self) -> list[int]:
        first, *others = self._known.values()
        known = first.keys() if not others else first.keys() & set.intersection(*map(set, others))
        return [i for i, photo in enumerate(self._photos) if photo not in known and i not in self._own]

    def rounds(self, batch_size: int) -> Iterator[Iterable[Batch]]:
        """Give out images that are not known and that nobody else is at work on, until all are known.

        Between rounds nothing is claimed, so that processes which wait for each other do so in no circle.
        """
        pause, longest = _PAUSES
        while n_open := self.n_open:
            yield self._batches(batch_size)
            if self.n_open < n_open:
                pause = _PAUSES[0]
            else:
                time.sleep(pause)
                pause = min(2 * pause, longest)

    def _batches(self, batch_size: int) -> Iterator[Batch]:
        once: set[bytes] = set()  # the second of two equal images is known in the next round
        positions: list[int] = []
        for position in self._open():
            photo = self._photos[position]
            if photo not in once:
                positions.append(position)
            if photo is not None:
                once.add(photo)
            if len(positions) == batch_size:
                yield from self._claim(positions)
                positions = []
        yield from self._claim(positions)

    def _claim(self, positions: list[int]) -> Iterator[Batch]:
        photos = [photo for photo in (self._photos[position] for position in positions) if photo is not None]
        found, mine = self._cache.claim(self._work, list(self._members), photos) if photos else ({}, set())
        for kind, rows in found.items():
            self._known[kind] |= rows
        chosen = [position for position in positions if self._photos[position] in {None, *mine}]
        if chosen:
            wanted = [self._photos[position] for position in chosen]
            members = {
                kind: self._members[kind]
                for kind, known in self._known.items()
                if any(photo not in known for photo in wanted)
            }
            yield Batch([*self._before, _Blocks(members)], chosen)

    def add(self, part: Part) -> None:
        """Take what came of a batch, and keep the rows of images that could be read and are still the same."""
        fresh: dict[bytes, dict[bytes, Row]] = {kind: {} for kind in part.output}
        done = []
        for place, position in enumerate(part.positions):
            photo, file = self._photos[position], self._files[position]
            rows = {kind: Row(block[place], position in part.lost) for kind, block in part.output.items()}
            if photo is not None:
                done.append(photo)
            if photo is None or position in part.skipped or (file is not None and not is_unchanged(file)):
                known = {kind: self._known[kind].get(photo) for kind in self._members} if photo is not None else {}
                self._own[position] = {**known, **rows}  # type: ignore[dict-item]  # each kind is in one of them
            else:
                for kind, row in rows.items():
                    fresh[kind][photo] = row
        for kind, of_photos in fresh.items():
            self._known[kind] |= of_photos
        self._cache.keep(fresh, work=self._work, done=done)
        self._tell((), part.skipped)

    def output(self) -> Any:
        """Return the rows of the first `n_done` images, in the container that the last step makes.

        Raises
        ------
        NotKeptError
            If the members of a union make numbers of different types: tables hold both side by side.
        """
        positions = range(self.n_done)
        rows = [[self._row(position, kind) for position in positions] for kind in self._kinds]
        self._tell((position for position, row in enumerate(rows[0]) if row.lost), {})
        blocks = [np.array([row.numbers for row in of_kind]) for of_kind in rows]
        if len({block.dtype for block in blocks}) > 1:
            raise NotKeptError
        return wrap_rows(np.hstack(blocks), self._last)

    def _row(self, position: int, kind: bytes) -> Row:
        own = self._own.get(position)
        return self._known[kind][self._photos[position]] if own is None else own[kind]  # type: ignore[index]


class _Blocks:
    """A last step that returns the rows of each of some transformers on their own, by kind."""

    def __init__(self, members: dict[bytes, Any]):
        self._members = members

    def transform(self, images: Any) -> dict[bytes, NDArray[Any]]:
        return {kind: _numbers(member, member.transform(images)) for kind, member in self._members.items()}


def _members(last: Any) -> list[Any]:
    """Return what the rows of the last step are made of: for a plain union, its members, each kept on its own."""
    if type(last) is FeatureUnion and not last.transformer_weights:
        members = [member for _, member in last.transformer_list if member != "drop"]
        if members and all(hasattr(member, "get_feature_names_out") for member in members):
            return members
    return [last]


def _numbers(member: Any, output: Any) -> NDArray[Any]:
    """Return rows as an array, if they can be made from it again just as they are."""
    with suppress(Exception):
        array = np.asarray(output)
        again = wrap_rows(array, member)
        same = type(again) is type(output) and list(getattr(again, "dtypes", ())) == list(getattr(output, "dtypes", ()))
        if array.ndim == 2 and array.dtype.kind in "biuf" and same:
            return array
    raise NotKeptError
