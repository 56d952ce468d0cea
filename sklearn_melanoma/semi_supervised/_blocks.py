"""Blocks of columns with their own prior variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._prior_fits import PriorFit


class Scaling(NamedTuple):
    """Shift and factor of each column.

    Parameters
    ----------
    center : ndarray of shape (n_features,)
        Mean of the columns of blocks, 0 for others.
    factor : ndarray of shape (n_features,)
        Number to multiply by, 1 for columns outside blocks.
    members : ndarray of shape (n_blocks, n_features), dtype bool
        Which columns belong to each block.
    """

    center: Array
    factor: Array
    members: NDArray[np.bool_]

    @property
    def is_counted(self) -> NDArray[np.bool_]:
        """True for columns outside blocks."""
        return np.asarray(~np.any(self.members, axis=0))

    @property
    def n_counted(self) -> int:
        """Number of columns outside blocks."""
        return int(np.count_nonzero(self.is_counted))

    def apply(self, rows: Array) -> Array:
        """Scale samples."""
        scaled = rows - self.center
        scaled *= self.factor
        return scaled

    def measure_priors(self, priors: Array, rows: Array, weights: Array | None = None) -> Array:
        """Return the sums of absolute weights of priors of shape (n_priors, n_features, ...); the axis is kept.

        A block counts as one column. Its weight is the standard deviation of its part of the score of the samples.
        """
        lengths = np.abs(priors[:, self.is_counted]).sum(axis=1, keepdims=True)
        for member in self.members:
            part = np.tensordot(rows[:, member], priors[:, member], axes=(1, 1))  # sample, prior, ...
            part -= np.average(part, axis=0, weights=weights)
            lengths += np.sqrt(np.average(part**2, axis=0, weights=weights))[:, np.newaxis]
        return np.asarray(lengths)

    def scale_priors(self, priors: Array) -> Array:
        """Return priors of shape (n_priors, n_features, ...) for scaled samples."""
        by_feature = np.moveaxis(priors, 1, -1)
        scaled = np.divide(by_feature, self.factor, out=np.zeros_like(by_feature), where=self.factor > 0)
        return np.moveaxis(scaled, -1, 1)

    def undo(self, fit: PriorFit) -> PriorFit:
        """Return the weights of samples that are not scaled."""
        coefficients, prior = (self.factor * fit.coefficients.T).T, (self.factor * fit.prior.T).T
        return fit._replace(
            coefficients=coefficients, prior=prior, intercept=fit.intercept - self.center @ coefficients
        )


def scale_blocks(
    blocks: Mapping[str, float],
    names: Sequence[str] | None,
    rows: Array,
    weights: Array | None = None,
    *,
    argument: str = "blocks",
) -> Scaling:
    r"""Find the scaling with which one penalty gives each block of columns its own prior variance.

    With the penalty :math:`\lambda`, weights have the prior variance :math:`1/\lambda`. Let :math:`n` be the number of
    columns outside all blocks, and let these columns be standardized. A block whose rows have the mean squared length
    :math:`v \, n` gets :math:`v` times the prior variance of these columns together.

    Parameters
    ----------
    blocks : mapping from str to float
        Relative variance :math:`v` of the columns whose names start with each prefix. May be empty.
    names : sequence of str or None
        Names of the columns.
    rows : ndarray of shape (n_samples, n_features)
        Labeled and unlabeled samples.
    weights : ndarray of shape (n_samples,), optional
        Their weights, not negative.
    argument : str, default="blocks"
        Name of `blocks` in errors.

    Returns
    -------
    Scaling
        Scaling of all columns.

    Raises
    ------
    TypeError, ValueError
        If a prefix is not a string, or a variance is not above 0. If the columns have no names. If no column or every
        column starts with a prefix. If a column starts with two prefixes.

    Examples
    --------
    >>> rows = np.array([[1.0, 0, 4], [-1, 0, 0], [1, 2, 0], [-1, 2, 4]])
    >>> scale_blocks({"fisher_": 1}, ["area", "fisher_0", "fisher_1"], rows).factor.round(2)
    array([1.  , 0.45, 0.45])
    """
    members = _find_members(blocks, names, rows.shape[1], argument)
    counted = ~np.any(members, axis=0)
    if not counted.any():
        raise ValueError(
            f"{argument} must leave some columns of X out, but all start with {', '.join(map(repr, blocks))}. "
            "The scale of a block is relative to that of the other columns."
        )
    center, factor = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    for member, variance in zip(members, blocks.values(), strict=True):
        center[member] = np.average(rows[:, member], axis=0, weights=weights)
        length = np.average(((rows[:, member] - center[member]) ** 2).sum(axis=1), weights=weights)
        noise = np.finfo(rows.dtype).eps * np.linalg.norm(center[member])  # for a block without variance
        factor[member] = np.sqrt(variance * np.count_nonzero(counted) / length) if length > (9 * noise) ** 2 else 0.0
    return Scaling(center, factor, members)


def _is_positive(variance: Any) -> bool:
    return isinstance(variance, Real) and not isinstance(variance, bool) and 0 < float(variance) < np.inf


def _find_members(blocks: Any, names: Sequence[str] | None, n_features: int, argument: str) -> NDArray[np.bool_]:
    """Return for each block which columns belong to it."""
    if names is None and blocks:
        raise ValueError(
            f"{argument} needs named columns ({', '.join(map(repr, blocks))}), but the columns of X have no names. "
            'Call set_output(transform="pandas") on the pipeline, or pass a DataFrame.'
        )
    for prefix, variance in blocks.items():
        if not isinstance(prefix, str) or not _is_positive(variance):
            raise ValueError(
                f"blocks must map the beginning of names to a variance above 0, got {prefix!r}: {variance!r}. "
                'Write it as in {"fisher_": 1.0}.'
            )
    names = [] if names is None else list(names)
    members = np.array([[name.startswith(prefix) for name in names] for prefix in blocks], dtype=bool)
    members = members.reshape(-1, n_features)
    for prefix, member in zip(blocks, members, strict=True):
        if not member.any():
            raise ValueError(
                f"X must have columns of the block {prefix!r}, got none whose name starts with it. "
                f"The names are {', '.join(map(repr, names[:3]))}, …"
            )
    if (members.sum(axis=0) > 1).any():
        twice = names[int(np.argmax(members.sum(axis=0) > 1))]
        raise ValueError(f"blocks must not overlap, got two for column {twice!r}: {list(blocks)!r}. Drop one of them.")
    return members
