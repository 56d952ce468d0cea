"""Images and masks from paths, arrays and PIL images.

Images are returned upright, in RGB and at no larger size than needed.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from sklearn_melanoma._io.decoding import Loaded, load_file, load_image, source_errors
from sklearn_melanoma._io.files import is_url
from sklearn_melanoma._io.masks import extract_mask, has_alpha, read_alpha
from sklearn_melanoma._io.pixels import LYING, extract_rgb
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import check_image, check_mask, source_name
from sklearn_melanoma._validation.warn import warn_user

# The rim of a mask is checked if its sides have at least this length. No mask of PH², ISIC 2017 and HAM10000 covers its
# rim but not its inside.
_MIN_RIM_SIDE = 16

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
        A JPEG, PNG, BMP, TIFF, WebP or DICOM file, an array, or a PIL image. Arrays hold gray, RGB or RGBA pixels as
        uint8, uint16, float in 0..1 or bool, or as wider integers in 0..255. Transparent pixels are laid over black.
        Colors with a profile (Display P3, Adobe RGB, CMYK) are converted to sRGB, relative colorimetric. DICOM files
        need the extra ``dicom``.
    max_side : int, optional
        Longest side of the result, in pixels. Smaller images are left as they are.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The image, turned upright according to its EXIF orientation.

    Raises
    ------
    ValueError
        If the file is empty, damaged, cut short or of another format. If it is a DICOM file without an image or with
        several frames. If it exceeds a limit: 89 478 485 pixels, 65 535 pixels on one side, 770 MB of memory for
        decoding. If a URL has a protocol that keeps copies of files. If an array has a wrong shape or values, or a PIL
        image was closed.
    TypeError
        If `source` has another type.
    OSError
        If the file does not exist, can't be opened, or has more than 300 000 000 bytes. If it is a folder, a pipe or a
        device. If a URL is not read within 60 seconds, it is a TimeoutError.
    ImportError
        If a required package is not installed: pydicom for DICOM files, fsspec for URLs.

    Warns
    -----
    UserWarning
        If an image is almost black, because its levels probably have another scale: 16-bit levels up to 4 095, 8-bit
        levels up to 1, or floats up to 1/255. If a color profile is ignored, because it is damaged or for another kind
        of image. If a file has several pages or frames with different images; only the first one is read. If the scale
        of a DICOM file is damaged, or its pixels are not square.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.images import read_image
    >>> read_image(np.full((300, 400), 0.5), max_side=100).shape
    (75, 100, 3)
    """
    return read_lesion(source, max_side=max_side).image


def read_mask(source: PathLike | ArrayLike | Image.Image | Lesion, *, lesion_label: Any = None) -> NDArray[np.bool_]:
    """Read a mask from a file, an array or a PIL image at its own size, or from a lesion at the size of its source.

    A mask has two levels, 0 and the level of the lesion. A resized border or a JPEG also has other levels; such pixels
    belong to the lesion if they are above half of the largest level. Floats in 0..1 are probabilities with the
    threshold 0.5. An image, a label image or other levels raise an error.

    Parameters
    ----------
    source : path, array-like, PIL.Image.Image or Lesion
        White (255), 1 or True on the lesion, in any format of :func:`read_image`. A file in
        colors must be gray, or have one color on black. With an alpha channel, either the
        colors or the alpha channel hold the mask.
    lesion_label : int or collection of int, optional
        Labels of the lesion in a label image: gray levels, or indices of a palette. All other
        pixels are not lesion. Use 0 for a black lesion on white.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion, turned upright according to the EXIF orientation.

    Raises
    ------
    ValueError
        If the file can't be read, the mask is not 2-D, or the lesion has none. If the mask has NaN, masked
        (``numpy.ma``) or negative pixels, more than two levels, several colors or a background that is not 0.
        If `lesion_label` is given for a JPEG or a color file with 16 bits, or if the levels of such a file are too low
        to be exact.
    TypeError
        If `source` holds neither bools nor numbers, or `lesion_label` holds anything but integers.
    OSError
        If the file does not exist, can't be opened, or has more than 300 000 000 bytes. If it is a folder, a pipe or a
        device. If a URL is not read within 60 seconds, it is a TimeoutError.
    ImportError
        If a required package is not installed: pydicom for DICOM files, fsspec for URLs.

    Warns
    -----
    UserWarning
        If no pixel has a label of `lesion_label`. Without `lesion_label`, if the mask covers the whole rim of the image
        but not its inside, like a black lesion on white. If a file has several pages; only the first one is read.

    See Also
    --------
    write_mask : Write a mask that `read_mask` reads unchanged.

    Examples
    --------
    >>> from sklearn_melanoma.images import read_mask
    >>> read_mask([[0, 255], [0, 0]])
    array([[False,  True],
           [False, False]])

    A label image, where 1 is the lesion and 2 is the skin:

    >>> read_mask([[2, 1], [2, 0]], lesion_label=1)
    array([[False,  True],
           [False, False]])
    """
    mask = load_mask(source, lesion_label=lesion_label)
    if lesion_label is None:
        _warn_if_inverted(mask, source_name(source) or "mask")
    return mask


