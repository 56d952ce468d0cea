"""How well two masks agree, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._validation import check_mask


def mask_jaccard(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Measure the overlap of two masks by their Jaccard index.

    :math:`J = |T \cap P| / |T \cup P|`, the intersection over the union. Two empty masks
    agree: 1.

    Parameters
    ----------
    y_true : array-like of shape (height, width)
        True mask. Bool, or numbers as in :func:`~sklearn_melanoma.images.read_mask`.
    y_pred : array-like of shape (height, width)
        Mask to be judged.

    Returns
    -------
    float
        Jaccard index, dimensionless, 0 (apart) to 1 (the same).

    Raises
    ------
    ValueError
        If a mask is not 2-D or the shapes differ.

    See Also
    --------
    threshold_jaccard : The same, with poor masks counted as failures.
    mean_mask_score : The mean over many images.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_jaccard
    >>> mask_jaccard([[1, 1, 1, 0]], [[0, 1, 1, 1]])
    0.5
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    both, union = _overlap(y_true, y_pred)
    return both / union if union else 1.0


def threshold_jaccard(y_true: ArrayLike, y_pred: ArrayLike, *, threshold: float = 0.65) -> float:
    """Measure the overlap of two masks, counting a poor one as a failure.

    The Jaccard index where it reaches `threshold`, and 0 below: the measure that ranked
    task 1 of the ISIC 2018 challenge [1]_, which took 0.65 as the line under which a mask
    would have to be drawn again.

    Parameters
    ----------
    y_true : array-like of shape (height, width)
        True mask.
    y_pred : array-like of shape (height, width)
        Mask to be judged.
    threshold : float, default=0.65
        Lowest Jaccard index that counts.

    Returns
    -------
    float
        0, or a Jaccard index from `threshold` to 1.

    Raises
    ------
    ValueError
        If a mask is not 2-D or the shapes differ.

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
    jaccard = mask_jaccard(y_true, y_pred)
    return jaccard if jaccard >= threshold else 0.0


def mask_dice(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Measure the overlap of two masks by their Dice coefficient.

    :math:`D = 2 |T \cap P| / (|T| + |P|)`, the pixels' F1 score; :math:`D = 2J / (1 + J)` for
    the Jaccard index :math:`J`, so both put any two masks in the same order. Two empty masks
    agree: 1.

    Parameters
    ----------
    y_true : array-like of shape (height, width)
        True mask.
    y_pred : array-like of shape (height, width)
        Mask to be judged.

    Returns
    -------
    float
        Dice coefficient, dimensionless, 0 (apart) to 1 (the same).

    Raises
    ------
    ValueError
        If a mask is not 2-D or the shapes differ.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_dice
    >>> mask_dice([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.5
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    both, union = _overlap(y_true, y_pred)
    return 2 * both / (union + both) if union else 1.0


def mask_sensitivity(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Measure how much of the lesion was found.

    :math:`|T \cap P| / |T|`, over pixels. Where there is no lesion nothing can be missed: 1.

    Parameters
    ----------
    y_true : array-like of shape (height, width)
        True mask.
    y_pred : array-like of shape (height, width)
        Mask to be judged.

    Returns
    -------
    float
        Share of the lesion's pixels, 0 (none) to 1 (all).

    Raises
    ------
    ValueError
        If a mask is not 2-D or the shapes differ.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_sensitivity
    >>> mask_sensitivity([[1, 1, 1, 1, 0]], [[1, 0, 0, 0, 1]])
    0.25
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    positive = _count(y_true)
    return _count(y_true & y_pred) / positive if positive else 1.0


def mask_specificity(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Measure how much of the skin around the lesion was left out.

    :math:`1 - |P \setminus T| / |\overline{T}|`, over pixels. Where the lesion fills the
    image nothing can be wrongly taken: 1. The value depends on how much skin the image
    shows; only images framed alike compare.

    Parameters
    ----------
    y_true : array-like of shape (height, width)
        True mask.
    y_pred : array-like of shape (height, width)
        Mask to be judged.

    Returns
    -------
    float
        Share of the pixels off the lesion, 0 (all were taken) to 1 (none was).

    Raises
    ------
    ValueError
        If a mask is not 2-D or the shapes differ.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mask_specificity
    >>> mask_specificity([[1, 0, 0, 0, 0]], [[1, 1, 0, 0, 0]])
    0.75
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    negative = y_true.size - _count(y_true)
    neither = y_true.size - _count(y_true | y_pred)
    return neither / negative if negative else 1.0


def _overlap(y_true: NDArray[np.bool_], y_pred: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the sizes of intersection and union."""
    both = _count(y_true & y_pred)
    return both, _count(y_true) + _count(y_pred) - both


def _count(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))  # NumPy 2 may return its own int, which would show in every score


def _check_pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    y_true, y_pred = check_mask(y_true, name="y_true"), check_mask(y_pred, name="y_pred")
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_pred must have the shape of y_true, {y_true.shape}, got {y_pred.shape}. "
            "Bring the prediction to the size of the image that the true mask was drawn on."
        )
    return y_true, y_pred
