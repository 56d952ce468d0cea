"""Records, features and quality of images. Each image is read and segmented once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Array
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.inspection._models import ImageModel, TablePart, compare_with_training, find_parts
from sklearn_melanoma.inspection._quality import QUALITY_NUMBERS, set_flags
from sklearn_melanoma.inspection._records import ImageRecorder, Record
from sklearn_melanoma.segmentation import WatershedSegmenter

if TYPE_CHECKING:
    import pandas as pd


class ImageData:
    """Records of all images, and features and quality of readable images.

    Parameters
    ----------
    X : sequence of images, or DataFrame
        Input of the model.
    model : ImageModel, optional
        A fitted classifier of images. Its steps read, segment and measure them. By default, images without a mask are
        segmented, and there are no features.
    thumbnails : bool, default=True
        Whether to keep thumbnails.
    n_jobs : int, optional
        Number of processes. Defaults to the number of the model.

    Attributes
    ----------
    records : list of Record
        Records of all images.
    readable : ndarray of shape (n_readable,), dtype int
        Positions of the images that could be read. All properties have one element for each of them.
    """

    def __init__(self, X: Any, model: ImageModel | None = None, *, thumbnails: bool = True, n_jobs: int | None = None):
        self.X = X
        self.model = model
        steps, images = [ImageReader(), _MissingMasks()], X
        if model is not None:
            steps, n_jobs = model.steps, model.images.n_jobs if n_jobs is None else n_jobs
            images = X[model.images.image_] if model.takes_table else X
        self.records = ImageRecorder(steps, thumbnails=thumbnails, n_jobs=n_jobs).record(images)
        self.readable = np.flatnonzero([record.error is None for record in self.records])

    @property
    def shown(self) -> list[Record]:
        """Records of the images that could be read."""
        return [self.records[i] for i in self.readable]

    @cached_property
    def features(self) -> pd.DataFrame:
        """Features, as the image steps of the model made them."""
        import pandas as pd

        assert self.model is not None
        rows = np.array([record.row for record in self.shown], dtype=np.float64)
        if self.model.takes_table:
            rows = np.hstack([rows, self.model.images._encode_columns(self.X)[self.readable]])
        return pd.DataFrame(rows.reshape(len(self.readable), len(self.model.names)), columns=self.model.names)

    @cached_property
    def parts(self) -> list[TablePart]:
        """The classifiers of the model, with their transformers."""
        return [] if self.model is None else find_parts(self.model.tabular)

    @cached_property
    def quality(self) -> dict[str, Array]:
        """Numbers of quality by name."""
        numbers = {
            name: np.array([record.quality[name] for record in self.shown], dtype=np.float64)
            for name in QUALITY_NUMBERS
        }
        compared = compare_with_training(self.parts[0], self.features) if self.shown and self.parts else None
        return numbers if compared is None else numbers | {"beyond_training": compared[0]}

    @cached_property
    def flags(self) -> dict[str, NDArray[np.bool_]]:
        """Quality flags by name."""
        return set_flags(self.quality)

    @property
    def skin_ita(self) -> Array:
        """Individual typology angle of the skin, in degrees."""
        return np.array([record.skin_ita for record in self.shown], dtype=np.float64)

    def make_quality_table(self) -> pd.DataFrame:
        """Return flags, numbers and errors of all images, with their positions as index."""
        import pandas as pd

        everywhere = range(len(self.records))
        flags, numbers = (
            pd.DataFrame(values, index=self.readable).reindex(everywhere) for values in (self.flags, self.quality)
        )
        errors = [record.error or "" for record in self.records]
        table = pd.concat([flags == True, numbers.drop(columns="no_lesion")], axis=1)  # noqa: E712
        table.insert(0, "unreadable", [bool(error) for error in errors])
        return table.assign(error=errors)


class _MissingMasks:
    """Image step that segments lesions without a mask."""

    def transform(self, X: list[Lesion]) -> list[Lesion]:
        return [lesion if lesion.mask is not None else WatershedSegmenter().transform([lesion])[0] for lesion in X]
