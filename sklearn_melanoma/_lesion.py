"""The one record that travels from stage to stage."""

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

# Of so many lesions, the last that were looked at for the first time, what stages share is kept: some MB of each.
_N_KEPT = 64
_looked_at: deque[ref[Lesion]] = deque()


@dataclass(frozen=True, eq=False)
class Lesion:
    """A dermoscopic image with what is known about it; each stage fills in more.

    Two lesions are equal only if they are the same object: comparing images pixel by pixel
    is never meant. A lesion is never written in place: `with_mask` and
    :func:`dataclasses.replace` return a new one.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image at the working size. Gray, RGBA, uint16, float in 0..1 and bool arrays
        are converted.
    mask : ndarray of shape (height, width), dtype bool, optional
        Pixels of the lesion. All False means that none was found; None, that nobody looked.
    scale : float, optional
        Source pixels per pixel of `image`. By default what `source_shape` says, else 1.
    mm_per_pixel : float, optional
        Width of one pixel *of the source*, in millimeters.
    source : str, optional
        Path of the image; errors name it.
    source_shape : tuple of int, optional
        Height and width of the image that `image` was shrunk from, in pixels. By default
        what `scale` says.
    probability : ndarray of shape (height, width), dtype float32, optional
        How likely each pixel belongs to the lesion, 0 to 1, where a segmenter says so.

    Raises
    ------
    ValueError
        If the image, the mask or the probability has a wrong shape or values, `scale` or
        `mm_per_pixel` is not above 0, or `scale` and `source_shape` contradict each other.
    TypeError
        If the image has a dtype that no image has.

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
            raise ValueError(f"mm_per_pixel must be above 0, got {self.mm_per_pixel!r}. Use None where it is unknown.")

    def _settle_scale(self, height: int, width: int) -> None:
        """Fill in the one of scale and source shape that was not given, or hold one against the other."""
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
        """Leave out what the cached properties hold: it is cheaper to find again than to send."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def area_px(self) -> int:
        """Number of pixels of the mask, at the working size; 0 where there is none."""
        return 0 if self.mask is None else int(np.count_nonzero(self.mask))

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the smallest upright rectangle that holds the mask; empty where there is none."""
        if self.mask is None:
            return slice(0, 0), slice(0, 0)
        return bounding_box(self.mask)

    @cached_property
    def _found(self) -> dict[Callable[[Lesion], Any], Any]:
        _looked_at.append(ref(self))
        if len(_looked_at) > _N_KEPT:
            oldest = _looked_at.popleft()()
            if oldest is not None:
                vars(oldest).pop("_found", None)
        return {}

    def shared(self, find: Callable[[Lesion], T]) -> T:
        """Return what a function finds about the lesion, found once however many ask for it.

        It is forgotten when 64 more lesions have been looked at for the first time, so that a list of thousands does
        not fill the memory.

        Parameters
        ----------
        find : callable
            Takes the lesion; the same object at every call.

        Returns
        -------
        object
            What it returned the first time. It must not be written to.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_melanoma import Lesion
        >>> lesion = Lesion(np.zeros((60, 80, 3), dtype=np.uint8))
        >>> def mean_level(lesion):
        ...     print("looking")
        ...     return float(lesion.image.mean())
        >>> lesion.shared(mean_level) + lesion.shared(mean_level)
        looking
        0.0
        """
        found = self._found
        if find not in found:
            found[find] = find(self)
        result: T = found[find]
        return result

    def with_mask(self, mask: ArrayLike | None, probability: ArrayLike | None = None) -> Lesion:
        """Return the same lesion with another mask.

        Parameters
        ----------
        mask : array-like of shape (height, width) or None
            Pixels of the lesion at the working size.
        probability : array-like of shape (height, width), optional
            How likely each pixel belongs to the lesion. That of another mask is not kept.

        Returns
        -------
        Lesion
            A new record that shares the image.
        """
        mask = None if mask is None else np.asarray(mask)
        return replace(self, mask=mask, probability=None if probability is None else np.asarray(probability))
