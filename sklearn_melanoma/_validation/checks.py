"""Checks of images and masks, and names of elements in errors.

Other checks of input are in the modules that need them.
"""

from __future__ import annotations

import numbers
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._validation.arrays import explain_shape, find_shape, make_array
from sklearn_melanoma._validation.byte_levels import convert_to_bytes
from sklearn_melanoma._validation.mask_levels import cut_levels, select_labels


def is_missing(value: object) -> bool:
    """Return whether a value means "missing": None, a float that is NaN, or pandas' NA."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ == "NAType"  # by name, so that pandas need not be imported


def check_images(X: Any, *, name: str = "X", kind: str = "image") -> Sequence[Any]:
    """Return `X` as a sequence with a length and elements by position.

    Parameters
    ----------
    X : sequence of images
        A list, a tuple, a 1-D object or string array, a 4-D array, a pandas or polars
        Series, or any other object with a length and integer indexing.
    name : str, default="X"
        Name of `X` in errors.
    kind : {"image", "mask"}, default="image"
        Word for an element in errors.

    Returns
    -------
    sequence
        `X` itself if it can be indexed by position.

    Raises
    ------
    TypeError
        If `X` is a single image, a table or not a sequence.
    ValueError
        If `X` is an array that is neither 1-D nor 4-D, in any container: a NumPy or Dask array, a tensor, nested lists.
    """
    way_out = f"Pass a list of {kind}s; for one {kind}, [{name}]."
    if isinstance(X, str | bytes | os.PathLike):
        raise TypeError(f"{name} must be a sequence of {kind}s, got the single path {os.fspath(X)!r}. {way_out}")
    if hasattr(X, "columns"):
        columns = list(X.columns)
        listed = f"{columns[:5]!r}" + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
        raise TypeError(
            f"{name} must be a sequence of {kind}s, got a table with columns {listed}. {_explain_table(X, kind)}"
        )
    shape = find_shape(X)
    if shape is not None and len(shape) not in (1, 4):
        raise ValueError(
            f"{name} must be a 1-D array of images or a 4-D array of shape (n_images, height, width, channels), "
            f"got shape {shape}. {way_out}"
            + (
                " Pass a table of features to the steps after the image steps, as in model[1:]."
                if len(shape) == 2
                else ""
            )
        )
    if hasattr(X, "iloc"):
        return X.to_numpy()
    if not (hasattr(X, "__len__") and hasattr(X, "__getitem__")) or isinstance(X, dict | set):
        raise TypeError(f"{name} must be a sequence of {kind}s, got {type(X).__name__}. {way_out}")
    return X


def _explain_table(table: Any, kind: str) -> str:
    if all(getattr(dtype, "kind", "O") in "biuf" for dtype in getattr(table, "dtypes", ["O"])):
        return "Pass a table of features to the steps after the image steps, as in model[1:]."
    way_out = f"Pass the one column that holds the {kind}s, such as table['path']."
    if kind == "mask":
        return way_out
    return (
        f"{way_out} If others describe the patient, name them: make_melanoma_pipeline(columns=['age', 'sex']) takes "
        "the table."
    )


def check_masks(y: Any, *, name: str = "y") -> Sequence[Any]:
    """Return masks as a sequence with a length and elements by position; a 3-D array is a stack of masks.

    Parameters
    ----------
    y : sequence of masks
        Arrays or paths; None or NaN for missing masks.
    name : str, default="y"
        Name of `y` in errors.

    Returns
    -------
    sequence
        `y` itself if it can be indexed by position.

    Raises
    ------
    TypeError, ValueError
        If `y` is not a sequence, as in `check_images`, or holds diagnoses.
    """
    shape = find_shape(y)
    if shape is not None and len(shape) == 2 and isinstance(y, np.ndarray | list | tuple):
        raise ValueError(
            f"{name} must hold one mask for each image, got an array of shape {shape}. "
            f"For one mask, pass [{name}]. Diagnoses, also with one column per class, are not masks."
        )
    masks = y if shape is not None and len(shape) == 3 else check_images(y, name=name, kind="mask")
    if isinstance(masks, list | tuple) or (isinstance(masks, np.ndarray) and masks.ndim == 1):
        for position in range(len(masks)):
            _refuse_diagnosis(masks[position], position, name)
    return masks


def _refuse_diagnosis(mask: Any, position: int, name: str) -> None:
    """Raise an error if a mask is a number, or a word that is not a path."""
    if isinstance(mask, str) and mask and not os.path.splitext(mask)[1]:
        wrong = not any(mark in mask for mark in "/\\") and "\0" not in mask and not os.path.exists(mask)
    else:
        wrong = isinstance(mask, numbers.Number | np.bool_) and not is_missing(mask)
    if wrong:
        raise ValueError(
            f"{name}[{position}]: a mask must be an array or a path (None for a missing one), got {mask!r}, "
            "which looks like a diagnosis. Segmenters learn from masks; diagnoses are the y of a classifier."
        )


def require_mask(mask: NDArray[np.bool_] | None, consumer: object) -> NDArray[np.bool_]:
    """Return the mask of a lesion, or raise an error that names the estimator that needs one."""
    if mask is None:
        raise ValueError(
            f"{type(consumer).__name__} needs a mask, got an image without one. "
            "Put a segmenter before it, or pass Lesion(image, mask)."
        )
    return mask


def check_image(image: ArrayLike, *, name: str = "image") -> NDArray[np.uint8]:
    """Return an image as RGB bytes.

    Parameters
    ----------
    image : array-like of shape (height, width), (height, width, 1), (height, width, 3) or (height, width, 4)
        Gray, RGB or RGBA, as uint8, as uint16, as wider integers in 0..255, as float in 0..1 or as bool. Transparent
        pixels are laid over black, which segmenters exclude from the field of view.
    name : str, default="image"
        Name of the image in errors.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The array itself if it has this shape and dtype.

    Raises
    ------
    TypeError
        If the image has another dtype.
    ValueError
        If the image has another shape, no visible pixel or masked pixels. If an integer is outside 0..255, or a float
        is NaN, infinite or outside 0..1.

    Warns
    -----
    UserWarning
        If the image is almost black, as 12-bit levels in uint16 are.
    """
    array = make_array(image, name)
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))):
        raise ValueError(
            f"{name} must have shape (height, width, 3), got {array.shape}. {explain_shape(array.shape, name)}"
        )
    if 0 in array.shape:
        raise ValueError(f"{name} must have at least one pixel, got shape {array.shape}. Leave it out.")
    array = convert_to_bytes(array, name=name)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.shape[2] == 1:
        return np.repeat(array, 3, axis=2)
    if array.shape[2] == 4:
        alpha = array[:, :, 3:].astype(np.uint16)
        if not alpha.any():
            raise ValueError(
                f"{name} must have visible pixels, but its fourth channel is 0 everywhere. If that channel "
                f"is not transparency, pass {name}[:, :, :3]."
            )
        return ((array[:, :, :3] * alpha + 127) // 255).astype(np.uint8)
    return array


def check_mask(
    mask: ArrayLike, *, shape: tuple[int, int] | None = None, name: str = "mask", lesion_label: Any = None
) -> NDArray[np.bool_]:
    """Return a mask as a 2-D bool array.

    Parameters
    ----------
    mask : array-like of shape (height, width) or (height, width, 1)
        True, 1 or 255 on the lesion, False or 0 elsewhere. Floats in 0..1 are probabilities with the threshold 0.5.
        Gray levels of borders and of JPEG's noise have half of the largest level as threshold.
    shape : tuple of int, optional
        Height and width that the mask must have.
    name : str, default="mask"
        Name of the mask in errors.
    lesion_label : int or collection of int, optional
        Labels of the lesion in a label image.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        The array itself if it has this shape and dtype.

    Raises
    ------
    ValueError
        If the mask is not 2-D, has no pixel, contains NaN, masked or negative pixels, has another shape than required,
        or holds labels or gray levels of an image.
    TypeError
        If the mask holds neither bools nor numbers.
    """
    array = make_array(mask, name)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 or array.size == 0:
        got = array.shape if array.ndim or array.dtype != object else type(mask).__name__
        raise ValueError(f"{name} must have shape (height, width), got {got}. {_explain_mask_shape(array.shape)}")
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(
            f"{name} must have the shape of its image, {tuple(shape)}, got {array.shape}. Resize it to the image."
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold bools or numbers, got dtype {array.dtype}. Convert it to bool first.")
    if lesion_label is not None:
        return select_labels(array, lesion_label)
    return array if array.dtype == np.bool_ else cut_levels(array, name=name)


def _explain_mask_shape(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] == 1:
        return "Pass its first element."
    return "Pass one channel." if len(shape) == 3 else "Pass a 2-D array, such as lesion.mask."


def check_probability(probability: ArrayLike, *, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a map of probabilities as 32-bit floats.

    Parameters
    ----------
    probability : array-like of shape (height, width)
        Numbers in 0..1.
    shape : tuple of int
        Height and width that it must have.

    Returns
    -------
    ndarray of shape (height, width), dtype float32
        The array itself if it has this dtype.

    Raises
    ------
    ValueError
        If the map has another shape or masked pixels, or a number is NaN or outside 0..1.
    TypeError
        If the map does not hold numbers.
    """
    array = make_array(probability, "probability")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"probability must hold numbers, got dtype {array.dtype}. Convert it to float first.")
    array = array.astype(np.float32, copy=False)
    if array.shape != tuple(shape):
        raise ValueError(f"probability must have the shape of its image, {tuple(shape)}, got {array.shape}.")
    if not (array.min() >= 0 and array.max() <= 1):  # False for NaN
        raise ValueError(
            f"probability must lie in 0..1, got {array.min():g}..{array.max():g}. Divide by its full scale."
        )
    return array