def load_mask(source: Any, *, name: str = "mask", lesion_label: Any = None) -> NDArray[np.bool_]:
    """Read a mask as `read_mask` does; errors about arrays use `name`."""
    if isinstance(source, str | os.PathLike):
        loaded = load_file(source)
    elif isinstance(source, Image.Image):
        loaded = load_pil(source)
    elif isinstance(source, Lesion):
        if source.mask is None:
            raise ValueError(f"{name} must hold pixels, got a Lesion without a mask. Segment it first.")
        return resize_mask(source.mask, source.source_shape)
    else:
        mask = check_mask(source, name=name, lesion_label=lesion_label)
        _warn_missing_label(mask, lesion_label, name)
        return mask
    with source_errors(source):
        _check_exact(loaded, lesion_label)
        mask = extract_mask(loaded.image, orientation=loaded.orientation, lesion_label=lesion_label)
    _warn_missing_label(mask, lesion_label, source_name(source) or name)
    return mask


def _check_exact(loaded: Loaded, lesion_label: Any) -> None:
    """Raise an error if the decoded levels are not those that were written, and this may change the mask."""
    image = loaded.image
    jpeg = image.format in ("JPEG", "MPO")
    if jpeg and lesion_label is not None:
        raise ValueError("lesion_label needs exact levels, and JPEG changes them. Save labels as PNG.")
    cut = loaded.deep and not image.mode.startswith("I")
    if not jpeg and not cut:
        return
    extrema: Any = image.getextrema()
    largest = max(np.ravel(extrema))
    if jpeg and 0 < largest < 32:
        raise ValueError(f"its largest level is {largest}, and JPEG changes levels by as much. Save the mask as PNG.")
    if cut and (largest < 16 or lesion_label is not None):
        raise ValueError("it has 16 bits per color, of which only the upper 8 are read. Save the mask as a gray PNG.")


def _warn_missing_label(mask: NDArray[np.bool_], lesion_label: Any, name: str) -> None:
    if lesion_label is not None and not mask.any():
        warn_user(f"{name} has no pixel with lesion_label={lesion_label!r}, so the mask is empty.")


def _warn_if_inverted(mask: NDArray[np.bool_], name: str) -> None:
    rim = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    if min(mask.shape) >= _MIN_RIM_SIDE and all(side.all() for side in rim) and not mask.all():
        warn_user(
            f"{name} covers the whole rim of the image, but not its inside. If the lesion is black in it, invert it, "
            "as in ~read_mask(source)."
        )


