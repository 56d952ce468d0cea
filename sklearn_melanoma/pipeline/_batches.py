"""Batches of images, and their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import wrap_rows
from sklearn_melanoma._validation import element_label, element_of_error, rebase_error, source_name
from sklearn_melanoma.pipeline._rows import compute_rows, has_plain_rows, transform_by_position
from sklearn_melanoma.pipeline._stack import Stack


class Batch(NamedTuple):
    """Steps, and images that pass them together. Positions refer to the caller's sequence."""

    steps: Sequence[Any]
    positions: Sequence[int]


class BatchResult(NamedTuple):
    """Output of one batch. Positions refer to the caller's sequence."""

    positions: Sequence[int]
    output: Any
    without_lesion: set[int]  # images in which no lesion was found
    skipped: dict[int, str]  # images that could not be read or measured: their error messages


class Outcome:
    """Results of all images of one call, collected batch by batch.

    Parameters
    ----------
    steps : sequence of transformer
        The steps that every image passes.
    images : sequence of images
        The images.
    problem : str, optional
        Reason why the cache can't be used.
    """

    def __init__(self, steps: Sequence[Any], images: Sequence[Any], problem: str | None = None):
        self.steps = steps
        self.images = images
        self.problem = problem
        self.without_lesion: dict[int, str] = {}  # labels for the warning, by position
        self.skipped: dict[int, str] = {}
        self._stack = Stack(len(images))
        self._n_done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def n_pending(self) -> int:
        """Number of images without a result."""
        return len(self.images) - self._n_done

    @property
    def n_done(self) -> int:
        """Number of leading images that have a result."""
        return self._n_done

    def rounds(self, batch_size: int) -> Iterator[Iterable[Batch]]:
        """Yield the batches, in one or more rounds."""
        n_images = len(self.images)
        # Zero images still make one batch, because its output has the columns.
        starts = range(0, max(n_images, 1), batch_size)
        yield (Batch(self.steps, range(start, min(start + batch_size, n_images))) for start in starts)

    def add(self, result: BatchResult) -> None:
        """Add the result of a batch. Results are added in the order of their batches."""
        self._stack.add(result.output)
        self._n_done += len(result.positions)
        self._record_warnings(result.without_lesion, result.skipped)

    def _record_warnings(self, without_lesion: Iterable[int], skipped: Mapping[int, str]) -> None:
        self.without_lesion |= {i: element_label(i, self.images[i]) for i in without_lesion}
        self.skipped |= skipped

    def output(self) -> Any:
        """Return the rows, or lesions, of the first `n_done` images."""
        output = self._stack.concatenate()
        return wrap_rows(output, self.steps[-1]) if self.steps and has_plain_rows(self.steps[-1]) else output


def run_batch(batch: Batch, images: list[Any], on_error: str) -> BatchResult:
    """Transform the images of a batch with its steps."""
    positions = batch.positions
    skipped: dict[int, str] = {}
    inputs = list(images)
    while True:
        try:
            output, without_lesion = _run_steps(batch.steps, inputs)
            break
        except Exception as error:
            place = element_of_error(error)
            if place is None:
                if positions:
                    error.add_note(f"While working on X[{positions[0]}] to X[{positions[-1]}].")
                raise
            located = rebase_error(error, positions[place] - place)
            if on_error == "raise" or place in skipped:
                raise located from error
            skipped[place] = str(located)
            inputs[place] = _make_placeholder(images[place])
    return BatchResult(
        positions,
        output,
        {positions[place] for place in without_lesion if place not in skipped},
        {positions[place]: skipped[place] for place in sorted(skipped)},
    )


def _run_steps(steps: Sequence[Any], images: Any) -> tuple[Any, list[int]]:
    """Return the output of the last step, and the indices of the images in which no lesion was found."""
    without_lesion: set[int] = set()
    for step in steps:
        if step is steps[-1] and has_plain_rows(step):
            images = compute_rows(step, images)
        else:
            images = transform_by_position(step, images)
        if isinstance(images, list):
            without_lesion.update(
                i for i, x in enumerate(images) if isinstance(x, Lesion) and x.mask is not None and not x.area_px
            )
    return images, sorted(without_lesion)


def _make_placeholder(image: Any) -> Lesion:
    """Return a Lesion with an empty mask for a skipped image. All its features are NaN."""
    return Lesion(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.bool_), source=source_name(image))


class Transformed(Sequence[Any]):
    """Sequence of images that transforms an element when it is accessed."""

    def __init__(self, images: Any, steps: Sequence[Any]):
        self._images = images
        self._steps = steps

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"position {index} is out of range for {len(self)} images")
        return run_batch(Batch(self._steps, [position]), [self._images[position]], "raise").output[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))
