"""Record of an image and its lesion, which all image steps take and return."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeVar
from weakref import ref

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._geometry import bounding_box
from sklearn_melanoma._validation import check_image, check_mask, check_probability

T = TypeVar("T")

# `Lesion.shared` keeps the results of this many lesions, the most recent ones. They take some MB per lesion.
_N_KEPT = 64
_recent: deque[ref[Lesion]] = deque()


@dataclass(frozen=True, eq=False)
class Lesion:
    """A dermoscopic image with its mask, scale and source.

    Image steps take lesions and return new ones, for example with a mask. Two lesions are equal only if they are the
    same object; their pixels are not compared. A lesion is never changed in place: `with_mask` and
    :func:`dataclasses.replace` return a new one.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image at the working size. Other arrays are converted: gray, RGBA, uint16, bool, floats in 0..1, and wider
        integers in 0..255.
    mask : ndarray of shape (height, width), dtype bool, optional
        Pixels of the lesion; numbers as in :func:`~sklearn_melanoma.images.read_mask`. All
        False means that no lesion was found; None means that the image was not segmented.
    scale : float, optional
        Source pixels per pixel of `image`. Defaults to the scale that `source_shape` implies,
        else to 1.
    mm_per_pixel : float, optional
        Width of one pixel *of the source*, in millimeters.
    source : str, optional
        Path of the image, for error messages.
    source_shape : tuple of int, optional
        Height and width of the source image, before it was shrunk, in pixels. Defaults to the
        shape that `scale` implies.
    probability : ndarray of shape (height, width), dtype float32, optional
        Probability that each pixel belongs to the lesion, 0 to 1, if a segmenter provides it.

    Raises
    ------
    ValueError
        If the image, the mask or the probability has a wrong shape, wrong values or masked pixels. If `scale` or
        `mm_per_pixel` is not above 0. If `scale` and `source_shape` contradict each other.
    TypeError
        If the image, the mask or the probability does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> lesion = Lesion(np.zeros((120, 160, 3), dtype=np.uint8), scale=4)
    >>> lesion
    Lesion(160×120, no mask, scale 4)
    >>> lesion.with_mask(np.ones((120, 160), dtype=bool)).area_px
    19200
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None = None
    scale: float = None  # type: ignore[assignment]  # never None once made
    mm_per_pixel: float | None = None
    source: str | None = None
    source_shape: tuple[int, int] = None  # type: ignore[assignment]  # never None once made
    probability: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        image = check_image(self.image)
        object.__setattr__(self, "image", image)
        if self.mask is not None:
            object.__setattr__(self, "mask", check_mask(self.mask, shape=image.shape[:2]))
        if self.probability is not None:
            object.__setattr__(self, "probability", check_probability(self.probability, shape=image.shape[:2]))
        self._settle_scale(image.shape[0], image.shape[1])
        if self.mm_per_pixel is not None and not self.mm_per_pixel > 0:
            raise ValueError(f"mm_per_pixel must be above 0, got {self.mm_per_pixel!r}. Use None if it is unknown.")

    def _settle_scale(self, height: int, width: int) -> None:
        """Compute `scale` or `source_shape` if it was not given, and check that they agree."""
        longest = max(height, width)
        if self.scale is None:
            object.__setattr__(self, "source_shape", self.source_shape or (height, width))
            object.__setattr__(self, "scale", max(self.source_shape) / longest)
        if not self.scale > 0:
            raise ValueError(f"scale must be above 0, got {self.scale!r}. Use 1 for an image at its own size.")
        if self.source_shape is None:
            object.__setattr__(self, "source_shape", (round(height * self.scale), round(width * self.scale)))
        if abs(max(self.source_shape) - longest * self.scale) > max(self.scale, 1):
            raise ValueError(
                f"scale and source_shape must agree, got {self.scale:g} and {self.source_shape} "
                f"for an image of shape {(height, width)}. Give one of them."
            )

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        mask = "no mask" if self.mask is None else f"mask of {self.area_px} px"
        source = f", {self.source!r}" if self.source else ""
        return f"Lesion({width}×{height}, {mask}, scale {self.scale:.4g}{source})"

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the cached properties: it is cheaper to compute them again than to send them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def area_px(self) -> int:
        """Number of pixels of the mask, at the working size; 0 without a mask."""
        return 0 if self.mask is None else int(np.count_nonzero(self.mask))

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the bounding box of the mask; empty slices without a mask."""
        if self.mask is None:
            return slice(0, 0), slice(0, 0)
        return bounding_box(self.mask)

    @cached_property
    def _results(self) -> dict[Callable[[Lesion], Any], Any]:
        _recent.append(ref(self))
        if len(_recent) > _N_KEPT:
            oldest = _recent.popleft()()
            if oldest is not None:
                vars(oldest).pop("_results", None)
        return {}

    def shared(self, find: Callable[[Lesion], T]) -> T:
        """Return the result of a function of the lesion; it is computed once and then kept.

        The results of at most 64 lesions are kept, so that a list of thousands does not fill the memory. After 64
        lesions, each new lesion replaces the results of the oldest one.

        Parameters
        ----------
        find : callable
            Function of the lesion. Calls with the same function object get the same result.

        Returns
        -------
        object
            Result of the first call. It must not be changed.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_melanoma import Lesion
        >>> lesion = Lesion(np.zeros((60, 80, 3), dtype=np.uint8))
        >>> def mean_level(lesion):
        ...     print("computing")
        ...     return float(lesion.image.mean())
        >>> lesion.shared(mean_level) + lesion.shared(mean_level)
        computing
        0.0
        """
        results = self._results
        if find not in results:
            results[find] = find(self)
        result: T = results[find]
        return result

    def with_mask(self, mask: ArrayLike | None, probability: ArrayLike | None = None) -> Lesion:
        """Return the same lesion with another mask.

        Parameters
        ----------
        mask : array-like of shape (height, width) or None
            Pixels of the lesion at the working size.
        probability : array-like of shape (height, width), optional
            Probability that each pixel belongs to the lesion. Without it, the new lesion has none.

        Returns
        -------
        Lesion
            New lesion with the same image.

        Raises
        ------
        ValueError
            If the mask or the probability has a wrong shape, wrong values or masked pixels.
        TypeError
            If the mask or the probability does not hold numbers.
        """
        return replace(self, mask=mask, probability=probability)  # type: ignore[arg-type]  # checked by the new one
