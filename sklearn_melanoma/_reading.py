"""From a path, an array or a PIL image to pixels: decoded no larger than needed, upright, RGB."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import check_image, check_mask, source_name

#: Longest side, in pixels, at which lesions are looked at unless a reader says otherwise.
WORKING_SIDE = 384

FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")

# Pillow's own limit, above which it warns: a photo of 9 459 x 9 459 pixels.
MAX_PIXELS = 89_478_485

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class View:
    """An altered view of a photo, to be made when it is asked for: once the photo is read, its lesion has the seed.

    Parameters
    ----------
    photo : path, array, PIL image or Lesion
        Any element of `X`.
    seed : int
        What the view is drawn from.
    """

    photo: Any
    seed: int

    @property
    def source(self) -> str | None:
        """Path of the photo; errors name it."""
        return source_name(self.photo)


def read_image(source: PathLike | ArrayLike | Image.Image, *, max_side: int | None = None) -> NDArray[np.uint8]:
    """Read a photo as upright RGB bytes, optionally shrunk.

    JPEGs are decoded at the smallest of their built-in sizes (1, 1/2, 1/4, 1/8) that is not
    below `max_side`, then averaged down to it, so a large photo costs little more than a
    small one.

    Parameters
    ----------
    source : path, array-like or PIL.Image.Image
        A JPEG, PNG, BMP, TIFF or WebP file; grey, RGB or RGBA pixels as uint8, uint16, float
        in 0..1 or bool; or a PIL image. Transparent pixels are laid over black.
    max_side : int, optional
        Longest side of the result, in pixels. Smaller photos are left as they are.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The photo, turned upright where its EXIF orientation says how.

    Raises
    ------
    ValueError
        If the file is empty, damaged, cut short, of another format or declares more than
        89 478 485 pixels, or if an array has a wrong shape or values.
    TypeError
        If `source` is none of the above.
    OSError
        If the file is not there or may not be opened.

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
        White (255), 1 or True on the lesion; grey levels count from half of the brightest one on.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion.

    Raises
    ------
    ValueError
        If the file can't be read or the mask is not 2-D.
    OSError
        If the file is not there or may not be opened.

    Examples
    --------
    >>> from sklearn_melanoma.images import read_mask
    >>> read_mask([[0, 255], [0, 0]])
    array([[False,  True],
           [False, False]])
    """
    if isinstance(source, str | os.PathLike):
        with _open(source) as opened:
            return _decode_mask(opened, source)
    if isinstance(source, Image.Image):
        return _decode_mask(source, source)
    return check_mask(source)


def as_lesion(image: Any) -> Lesion:
    """Return a `Lesion` as it is, and anything else as `ImageReader` with its defaults would read it."""
    if isinstance(image, View):
        return replace(as_lesion(image.photo), seed=image.seed)
    return image if isinstance(image, Lesion) else read_lesion(image, max_side=WORKING_SIDE)


def read_lesion(image: Any, *, max_side: int | None = None, mm_per_pixel: float | None = None) -> Lesion:
    """Read anything that shows a lesion; a `Lesion` is shrunk with its mask, never enlarged."""
    if isinstance(image, View):
        return replace(read_lesion(image.photo, max_side=max_side, mm_per_pixel=mm_per_pixel), seed=image.seed)
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
            seed=image.seed,
        )
    if isinstance(image, str | os.PathLike):
        with _open(image) as opened:
            pixels, shape = _decode(opened, image, max_side)
    elif isinstance(image, Image.Image):
        pixels, shape = _decode(image, image, max_side)
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
    """Average an RGB image down to a longest side; smaller ones come back as they are."""
    height, width = image.shape[:2]
    if max_side is None or max(height, width) <= max_side:
        return image
    return np.asarray(_shrink(Image.fromarray(image), max_side))


def shrink_by_steps(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """Shrink by way of the reader's size, so that the result is the same whether or not a reader came before."""
    return shrink(shrink(image, WORKING_SIDE), max_side)


def resize_mask(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Bring a mask to another size, its border interpolated between pixels."""
    if mask.shape == tuple(shape):
        return mask
    grey = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return np.asarray(grey.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)) > 127


def resize_map(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Bring a map of numbers to another size by linear interpolation, averaged where it shrinks."""
    if values.shape == tuple(shape):
        return values
    return np.asarray(Image.fromarray(values).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _shrink(image: Image.Image, max_side: int, box: tuple[float, float, float, float] | None = None) -> Image.Image:
    """Average an image down; `box` is where the photo lies in it: JPEG rounds sizes up when it decodes small."""
    width, height = box[2:] if box else image.size
    factor = max_side / max(width, height)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    # Averaging whole blocks first is several times as fast, and the same where the factor is whole.
    blocks = max(int(max(width, height) / max_side), 1)
    return image.reduce(blocks).resize(size, Image.Resampling.BILINEAR, box=(0, 0, width / blocks, height / blocks))


def _open(path: PathLike) -> Image.Image:
    if not os.fspath(path):
        raise FileNotFoundError("could not open '': the path is empty.")
    try:
        image = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        size = os.path.getsize(path)
        what = "the file is empty" if size == 0 else f"its {size:,} bytes are no JPEG, PNG, BMP, TIFF or WebP image"
        raise ValueError(_unreadable(path, what)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # the latter where it is an error
        raise ValueError(_unreadable(path, f"it declares more than {MAX_PIXELS:,} pixels")) from error
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise type(error)(f"could not open {os.fspath(path)!r}: {error.strerror}") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ValueError(_unreadable(path, str(error))) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise ValueError(
            _unreadable(path, f"it declares {width} × {height} pixels, more than {MAX_PIXELS:,}")
            + " If that is right, shrink it with a tool of your trust first."
        )
    return image


def _load(image: Image.Image, source: object) -> Image.Image:
    """Decode the pixels, or say why that fails."""
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        reason = "the file ends early" if "truncated" in str(error) else "its data are damaged"
        raise ValueError(_unreadable(source_name(source) or "image", f"{reason} ({error})")) from error
    return image


def _decode_mask(image: Image.Image, source: object) -> NDArray[np.bool_]:
    image = _load(image, source)
    # Conversion to 8 bits would clip whatever has more.
    return check_mask(np.asarray(image if image.mode[0] in "IF" else image.convert("L")))


def _decode(image: Image.Image, source: object, max_side: int | None) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return the pixels of an open image, shrunk, and the height and width that it had."""
    width, height = image.size
    longest = max(width, height)
    box: tuple[float, float, float, float] | None = None
    if max_side is not None and longest > max_side and image is not source:  # the caller's stays as it is
        drafted = image.draft(None, (max(width * max_side // longest, 1), max(height * max_side // longest, 1)))
        box = drafted[1] if drafted else None
    image = _load(image, source)
    if image.mode == "La":  # which Pillow turns into nothing else at once
        image = image.convert("LA")
    if image.mode in ("P", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    if max_side is not None and longest > max_side and image.mode in ("L", "RGB"):
        image = _shrink(image, max_side, box)
    if image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8):  # a quarter turn
        height, width = width, height
    upright = ImageOps.exif_transpose(image)
    array = np.asarray(upright)
    if upright.mode == "I":  # how Pillow holds some 16-bit files
        array = np.clip(array, 0, 65535).astype(np.uint16)
    elif upright.mode.startswith("I;16"):
        array = array.astype(np.uint16)
    elif upright.mode == "LA":
        array = np.asarray(upright.convert("RGBA"))
    return shrink(check_image(array), max_side), (height, width)


def _unreadable(path: object, reason: str) -> str:
    return f"could not read {str(path)!r}: {reason.rstrip('.')}."
