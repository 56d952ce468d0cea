"""Results of a pipeline with a cache of feature rows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._base import LesionTransformer
from sklearn_melanoma._sklearn_compat import wrap_rows
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.pipeline._batches import Batch, BatchResult, Outcome
from sklearn_melanoma.pipeline._memory.cache import RowCache, is_unchanged
from sklearn_melanoma.pipeline._memory.keys import digest_steps
from sklearn_melanoma.pipeline._memory.store import CachedRow
from sklearn_melanoma.pipeline._rows import compute_rows, has_plain_rows, split_union

_PAUSES = (0.01, 0.5)  # first and longest pause, in seconds, before the next search for rows of other processes


class NotCacheableError(Exception):
    """The rows of the steps can't be cached. The message is the reason to warn about, or is empty."""


class CachedOutcome(Outcome):
    """Results of all images of one call: cached rows if possible; other rows are computed and added to the cache.

    The members of a plain FeatureUnion are cached separately.

    Parameters
    ----------
    folder : str or PathLike
        Folder of the cache.
    steps : sequence of transformer
        The steps that every image passes.
    images : sequence of images
        The images.

    Raises
    ------
    NotCacheableError
        If the last step does not return rows, or a step has no cache key.
    """

    def __init__(self, folder: PathLike, steps: Sequence[Any], images: Sequence[Any]):
        super().__init__(steps, images)
        if not steps or isinstance(steps[-1], LesionTransformer):
            raise NotCacheableError
        *self._prefix, self._last = steps
        try:
            self._prefix_key = digest_steps(self._prefix)
            members = split_union(self._last)
            # Equal members of a union have the same key.
            self._steps_keys = [digest_steps([member], self._prefix_key) for member in members]
        except Exception as error:
            raise NotCacheableError(f"the cache key of a step can't be computed: {error}") from error
        self._members = dict(zip(self._steps_keys, members, strict=True))
        self._cache = RowCache(folder)
        self._rows: dict[bytes, dict[bytes, CachedRow]] = {}  # by steps key, in the order of the members, and image key
        self._uncached: dict[int, dict[bytes, CachedRow]] = {}  # rows that can't be cached, by position and steps key

    def __enter__(self) -> Self:
        try:
            self._image_keys, self._files = self._cache.get_image_keys(self.images)
            self._rows = self._cache.find_rows(list(self._members), self._image_keys)
        except BaseException:  # error of the user's sequence of images
            self._cache.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._cache.close()
        self.problem = self._cache.problem

    @property
    def n_pending(self) -> int:
        """Number of images without all rows."""
        return len(self._find_pending())

    @property
    def n_done(self) -> int:
        """Number of leading images that have all rows."""
        return next(iter(self._find_pending()), len(self.images))

    def _find_pending(self) -> list[int]:
        if not self._rows:  # the user's sequence of images raised an error
            return list(range(len(self.images)))
        first, *others = self._rows.values()
        complete = first.keys() if not others else first.keys() & set.intersection(*map(set, others))
        return [i for i, key in enumerate(self._image_keys) if key not in complete and i not in self._uncached]

    def rounds(self, batch_size: int) -> Iterator[Iterable[Batch]]:
        """Yield batches of images with missing rows that no other process has claimed, until all images have all rows.

        Between rounds, no image is claimed. So processes that wait for each other can't deadlock.
        """
        pause, longest = _PAUSES
        while n_pending := self.n_pending:
            yield self._make_batches(batch_size)
            if self.n_pending < n_pending:
                pause = _PAUSES[0]
            else:
                time.sleep(pause)
                pause = min(2 * pause, longest)

    def _make_batches(self, batch_size: int) -> Iterator[Batch]:
        batched: set[bytes] = set()  # the row of an equal image is cached in the next round
        positions: list[int] = []
        for position in self._find_pending():
            image_key = self._image_keys[position]
            if image_key not in batched:
                positions.append(position)
            if image_key is not None:
                batched.add(image_key)
            if len(positions) == batch_size:
                yield from self._claim_batch(positions)
                positions = []
        yield from self._claim_batch(positions)

    def _claim_batch(self, positions: list[int]) -> Iterator[Batch]:
        """Yield a batch of the images that could be claimed, with the union members whose rows are missing."""
        keys = [key for key in (self._image_keys[position] for position in positions) if key is not None]
        found, claimed = self._cache.claim_images(self._prefix_key, list(self._members), keys) if keys else ({}, set())
        for steps_key, rows in found.items():
            self._rows[steps_key] |= rows
        chosen = [position for position in positions if self._image_keys[position] in {None, *claimed}]
        if chosen:
            chosen_keys = [self._image_keys[position] for position in chosen]
            members = {
                steps_key: self._members[steps_key]
                for steps_key, rows in self._rows.items()
                if any(image_key not in rows for image_key in chosen_keys)
            }
            yield Batch([*self._prefix, _SeparateMembers(members)], chosen)

    def add(self, result: BatchResult) -> None:
        """Add the result of a batch. Cache the rows of images that were read and whose files have not changed."""
        computed: dict[bytes, dict[bytes, CachedRow]] = {steps_key: {} for steps_key in result.output}
        release = []
        for place, position in enumerate(result.positions):
            image_key, file = self._image_keys[position], self._files[position]
            without_lesion = position in result.without_lesion
            rows = {key: CachedRow(block[place], without_lesion) for key, block in result.output.items()}
            if image_key is not None:
                release.append(image_key)
            if image_key is None or position in result.skipped or (file is not None and not is_unchanged(file)):
                others = {} if image_key is None else {key: self._rows[key].get(image_key) for key in self._members}
                self._uncached[position] = {**others, **rows}  # type: ignore[dict-item]  # each key is in one of them
            else:
                for steps_key, row in rows.items():
                    computed[steps_key][image_key] = row
        for steps_key, by_image in computed.items():
            self._rows[steps_key] |= by_image
        self._cache.add_rows(computed, prefix_key=self._prefix_key, release=release)
        self._record_warnings((), result.skipped)

    def output(self) -> Any:
        """Return the rows of the first `n_done` images, in the container of the last step.

        Raises
        ------
        NotCacheableError
            If the members of a union return different dtypes. A table can have both, but an array of all rows can't.
        """
        positions = range(self.n_done)
        rows = [[self._get_row(position, key) for position in positions] for key in self._steps_keys]
        self._record_warnings((position for position, row in enumerate(rows[0]) if row.without_lesion), {})
        blocks = [np.array([row.numbers for row in of_member]) for of_member in rows]
        if len({block.dtype for block in blocks}) > 1:
            raise NotCacheableError
        return wrap_rows(np.hstack(blocks), self._last)

    def _get_row(self, position: int, steps_key: bytes) -> CachedRow:
        uncached = self._uncached.get(position)
        if uncached is not None:
            return uncached[steps_key]
        return self._rows[steps_key][self._image_keys[position]]  # type: ignore[index]


class _SeparateMembers:
    """Last step that returns the rows of each member separately, by steps key."""

    def __init__(self, members: dict[bytes, Any]):
        self._members = members

    def transform(self, images: Any) -> dict[bytes, NDArray[Any]]:
        return {
            key: compute_rows(member, images)
            if has_plain_rows(member)
            else _convert_rows(member, member.transform(images))
            for key, member in self._members.items()
        }


def _convert_rows(member: Any, output: Any) -> NDArray[Any]:
    """Convert rows to an array, if `wrap_rows` restores the same container and dtypes from it."""
    with suppress(Exception):
        array = np.asarray(output)
        again = wrap_rows(array, member)
        same = type(again) is type(output) and list(getattr(again, "dtypes", ())) == list(getattr(output, "dtypes", ()))
        if array.ndim == 2 and array.dtype.kind in "biuf" and same:
            return array
    raise NotCacheableError
