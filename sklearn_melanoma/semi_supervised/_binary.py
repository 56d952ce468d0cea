"""Predictions of binary classifiers from one score."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils import Tags

from sklearn_melanoma.semi_supervised._labeled import LabeledScoreMixin


class BinaryScoreMixin(LabeledScoreMixin):
    """Predictions from `decision_function`, the log-odds of ``classes_[1]``; goes before `ClassifierMixin`."""

    accepts_unlabeled: ClassVar[bool] = True

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities in the order of `classes_`.
        """
        scores = self.decision_function(X)  # type: ignore[attr-defined]
        return np.column_stack([expit(-scores), expit(scores)])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the more probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Elements of `classes_`.
        """
        return self._decide(self.decision_function(X))  # type: ignore[attr-defined]

    def _decide(self, scores: NDArray[np.float64]) -> NDArray[Any]:
        return self.classes_[(scores > 0).astype(int)]  # type: ignore[attr-defined]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.classifier_tags.multi_class = False
        return tags
