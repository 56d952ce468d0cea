"""Agreement of masks, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._io.reading import load_mask
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import check_masks


def mask_jaccard(y_true: ArrayLike | PathLike, y_pred: ArrayLike | PathLike) -> float:
    r"""Compute the Jaccard index of two masks.

    The index is :math:`J = |T \cap P| / |T \cup P|`, the intersection over the union. Here, :math:`T` is the set of
    pixels of the true mask, and :math:`P` that of the predicted mask. Two empty masks have an index of 1.

    Parameters
    ----------
    y_true : path or array-like of shape (height, width)
        True mask: a path, bools, or numbers as in :func:`~sklearn_melanoma.images.read_mask`.
    y_pred : path or array-like of shape (height, width)
        Predicted mask.

    Returns
    -------
    float
        Jaccard index, dimensionless, from 0 (disjoint) to 1 (equal).

    Raises
    ------
    ValueError
        If a mask can't be read, is not 2-D or not a mask, or the shapes differ.
    TypeError
        If a mask holds neither bools nor numbers.
    OSError
        If a file does not exist or can't be opened.

    See Also
    --------
    threshold_jaccard : The same, with 0 for poor masks.
    mean_mask_score : The mean over many images.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_jaccard
    >>> mask_jaccard([[1, 1, 1, 0]], [[0, 1, 1, 1]])
    0.5
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    both, union = _count_overlap(y_true, y_pred)
    return both / union if union else 1.0


