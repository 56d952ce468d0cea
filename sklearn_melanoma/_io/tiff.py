"""TIFF files that Pillow would decode to wrong levels."""

from __future__ import annotations

from typing import Any

from PIL import Image

_BITS, _PHOTOMETRIC, _PLANES, _FORMAT = 258, 262, 284, 339  # tags
_WHITE_IS_ZERO, _SEPARATE, _SIGNED, _FLOAT = 0, 2, 2, 3  # their values


def prepare_tiff(image: Image.Image) -> None:
    """Make Pillow decode 16-bit planes in full; raise an error if it would misread the file.

    Call it before the pixels are decoded.

    Parameters
    ----------
    image : PIL.Image.Image
        Image in any format. Only images from TIFF files are changed.

    Raises
    ------
    ValueError
        If Pillow misreads the kind of file: signed bytes, floats with 0 for white, decoded planes of 16 bits.
    """
    tags = _get_tags(image)
    if not tags:
        return
    bits, formats = _get_numbers(tags, _BITS), _get_numbers(tags, _FORMAT)
    if _SIGNED in formats and 8 in bits:
        raise ValueError("it holds signed bytes. Save it with unsigned bytes, 0 to 255")
    if _FLOAT in formats and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise ValueError("it holds floats, and 0 means white. Save it so that 0 means black")
    if tags.get(_PLANES) == _SEPARATE and 16 in bits and len(image.getbands()) > 1:
        _widen_planes(image, tags)


def is_inverted(image: Image.Image) -> bool:
    """Return whether 0 means white in a TIFF of 16 bits; Pillow inverts only files of fewer bits."""
    tags = _get_tags(image)
    return bool(tags) and image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def is_signed(image: Image.Image) -> bool:
    """Return whether a TIFF holds signed levels of 16 bits, so that the level of white is not known."""
    tags = _get_tags(image)
    return _SIGNED in _get_numbers(tags, _FORMAT) and 16 in _get_numbers(tags, _BITS)


def find_bits(image: Image.Image) -> int:
    """Return the bits per level of an image of more than 8 bits: 12 for some TIFFs, else 16."""
    return 12 if 12 in _get_numbers(_get_tags(image), _BITS) else 16


def _widen_planes(image: Any, tags: Any) -> None:
    """Correct the raw mode of uncompressed planes: Pillow reads each 16-bit plane as bytes."""
    if image.info.get("compression") != "raw":
        return
    if not image.tile:
        raise ValueError("it is a TIFF with planes of 16 bits, which Pillow misreads. Pass its path")
    order = "L" if tags.prefix == b"II" else "B"
    image.tile = [
        tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:])) if len(tile.args[0]) == 1 else tile
        for tile in image.tile
    ]


def _get_tags(image: Any) -> Any:
    return getattr(image, "tag_v2", None) or {}


def _get_numbers(tags: Any, tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else (value,)
