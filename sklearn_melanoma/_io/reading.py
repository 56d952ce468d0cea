"""Images and masks from paths, arrays and PIL images.

Images come out upright, in RGB and at no larger size than needed.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from sklearn_melanoma._io.decoding import Loaded, load_file, load_image, source_errors
from sklearn_melanoma._io.pixels import LYING, extract_mask, extract_rgb
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import check_image, check_mask, source_name

#: Default longest side of working images, in pixels.
WORKING_SIDE = 384


def read_image(source: PathLike | ArrayLike | Image.Image, *, max_side: int | None = None) -> NDArray[np.uint8]:
    """Read an image as upright RGB bytes, optionally shrunk.

    JPEGs are decoded at the smallest of their built-in sizes (1, 1/2, 1/4, 1/8) that is not
    below `max_side`, then averaged down to it. A large image therefore costs little more
    than a small one.

    Parameters
    ----------
    source : path, array-like or PIL.Image.Image
        A JPEG, PNG, BMP, TIFF or WebP file; gray, RGB or RGBA pixels as uint8, uint16, float
        in 0..1 or bool; or a PIL image. Transparent pixels are laid over black.
    max_side : int, optional
        Longest side of the result, in pixels. Smaller images are left as they are.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The image, turned upright according to its EXIF orientation.

    Raises
    ------
    ValueError
        If the file is empty, damaged, cut short or of another format, or exceeds a limit: 89 478 485 pixels, 65 535
        pixels on one side. If an array has a wrong shape or values.
    TypeError
        If `source` is none of the above.
    OSError
        If the file does not exist, must not be opened, or is a folder, a pipe or a device.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.images import read_image
    >>> read_image(np.full((300, 400), 0.5), max_side=100).shape
    (75, 100, 3)
    """
    return read_lesion(source, max_side=max_side).image


def read_mask(source: PathLike | ArrayLike | Image.Image) -> NDArray[np.bool_]:
    """Read a mask from a file, an array or a PIL image, at its own size.

    Parameters
    ----------
    source : path, array-like or PIL.Image.Image
        White (255), 1 or True on the lesion. Gray levels above half of the brightest one belong to the lesion.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion.

    Raises
    ------
    ValueError
        If the file can't be read or the mask is not 2-D.
    OSError
        If the file does not exist or must not be opened.

    Examples
    --------
    >>> from sklearn_melanoma.images import read_mask
    >>> read_mask([[0, 255], [0, 0]])
    array([[False,  True],
           [False, False]])
    """
    if isinstance(source, str | os.PathLike):
        loaded = load_file(source)
    elif isinstance(source, Image.Image):
        loaded = load_image(source, source)
    else:
        return check_mask(source)
    with source_errors(source):
        return extract_mask(loaded.image)


def as_lesion(image: Any) -> Lesion:
    """Return a `Lesion` unchanged; read any other image as `ImageReader` does by default."""
    return image if isinstance(image, Lesion) else read_lesion(image, max_side=WORKING_SIDE)


def read_lesion(image: Any, *, max_side: int | None = None, mm_per_pixel: float | None = None) -> Lesion:
    """Read an image of any kind as a `Lesion`; a `Lesion` is shrunk with its mask, never enlarged."""
    if isinstance(image, Lesion):
        mm_per_pixel = image.mm_per_pixel if image.mm_per_pixel is not None else mm_per_pixel
        mask, probability = image.mask, image.probability
        pixels = shrink(image.image, max_side)
        if pixels.shape != image.image.shape:
            mask = None if mask is None else resize_mask(mask, pixels.shape[:2])
            probability = None if probability is None else resize_map(probability, pixels.shape[:2])
        return Lesion(
            pixels,
            mask,
            mm_per_pixel=mm_per_pixel,
            source=image.source,
            source_shape=image.source_shape,
            probability=probability,
        )
    if isinstance(image, str | os.PathLike):
        pixels, shape = _extract_pixels(load_file(image, max_side), image, max_side)
    elif isinstance(image, Image.Image):
        pixels, shape = _extract_pixels(load_image(image, image), image, max_side)
    elif isinstance(image, np.ndarray | list | tuple) or hasattr(image, "__array__"):
        array = check_image(image)
        pixels, shape = shrink(array, max_side), array.shape[:2]
    else:
        raise TypeError(
            f"an image must be a path, an array, a PIL image or a Lesion, got {type(image).__name__}. "
            "Convert it to an array first."
        )
    return Lesion(pixels, mm_per_pixel=mm_per_pixel, source=source_name(image), source_shape=shape)


def shrink(image: NDArray[np.uint8], max_side: int | None) -> NDArray[np.uint8]:
    """Average an RGB image down to a longest side; return smaller images unchanged."""
    height, width = image.shape[:2]
    if max_side is None or max(height, width) <= max_side:
        return image
    return extract_rgb(Image.fromarray(image), max_side)


def shrink_by_steps(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """Shrink to the reader's default size first, so that a reader before this step does not change the result."""
    return shrink(shrink(image, WORKING_SIDE), max_side)


def resize_mask(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Resize a mask; its border is interpolated between pixels."""
    if mask.shape == tuple(shape):
        return mask
    gray = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return np.asarray(gray.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)) > 127


def resize_map(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize a map of numbers by linear interpolation; shrinking averages."""
    if values.shape == tuple(shape):
        return values
    return np.asarray(Image.fromarray(values).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _extract_pixels(loaded: Loaded, source: object, max_side: int | None) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return the shrunk pixels of an image, and its original height and width."""
    width, height = loaded.width, loaded.height
    if max_side is not None and max(width, height) <= max_side:
        max_side = None
    with source_errors(source):
        pixels = extract_rgb(loaded.image, max_side, box=loaded.box, orientation=loaded.orientation)
    return pixels, (width, height) if loaded.orientation in LYING else (height, width)