@contextmanager
def element_errors(position: int, element: object = None, *, name: str = "X") -> Iterator[None]:
    """Add the name of an element to errors raised inside the block.

    ValueError, TypeError, OSError and some subclasses of OSError are raised again with
    ``X[17] ('IMD002.bmp'): `` before their message. Other exceptions are treated as bugs: they get a note that names
    the element.

    Parameters
    ----------
    position : int
        Position of the element in the caller's sequence.
    element : object, optional
        The element; its path is named if it has one.
    name : str, default="X"
        Name of the caller's sequence.

    Yields
    ------
    None
    """
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        raise _locate_error(error, position, source_name(element), name) from error
    except Exception as error:
        error.add_note(f"While working on {element_label(position, element, name=name)}.")
        raise


def element_of_error(error: Exception) -> int | None:
    """Return the position of the element that an error of `element_errors` names; None for other errors."""
    return error._element[0] if hasattr(error, "_element") else None


def remove_position(message: str) -> str:
    """Return the message of an error about an image without its position and path."""
    return re.sub(r"^X\[\d+\](?: \(.*?\))?: ", "", message, flags=re.DOTALL)


def rebase_error(error: Exception, offset: int) -> Exception:
    """Return an error of `element_errors` with its position moved by `offset`; return other errors unchanged."""
    if not hasattr(error, "_element"):
        return error
    position, source, name, reason = error._element
    return _locate_error(type(error)(reason), position + offset, source, name)


def _locate_error(error: Exception, position: int, source: str | None, name: str) -> Exception:
    kinds = (FileNotFoundError, PermissionError, IsADirectoryError, OSError, TypeError, ValueError)
    kind = next(kind for kind in kinds if isinstance(error, kind))
    reason = str(error)
    located = kind(f"{element_label(position, source, name=name)}: {reason}")
    vars(located)["_element"] = (position, source, name, reason)  # is pickled with the error
    return located


def element_label(position: int, element: object = None, *, name: str = "X") -> str:
    """Return the name of an element in errors: its position and, if it has one, its path."""
    source = source_name(element)
    return f"{name}[{position}]" + (f" ({source!r})" if source else "")


def source_name(element: object) -> str | None:
    """Return the path of an image, or None if it has none."""
    if isinstance(element, str | os.PathLike):
        return str(os.fsdecode(element))  # a plain str, also for numpy's strings
    if isinstance(element, np.ndarray):
        return None  # the file name of a memory map does not name an image
    name = getattr(element, "source", None) or getattr(element, "filename", None)
    return str(os.fsdecode(name)) if isinstance(name, str | bytes | os.PathLike) and name else None
