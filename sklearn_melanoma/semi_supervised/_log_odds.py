"""Predictions of classifiers from log-odds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from sklearn_melanoma.semi_supervised._labeled import LabeledScoreMixin


class LogOddsMixin(LabeledScoreMixin):
    """Predictions from `decision_function`; goes before `ClassifierMixin`.

    `decision_function` returns the log-odds of ``classes_[1]``. For more than two classes, it returns their
    log-probabilities up to a constant.
    """

    accepts_unlabeled: ClassVar[bool] = True

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        scores = self.decision_function(X)  # type: ignore[attr-defined]
        return np.column_stack([expit(-scores), expit(scores)]) if scores.ndim == 1 else softmax(scores, axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each sample.

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
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]  # type: ignore[attr-defined]
