"""A few images at a time through some steps, and what all of them come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import element_label, element_of_error, rebase_error, source_name
from sklearn_melanoma.pipeline._stack import Stack


class Batch(NamedTuple):
    """Images that pass some steps together, by their positions in the caller's sequence."""

    steps: Sequence[Any]
    positions: Sequence[int]


class Part(NamedTuple):
    """What comes back from one batch; images by their positions in the caller's sequence."""

    positions: Sequence[int]
    output: Any
    lost: set[int]  # images in which no lesion was found
    skipped: dict[int, str]  # images that could not be read or measured, and why


class Outcome:
    """What all images of one call come to, kept part by part.

    Parameters
    ----------
    steps : sequence of transformer
        What every image passes.
    images : sequence of images
        The images.
    problem : str, optional
        What did not go as the user meant it to.
    """

    def __init__(self, steps: Sequence[Any], images: Sequence[Any], problem: str | None = None):
        self.steps = steps
        self.images = images
        self.problem = problem
        self.lost: dict[int, str] = {}
        self.skipped: dict[int, str] = {}
        self._stack = Stack(len(images))
        self._n_done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def n_open(self) -> int:
        """Number of images that are yet to be worked on."""
        return len(self.images) - self._n_done

    @property
    def n_done(self) -> int:
        """Number of images, counted from the first, of which all is known."""
        return self._n_done

    def rounds(self, batch_size: int) -> Iterator[Iterable[Batch]]:
        """Give out the images in batches, in as many rounds as it takes."""
        n_images = len(self.images)
        # No image at all still makes one batch: its output has the columns.
        starts = range(0, max(n_images, 1), batch_size)
        yield (Batch(self.steps, range(start, min(start + batch_size, n_images))) for start in starts)

    def add(self, part: Part) -> None:
        """Take what came of a batch; batches come in the order in which they were given out."""
        self._stack.add(part.output)
        self._n_done += len(part.positions)
        self._tell(part.lost, part.skipped)

    def _tell(self, lost: Iterable[int], skipped: Mapping[int, str]) -> None:
        """Record images without a lesion and skipped images for the warnings."""
        self.lost |= {i: element_label(i, self.images[i]) for i in lost}
        self.skipped |= skipped

    def output(self) -> Any:
        """Return the rows, or lesions, of the first `n_done` images."""
        return self._stack.all()


def run_batch(batch: Batch, images: list[Any], on_error: str) -> Part:
    """Take the images of a batch through its steps."""
    positions = batch.positions
    skipped: dict[int, str] = {}
    inputs = list(images)
    while True:
        try:
            output, lost = _run_steps(batch.steps, inputs)
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
            inputs[place] = _blank(images[place])
    return Part(
        positions,
        output,
        {positions[place] for place in lost if place not in skipped},
        {positions[place]: skipped[place] for place in sorted(skipped)},
    )


def _run_steps(steps: Sequence[Any], images: Any) -> tuple[Any, list[int]]:
    """Return the last step's output, and the places of the images in which no lesion was found."""
    lost: set[int] = set()
    for step in steps:
        images = step.transform(images)
        if isinstance(images, list):
            lost.update(
                i for i, x in enumerate(images) if isinstance(x, Lesion) and x.mask is not None and not x.area_px
            )
    return images, sorted(lost)


def _blank(image: Any) -> Lesion:
    """Return what takes the place of an image that was skipped: no lesion, so every feature is NaN."""
    return Lesion(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.bool_), source=source_name(image))


class Transformed(Sequence[Any]):
    """What some steps make of a sequence of images, computed when an element is asked for."""

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