def write_mask(mask: ArrayLike, path: PathLike) -> None:
    """Write a mask as a PNG of 0 and 255.

    PNG keeps every pixel; JPEG would blur the border. An existing file is replaced.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Bool, or numbers as in :func:`read_mask`.
    path : path
        Local path with the suffix ``.png``. Its folder must exist.

    Raises
    ------
    ValueError
        If the mask is not one that :func:`read_mask` accepts, or the path has another suffix or is a URL.
    TypeError
        If `path` is not a path, or `mask` is a path.
    OSError
        If the file can't be written.

    See Also
    --------
    read_mask : Read it again.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma.images import read_mask, write_mask
    >>> mask = np.array([[False, True], [False, False]])
    >>> with TemporaryDirectory() as folder:
    ...     write_mask(mask, Path(folder, "mask.png"))
    ...     read_mask(Path(folder, "mask.png"))
    array([[False,  True],
           [False, False]])
    """
    if not isinstance(path, str | os.PathLike) or isinstance(mask, str | os.PathLike):
        raise TypeError(
            f"write_mask needs a mask and a path, got {type(mask).__name__} and {type(path).__name__}. "
            "Pass the mask first: write_mask(mask, 'mask.png')."
        )
    name = os.fsdecode(path)
    if is_url(name):
        raise ValueError(f"path must be a local path, got {name!r}. Write the file there, then copy it.")
    if os.path.splitext(name)[1].lower() != ".png":
        raise ValueError(f"path must end in .png, got {name!r}. Masks are written as PNG, which keeps every pixel.")
    pixels = check_mask(mask).astype(np.uint8) * np.uint8(255)
    Image.fromarray(pixels).save(name, format="PNG")


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
        loaded = load_file(image, max_side)
        pixels, shape = _extract_pixels(loaded, image, max_side)
        mm_per_pixel = loaded.mm_per_pixel if mm_per_pixel is None else mm_per_pixel
    elif isinstance(image, Image.Image):
        pixels, shape = _extract_pixels(load_pil(image), image, max_side)
    elif isinstance(image, np.ndarray | list | tuple) or hasattr(image, "__array__"):
        array = check_image(image)
        if getattr(image, "dtype", None) == np.uint8:
            _hint_black(array, "the image")
        pixels, shape = shrink(array, max_side), array.shape[:2]
    else:
        raise TypeError(
            f"an image must be a path, an array, a PIL image or a Lesion, got {type(image).__name__}. "
            "Convert it to an array first; open bytes and files with PIL.Image.open."
        )
    return Lesion(pixels, mm_per_pixel=mm_per_pixel, source=source_name(image), source_shape=shape)


def load_pil(image: Image.Image) -> Loaded:
    """Decode a PIL image; raise an error if it was closed."""
    file, path = getattr(image, "fp", None), source_name(image)
    closed = bool(getattr(image, "tile", None)) and (file is None or getattr(file, "closed", False))
    try:
        image.im  # noqa: B018
    except AssertionError:  # not decoded yet
        pass
    except ValueError:  # closed after decoding
        closed = True
    if closed:
        raise ValueError(
            f"could not read {'the image' if path is None else repr(path)}: the PIL image was closed. "
            "Pass its path, or call image.load() inside the with block."
        )
    return load_image(image, image)


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
        if not pixels.any() and has_alpha(loaded.image) and not read_alpha(loaded.image).any():
            raise ValueError("all its pixels are transparent. Save it without transparency")
        name = source_name(source) or "the image"
        if loaded.deep and not loaded.image.mode.startswith("I") and pixels.max() <= 15:
            warn_user(
                f"{name} is almost black, although it has 16 bits per color. It may hold 8- or 12-bit levels. "
                "Divide them by their full scale and save them with 8 bits."
            )
        elif loaded.image.mode[0] not in "IF":
            _hint_black(pixels, name)
    return pixels, (width, height) if loaded.orientation in LYING else (height, width)


def _hint_black(pixels: NDArray[np.uint8], name: str) -> None:
    """Warn if the levels of an image are 0 and 1."""
    if pixels.max() == 1:
        warn_user(
            f"{name} is almost black: its largest level is 1, and 255 is white. It may be a mask, or may have been "
            "divided by 255 before it was converted to integers."
        )
