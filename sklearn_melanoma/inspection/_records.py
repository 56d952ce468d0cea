"""Records of images: features, quality and thumbnail. Each image is read and segmented once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sklearn_melanoma._base import ImageTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation import check_images, element_of_error, rebase_error, source_name
from sklearn_melanoma.features._color import Colors
from sklearn_melanoma.inspection._quality import measure_quality
from sklearn_melanoma.inspection._thumbnails import make_thumbnail, trace_border


class Record(NamedTuple):
    """Record of one image; an unreadable image only has the error."""

    source: str | None
    error: str | None = None
    row: Array | None = None  # row of features, if the steps make one
    quality: dict[str, float] = {}  # noqa: RUF012
    skin_ita: float = np.nan
    shape: tuple[int, ...] = (1, 1)  # of the image
    thumbnail: bytes = b""
    border: str = ""


class ImageRecorder(ImageTransformer):
    """Run the steps of an image pipeline, and keep a record of each image instead of its pixels.

    Parameters
    ----------
    steps : list of transformer
        Image steps; the first one reads. The last one may make rows of features.
    thumbnails : bool, default=True
        Whether to keep thumbnails and borders.
    n_jobs : int, optional
        Number of processes.
    """

    def __init__(self, steps: Sequence[Any], *, thumbnails: bool = True, n_jobs: int | None = None):
        self.steps = steps
        self.thumbnails = thumbnails
        self.n_jobs = n_jobs

    def record(self, images: Any) -> list[Record]:
        """Return one record for each image, in their order."""
        return [record for records in self._transform_chunks(check_images(images)) for record in records]

    def _transform_chunk(self, start: int, images: Sequence[Any]) -> list[Record]:
        return [self._record_image(position, image) for position, image in enumerate(images, start)]

    def _record_image(self, position: int, image: Any) -> Record:
        try:
            lesions, row = self._run_steps(image)
        except (ValueError, TypeError, OSError) as error:
            if element_of_error(error) is None:  # this error is not about the image
                raise
            return Record(source_name(image), error=str(rebase_error(error, position)))
        return self._make_record(lesions[0], lesions[-1], row)

    def _run_steps(self, image: Any) -> tuple[list[Lesion], Array | None]:
        """Return the lesion after each step that makes one, and the row of features."""
        current: Any = [image]
        lesions = [image] if isinstance(image, Lesion) else []
        for step in self.steps:
            current = step.transform(current)
            if isinstance(current, list) and isinstance(current[0], Lesion):
                lesions.append(current[0])
        row = None if isinstance(current, list) else np.asarray(current, dtype=np.float64)[0]
        return lesions, row

    def _make_record(self, first: Lesion, last: Lesion, row: Array | None) -> Record:
        # The original image, before a step removed hair or changed colors.
        shown = last
        if first.image is not last.image and first.image.shape == last.image.shape:
            shown = first.with_mask(last.mask)
        return Record(
            shown.source,
            row=row,
            quality=measure_quality(shown),
            skin_ita=shown.shared(Colors.of).skin_ita if shown.area_px else np.nan,
            shape=shown.image.shape[:2],
            thumbnail=make_thumbnail(shown.image) if self.thumbnails else b"",
            border=trace_border(shown.mask) if self.thumbnails and shown.area_px and shown.mask is not None else "",
        )
