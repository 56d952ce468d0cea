"""Display of borders over images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import ceil
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from sklearn_melanoma._io.reading import read_lesion, read_mask, resize_mask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import (
    check_images,
    check_mask,
    check_masks,
    element_errors,
    is_missing,
    source_name,
)
from sklearn_melanoma.metrics import mask_jaccard

if TYPE_CHECKING:
    import pandas as pd

FOUND_COLOR = "#ffd400"  # both contrast with skin and pigment, and color-blind people can distinguish them
TRUE_COLOR = "#00b4ff"


class BorderDisplay:
    """Images with the found border and, if given, the true border.

    Make one with :meth:`from_estimator`, :meth:`from_lesions` or :meth:`from_suspects`.

    Parameters
    ----------
    lesions : sequence of Lesion
        Images with the masks of a segmenter; without a mask, no border is drawn.
    true_masks : sequence of ndarray of shape (height, width), dtype bool, optional
        True masks, at the size of the lesions' images; None for missing ones.

    Attributes
    ----------
    lesions : list of Lesion
        The lesions.
    true_masks : list of ndarray or None
        The true masks.
    jaccard : list of float
        Jaccard index of each image; NaN without a true mask.
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        One axes for each image, after :meth:`plot`.

    Raises
    ------
    ValueError
        If there are more or fewer true masks than lesions, or a mask has another shape than its image.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import BorderDisplay
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = make_lesions(4, random_state=0)
    >>> display = BorderDisplay.from_estimator(WatershedSegmenter(), lesions.images, lesions.masks)
    >>> len(display.axes_)
    4
    """

    def __init__(self, lesions: Sequence[Lesion], true_masks: Sequence[NDArray[np.bool_] | None] | None = None):
        self.lesions = list(lesions)
        self.true_masks: list[NDArray[np.bool_] | None] = (
            [None] * len(self.lesions) if true_masks is None else list(true_masks)
        )
        _check_length(len(self.lesions), len(self.true_masks), "lesions", "true_masks")
        for position, (lesion, truth) in enumerate(zip(self.lesions, self.true_masks, strict=True)):
            if truth is not None:
                with element_errors(position, lesion, name="true_masks"):
                    self.true_masks[position] = check_mask(truth, shape=lesion.image.shape[:2])
        self.jaccard = [
            float("nan") if truth is None or lesion.mask is None else mask_jaccard(truth, lesion.mask)
            for lesion, truth in zip(self.lesions, self.true_masks, strict=True)
        ]

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any = None, *, n_columns: int = 4) -> Self:
        """Segment images and draw the found borders.

        Parameters
        ----------
        estimator : transformer
            A segmenter, or a pipeline that ends in one.
        X : sequence of images
            Paths, arrays, PIL images or lesions.
        y : sequence of masks, optional
            True masks as arrays or paths, at the size of the image or at another size with the same proportions. None
            for missing ones.
        n_columns : int, default=4
            Images per row.

        Returns
        -------
        BorderDisplay
            The display, already drawn.

        Raises
        ------
        ValueError, TypeError, OSError
            If an image or a mask can't be read, there are more or fewer masks than images, or a mask has other
            proportions than its image.
        ImportError
            If matplotlib is not installed.
        """
        return cls.from_lesions(estimator.transform(X), y, n_columns=n_columns)

    @classmethod
    def from_lesions(cls, X: Any, y: Any = None, *, n_columns: int = 4) -> Self:
        """Draw the borders of segmented lesions.

        Parameters
        ----------
        X : sequence of Lesion
            Images with the found masks.
        y : sequence of masks, optional
            True masks as arrays or paths, at the size of the image or at another size with the same proportions. None
            for missing ones.
        n_columns : int, default=4
            Images per row.

        Returns
        -------
        BorderDisplay
            The display, already drawn.

        Raises
        ------
        ValueError, TypeError, OSError
            If there are more or fewer masks than images, a mask can't be read, or it has other proportions than its
            image.
        ImportError
            If matplotlib is not installed.
        """
        images = check_images(X)
        lesions = [read_lesion(images[i]) for i in range(len(images))]
        masks: list[NDArray[np.bool_] | None] = [None] * len(lesions)
        truths: Sequence[Any] = masks if y is None else check_masks(y)
        _check_length(len(lesions), len(truths), "X", "y")
        for position, lesion in enumerate(lesions):
            truth = truths[position]
            if not is_missing(truth):
                with element_errors(position, truth, name="y"):
                    masks[position] = _fit_mask(read_mask(truth), lesion)
        return cls(lesions, masks).plot(n_columns=n_columns)

    @classmethod
    def from_suspects(
        cls, table: pd.DataFrame, images: Any, masks: Any, *, n_images: int = 12, n_columns: int = 4
    ) -> Self:
        """Draw the worst suspect masks, and the proposed masks.

        Parameters
        ----------
        table : DataFrame
            Table of :func:`~sklearn_melanoma.model_selection.find_suspect_masks`.
        images : sequence of images
            The images of the table.
        masks : sequence of masks
            The masks of the table.
        n_images : int, default=12
            Largest number of images. Those with the lowest Jaccard index come first.
        n_columns : int, default=4
            Images per row.

        Returns
        -------
        BorderDisplay
            The display, already drawn. Titles give the position of each image.

        Raises
        ------
        ValueError, TypeError, OSError
            If the table does not have one row for each image and mask, with the position as index. If it names other
            files. If an image or a mask can't be read, or a mask has other proportions than its image.
        ImportError
            If matplotlib is not installed.
        """
        images, masks = check_images(images, name="images"), check_masks(masks, name="masks")
        _check_length(len(images), len(masks), "images", "masks")
        _check_table(table, images)
        check_scalar(n_images, "n_images", Integral, min_val=1)
        jaccard = table.loc[table["suspect"], ["color_jaccard", "place_jaccard"]].max(axis=1)
        positions = jaccard.sort_values(kind="stable").index[:n_images].tolist()
        lesions, given = [], []
        for position in positions:
            with element_errors(position, images[position], name="images"):
                lesion = read_lesion(images[position])
            proposed = check_mask(table.loc[position, "proposed"], name=f"table['proposed'][{position}]")
            lesions.append(lesion.with_mask(resize_mask(proposed, lesion.image.shape[:2])))
            with element_errors(position, masks[position], name="masks"):
                given.append(_fit_mask(read_mask(masks[position]), lesion))
        display = cls(lesions, given).plot(n_columns=n_columns)
        for axes, position, index in zip(display.axes_, positions, display.jaccard, strict=True):
            axes.set_title(f"{position}: Jaccard {index:.2f}")
        display.figure_.suptitle("Proposed border (yellow) and given border (blue)")
        return display

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
        ValueError, TypeError
            If `n_columns` is not an int of at least 1.
        ImportError
            If matplotlib is not installed.
        """
        check_scalar(n_columns, "n_columns", Integral, min_val=1)
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


