"""Scaling of a table with a block of learned features and other features."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin
from sklearn_melanoma.semi_supervised._blocks import scale_blocks
from sklearn_melanoma.semi_supervised._rows import check_rows


class BlockScaler(CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Scale a block of learned features by one number, and all other columns by a scaler that you choose.

    The columns of a Fisher vector belong together. If each were standardized, columns that hardly vary would count
    most. So the block is centered and divided by one number. The block then has as much weight as all other columns
    together: the mean squared length of its rows equals the number of the other columns. Standardized columns have the
    same mean squared length.

    Parameters
    ----------
    scaler : transformer or "passthrough"
        Scaler of all other columns, such as :class:`~sklearn.preprocessing.StandardScaler`. A clone is fitted. It must
        return as many columns as it gets. "passthrough" does not change the columns.
    prefix : str, default="fisher\_"
        Beginning of the names of the columns of the block.

    Attributes
    ----------
    scaler_ : transformer
        The fitted scaler.
    is_block_ : ndarray of shape (n_features,), dtype bool
        True for the columns of the block.
    center_, factor_ : ndarray of shape (n_features,)
        Number that is subtracted from each column of the block, and number by which it is then multiplied. 0 and 1 for
        other columns.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns.

    See Also
    --------
    sklearn_melanoma.features.FisherVectorEncoder : Transformer that learns such features.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_melanoma.pipeline import BlockScaler
    >>> X = pd.DataFrame({"area": [0.0, 2, 4, 6], "fisher_0": [0.2, 0.4, 0.2, 0.4], "fisher_1": [0.3, 0.3, 0.1, 0.1]})
    >>> BlockScaler(StandardScaler()).fit_transform(X).round(2)
    array([[-1.34, -0.71,  0.71],
           [-0.45,  0.71,  0.71],
           [ 0.45, -0.71, -0.71],
           [ 1.34,  0.71, -0.71]])
    """

    def __init__(self, scaler: Any, *, prefix: str = "fisher_"):
        self.scaler = scaler
        self.prefix = prefix

    @one_task
    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Find the scale of each column and of the block.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            The table, without NaN. Its columns have names.
        y : array-like of shape (n_samples,), default=None
            Passed to the scaler.

        Returns
        -------
        self
            The fitted scaler.

        Raises
        ------
        ValueError
            If no column's name begins with the prefix, or all do, or the columns have no names.
        """
        rows = check_rows(self, X)
        names = getattr(self, "feature_names_in_", None)
        scaling = scale_blocks({self.prefix: 1.0}, names, rows, argument="prefix")
        self.center_, self.factor_, self.is_block_ = scaling.center, scaling.factor, ~scaling.is_counted
        scaler = FunctionTransformer() if self.scaler in (None, "passthrough") else clone(self.scaler)
        self.scaler_ = scaler.fit(rows[:, ~self.is_block_], y)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Scale a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The table, with the columns of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The scaled table.

        Raises
        ------
        ValueError
            If the scaler does not return as many columns as it gets.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, reset=False)
        scaled = (rows - self.center_) * self.factor_
        others = rows[:, ~self.is_block_]
        others_scaled = self.scaler_.transform(others)
        if np.shape(others_scaled) != others.shape:
            raise ValueError(
                f"scaler must keep the number of columns, got shape {np.shape(others_scaled)} for {others.shape} by "
                f"{self.scaler!r}. Put other steps before or after."
            )
        scaled[:, ~self.is_block_] = others_scaled
        return scaled
