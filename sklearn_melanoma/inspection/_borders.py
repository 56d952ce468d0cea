"""Borders drawn over images."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._io.reading import read_lesion, read_mask, resize_mask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import check_images, element_errors, is_missing
from sklearn_melanoma.metrics import mask_jaccard

FOUND_COLOR = "#ffd400"  # both stand out from skin and from pigment, and from each other for the color-blind
TRUE_COLOR = "#00b4ff"


class BorderDisplay:
    """Images with the border that was found and, where it is known, the true one.

    Make one with :meth:`from_estimator` or :meth:`from_lesions`.

    Parameters
    ----------
    lesions : sequence of Lesion
        Images with the masks that were found; a mask of None draws no border.
    true_masks : sequence of ndarray of shape (height, width), dtype bool, optional
        The true masks, at the size of the lesions' images; None where there is none.

    Attributes
    ----------
    lesions : list of Lesion
        What is drawn.
    true_masks : list of ndarray or None
        What is drawn beside it.
    jaccard : list of float
        Jaccard index of each image; NaN where there is no true mask.
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        One for each image, after :meth:`plot`.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import BorderDisplay
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> photos = make_lesions(4, random_state=0)
    >>> display = BorderDisplay.from_estimator(WatershedSegmenter(), photos.images, photos.masks)
    >>> len(display.axes_)
    4
    """

    def __init__(self, lesions: Sequence[Lesion], true_masks: Sequence[NDArray[np.bool_] | None] | None = None):
        self.lesions = list(lesions)
        self.true_masks = [None] * len(self.lesions) if true_masks is None else list(true_masks)
        self.jaccard = [
            float("nan") if truth is None or lesion.mask is None else mask_jaccard(truth, lesion.mask)
            for lesion, truth in zip(self.lesions, self.true_masks, strict=True)
        ]

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any = None, *, n_columns: int = 4) -> Self:
        """Segment images and draw what was found.

        Parameters
        ----------
        estimator : transformer
            A segmenter, or a pipeline that ends in one.
        X : sequence of images
            Paths, arrays, PIL images or lesions.
        y : sequence of masks, optional
            True masks as arrays or paths; None where there is none.
        n_columns : int, default=4
            Images per row.

        Returns
        -------
        BorderDisplay
            Already drawn.
        """
        return cls.from_lesions(estimator.transform(X), y, n_columns=n_columns)

    @classmethod
    def from_lesions(cls, X: Any, y: Any = None, *, n_columns: int = 4) -> Self:
        """Draw lesions that have been segmented before.

        Parameters
        ----------
        X : sequence of Lesion
            Images with the masks that were found.
        y : sequence of masks, optional
            True masks as arrays or paths, of any size; None where there is none.
        n_columns : int, default=4
            Images per row.

        Returns
        -------
        BorderDisplay
            Already drawn.
        """
        images = check_images(X)
        lesions = [read_lesion(images[i]) for i in range(len(images))]
        masks: list[NDArray[np.bool_] | None] = [None] * len(lesions)
        for position, truth in enumerate([] if y is None else check_images(y, name="y")):
            if not is_missing(truth):
                with element_errors(position, truth, name="y"):
                    masks[position] = resize_mask(read_mask(truth), lesions[position].image.shape[:2])
        return cls(lesions, masks).plot(n_columns=n_columns)

    def plot(self, *, n_columns: int = 4) -> Self:
        """Draw the images in a grid.

        Parameters
        ----------
        n_columns : int, default=4
            Images per row.

        Returns
        -------
        BorderDisplay
            The display itself, with `figure_` and `axes_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("BorderDisplay")
        from matplotlib.figure import Figure

        n_rows = max(ceil(len(self.lesions) / n_columns), 1)
        self.figure_ = Figure(figsize=(3 * n_columns, 2.6 * n_rows), layout="constrained")
        grid = self.figure_.subplots(n_rows, n_columns, squeeze=False).ravel()
        for axes in grid:
            axes.set_axis_off()
        self.axes_ = grid[: len(self.lesions)]
        for axes, lesion, truth, jaccard in zip(self.axes_, self.lesions, self.true_masks, self.jaccard, strict=True):
            axes.imshow(lesion.image)
            if truth is not None and truth.any():
                _draw_border(axes, truth, TRUE_COLOR)
            if lesion.mask is not None and lesion.mask.any():
                _draw_border(axes, lesion.mask, FOUND_COLOR)
            if lesion.mask is not None and not lesion.mask.any():
                axes.set_title("no lesion found")
            elif not np.isnan(jaccard):
                axes.set_title(f"Jaccard {jaccard:.2f}")
        self.figure_.suptitle(
            "Found border (yellow) and true border (blue)"
            if any(mask is not None for mask in self.true_masks)
            else "Found border"
        )
        return self


def check_matplotlib(what: str) -> None:
    """Raise an error that says how to install matplotlib where it is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{what} needs matplotlib. Install it with: pip install 'sklearn-melanoma[plot]'") from error


def _draw_border(axes: Any, mask: NDArray[np.bool_], color: str) -> None:
    # Padding closes the outline of a lesion that the frame cuts.
    height, width = mask.shape
    axes.contour(
        np.arange(-1, width + 1),
        np.arange(-1, height + 1),
        np.pad(mask.astype(float), 1),
        [0.5],
        colors=color,
        linewidths=1.5,
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