def _check_length(n_images: int, n_masks: int, images: str, masks: str) -> None:
    if n_images != n_masks:
        raise ValueError(
            f"{images} and {masks} must have the same length, got {n_images} and {n_masks}. "
            "Pass None for an image without a mask."
        )


def _check_table(table: Any, images: Sequence[Any]) -> None:
    """Raise an error if a table is not a table of suspect masks, or has other images."""
    missing = {"image", "color_jaccard", "place_jaccard", "suspect", "proposed"}.difference(
        getattr(table, "columns", ())
    )
    if missing:
        raise ValueError(
            f"table must be one of find_suspect_masks, got {type(table).__name__} without {sorted(missing)}. Pass it "
            "as it was returned."
        )
    if len(table) != len(images) or set(table.index) != set(range(len(images))):
        raise ValueError(
            "table must have one row for each image, with its position as index, got the index "
            f"{table.index[:5].tolist()}… of {len(table)} rows for {len(images)} images. Pass the whole table."
        )
    for position, path in table["image"].items():
        name = source_name(images[position])
        if isinstance(path, str) and name is not None and os.path.basename(path) != os.path.basename(name):
            raise ValueError(
                f"images[{position}] must be the image of row {position} of the table, {path!r}, got {name!r}. Pass "
                "the images in the order of the table."
            )


def _fit_mask(mask: NDArray[np.bool_], lesion: Lesion) -> NDArray[np.bool_]:
    """Resize a mask to the image of a lesion; raise an error for other proportions, since it is for another image."""
    height, width = lesion.source_shape
    factor = max(mask.shape) / max(height, width)
    if max(abs(mask.shape[0] - height * factor), abs(mask.shape[1] - width * factor)) > 1:
        raise ValueError(
            f"mask must have the shape of its image, {(height, width)}, or its proportions, got {mask.shape}. "
            "Pass the mask that was drawn on this image."
        )
    return resize_mask(mask, lesion.image.shape[:2])


def check_matplotlib(what: str) -> None:
    """Raise an error that says how to install matplotlib if it is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{what} needs matplotlib. Install it with: pip install 'sklearn-melanoma[plot]'") from error


def _draw_border(axes: Any, mask: NDArray[np.bool_], color: str) -> None:
    # Padding closes the outline of lesions that touch the image border.
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