def threshold_jaccard(y_true: ArrayLike | PathLike, y_pred: ArrayLike | PathLike, *, threshold: float = 0.65) -> float:
    """Compute the thresholded Jaccard index of two masks.

    The result is the Jaccard index if it reaches `threshold`, else 0. Task 1 of the ISIC 2018 challenge [1]_ ranked by
    this metric with a threshold of 0.65. A mask below it would have to be drawn again.

    Parameters
    ----------
    y_true : path or array-like of shape (height, width)
        True mask, as in :func:`mask_jaccard`.
    y_pred : path or array-like of shape (height, width)
        Predicted mask.
    threshold : float, default=0.65
        Lowest Jaccard index that counts, from 0 to 1.

    Returns
    -------
    float
        0, or a Jaccard index from `threshold` to 1.

    Raises
    ------
    ValueError
        If a mask can't be read, is not 2-D or not a mask, the shapes differ, or `threshold` is out of its range.
    TypeError
        If a mask holds neither bools nor numbers.
    OSError
        If a file does not exist or can't be opened.

    References
    ----------
    .. [1] N. Codella et al., "Skin Lesion Analysis Toward Melanoma Detection 2018: A
       Challenge Hosted by the International Skin Imaging Collaboration (ISIC)",
       arXiv:1902.03368, 2019.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import threshold_jaccard
    >>> threshold_jaccard([[1, 1, 1, 0]], [[1, 1, 1, 1]])
    0.75
    >>> threshold_jaccard([[1, 1, 1, 0]], [[0, 1, 1, 1]])
    0.0
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in 0..1, got {threshold!r}. 65 % is 0.65.")
    jaccard = mask_jaccard(y_true, y_pred)
    return jaccard if jaccard >= threshold else 0.0


def mask_dice(y_true: ArrayLike | PathLike, y_pred: ArrayLike | PathLike) -> float:
    r"""Compute the Dice coefficient of two masks.

    The coefficient is :math:`D = 2 |T \cap P| / (|T| + |P|)`, the F1 score of the pixels. Here, :math:`T` is the set of
    pixels of the true mask, and :math:`P` that of the predicted mask. With the Jaccard index :math:`J`,
    :math:`D = 2J / (1 + J)`, so both rank masks in the same order. Two empty masks have a coefficient of 1.

    Parameters
    ----------
    y_true : path or array-like of shape (height, width)
        True mask, as in :func:`mask_jaccard`.
    y_pred : path or array-like of shape (height, width)
        Predicted mask.

    Returns
    -------
    float
        Dice coefficient, dimensionless, from 0 (disjoint) to 1 (equal).

    Raises
    ------
    ValueError
        If a mask can't be read, is not 2-D or not a mask, or the shapes differ.
    TypeError
        If a mask holds neither bools nor numbers.
    OSError
        If a file does not exist or can't be opened.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_dice
    >>> mask_dice([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.5
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    both, union = _count_overlap(y_true, y_pred)
    return 2 * both / (union + both) if union else 1.0


def mask_agreement(masks: Sequence[ArrayLike | PathLike]) -> float:
    """Compute the agreement of several masks of one lesion, such as masks by several annotators.

    The agreement is the mean Jaccard index of all pairs of masks.

    Parameters
    ----------
    masks : sequence of at least two masks
        Each a path or an array-like of shape (height, width), as in :func:`mask_jaccard`.

    Returns
    -------
    float
        Agreement, dimensionless, from 0 (all disjoint) to 1 (all equal).

    Raises
    ------
    ValueError, TypeError
        If there are fewer than two masks, a mask can't be read, is not 2-D or not a mask, or the shapes differ.
    OSError
        If a file does not exist or can't be opened.

    Notes
    -----
    Dermatologists who draw the border of the same lesion have an agreement of about 0.79 to 0.86. Lesions with less
    agreement have no clear border.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_agreement
    >>> round(mask_agreement([[[1, 1, 1, 0]], [[0, 1, 1, 0]], [[1, 1, 1, 0]]]), 3)
    0.778
    """
    masks = check_masks(masks, name="masks")
    if len(masks) < 2:
        raise ValueError(f"masks must hold at least two masks of the lesion, got {len(masks)}.")
    loaded = [load_mask(mask, name=f"masks[{position}]") for position, mask in enumerate(masks)]
    for position, mask in enumerate(loaded):
        if mask.shape != loaded[0].shape:
            raise ValueError(
                f"masks[{position}] must have the shape of masks[0], {loaded[0].shape}, got {mask.shape}. "
                "Bring all masks to one size."
            )
    return float(np.mean([mask_jaccard(one, other) for one, other in combinations(loaded, 2)]))


def mask_sensitivity(y_true: ArrayLike | PathLike, y_pred: ArrayLike | PathLike) -> float:
    r"""Compute the sensitivity of a mask: the fraction of the lesion that was found.

    The sensitivity is :math:`|T \cap P| / |T|`, the fraction of the pixels of the true mask :math:`T` that the
    predicted mask :math:`P` covers. It is 1 if there is no lesion.

    Parameters
    ----------
    y_true : path or array-like of shape (height, width)
        True mask, as in :func:`mask_jaccard`.
    y_pred : path or array-like of shape (height, width)
        Predicted mask.

    Returns
    -------
    float
        Fraction of the pixels of the lesion, from 0 (none found) to 1 (all found).

    Raises
    ------
    ValueError
        If a mask can't be read, is not 2-D or not a mask, or the shapes differ.
    TypeError
        If a mask holds neither bools nor numbers.
    OSError
        If a file does not exist or can't be opened.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_sensitivity
    >>> mask_sensitivity([[1, 1, 1, 1, 0]], [[1, 0, 0, 0, 1]])
    0.25
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    positive = _count_pixels(y_true)
    return _count_pixels(y_true & y_pred) / positive if positive else 1.0


def mask_specificity(y_true: ArrayLike | PathLike, y_pred: ArrayLike | PathLike) -> float:
    r"""Compute the specificity of a mask: the fraction of the skin around the lesion that was left out.

    The specificity is :math:`1 - |P \setminus T| / |\overline{T}|`, the fraction of the pixels outside the true mask
    :math:`T` that the predicted mask :math:`P` leaves out. It is 1 if the lesion fills the image. The value depends on
    how much skin the image shows. So compare only images with a similar area of skin.

    Parameters
    ----------
    y_true : path or array-like of shape (height, width)
        True mask, as in :func:`mask_jaccard`.
    y_pred : path or array-like of shape (height, width)
        Predicted mask.

    Returns
    -------
    float
        Fraction of the pixels outside the lesion, from 0 (all in the predicted mask) to 1 (none).

    Raises
    ------
    ValueError
        If a mask can't be read, is not 2-D or not a mask, or the shapes differ.
    TypeError
        If a mask holds neither bools nor numbers.
    OSError
        If a file does not exist or can't be opened.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_specificity
    >>> mask_specificity([[1, 0, 0, 0, 0]], [[1, 1, 0, 0, 0]])
    0.75
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    negative = y_true.size - _count_pixels(y_true)
    neither = y_true.size - _count_pixels(y_true | y_pred)
    return neither / negative if negative else 1.0


def _count_overlap(y_true: NDArray[np.bool_], y_pred: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the sizes of intersection and union."""
    both = _count_pixels(y_true & y_pred)
    return both, _count_pixels(y_true) + _count_pixels(y_pred) - both


def _count_pixels(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))  # NumPy 2 may return its own int type, and every score would have it


def _check_pair(
    y_true: ArrayLike | PathLike, y_pred: ArrayLike | PathLike
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    y_true, y_pred = load_mask(y_true, name="y_true"), load_mask(y_pred, name="y_pred")
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_pred must have the shape of y_true, {y_true.shape}, got {y_pred.shape}. "
            "Pass a lesion made by `with_mask` instead of its mask, or resize the prediction to the image of the true "
            "mask."
        )
    return y_true, y_pred
