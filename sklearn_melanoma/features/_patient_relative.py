"""Features relative to the other lesions of the patient."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin
from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation import is_missing
from sklearn_melanoma._validation.groups import list_groups
from sklearn_melanoma.features._patients import compare_within_patients, find_typical_mads

# Texts for a missing patient in a column of texts, in lower case.
_UNKNOWN = {"", "nan", "nat", "none", "<na>"}


class PatientRelative(CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Compare each lesion with the other lesions of the same patient ("ugly duckling" sign).

    The nevi of a patient look alike. A lesion that differs from them is suspect, even if it looks benign [1]_. Each
    feature becomes the distance from the median of the patient, in median absolute deviations (MAD) of the patient:

    .. math:: z = \frac{x - m}{\operatorname{median} |x_i - m|}, \qquad m = \operatorname{median} x_i

    Here :math:`x` is the value of the lesion, and the :math:`x_i` are the values of all lesions of the patient in the
    same table. A value above the median gives a positive :math:`z`.

    Attributes
    ----------
    scale_ : ndarray of shape (n_features,)
        Median of the MADs in `fit` that are not 0. It replaces a MAD of 0, which occurs if more than half of the
        lesions of a patient have the same value. It is 1 for a feature whose MADs are all 0.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` has names.

    See Also
    --------
    feature_directions : Expected directions of the features of the image itself.

    Notes
    -----
    `groups`, the patient of each row, is required. `fit` and `transform` request it from scikit-learn's metadata
    routing: after ``sklearn.set_config(enable_metadata_routing=True)``, pass it as in
    ``pipeline.fit(X, y, groups=patients)`` and ``pipeline.predict(X, groups=patients)``. Scorers by name, such as
    ``scoring="roc_auc"``, do not pass `groups` on. To use such a scorer in a cross-validation, transform the whole
    table first, and keep all lesions of a patient in one fold. This is valid, because no label is used.

    `transform` only compares the rows that it gets, without the patients of `fit`. So pass all lesions of a patient
    together. The output is NaN if the patient has fewer than three lesions with a value. It is also NaN if the patient
    is unknown or the value itself is NaN.

    References
    ----------
    .. [1] J. J. Grob, J. J. Bonerandi, The "ugly duckling" sign: identification of the common characteristics of nevi
       in an individual as a basis for melanoma screening, Arch. Dermatol. 134, 103-104, 1998

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_melanoma.features import PatientRelative
    >>> X = pd.DataFrame({"area": [1.0, 2.0, 3.0, 8.0, 5.0]})
    >>> relative = PatientRelative().set_output(transform="pandas")
    >>> relative.fit_transform(X, groups=["a", "a", "a", "a", "b"])
       area_relative
    0           -1.5
    1           -0.5
    2            0.5
    3            5.5
    4            NaN
    """

    # For scikit-learn's metadata routing, which passes groups only to steps that request them.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}
    __metadata_request__transform: ClassVar[dict[str, bool]] = {"groups": True}

    @one_task
    def fit(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Self:
        """Learn how far the lesions of a patient usually differ.

        Parameters
        ----------
        X : array-like of shape (n_lesions, n_features)
            Features, NaN for missing values.
        y : None
            Ignored.
        groups : array-like of shape (n_lesions,)
            The patient of each lesion; None, NaN or an empty text where it is not known.

        Returns
        -------
        self
            The transformer itself.

        Raises
        ------
        ValueError
            If `groups` is missing or has another length, or `X` is not as described.
        """
        rows = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.scale_ = find_typical_mads(compare_within_patients(rows, _check_patients(groups, rows)).mads)
        return self

    def fit_transform(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Any:
        """Fit, and transform the same lesions.

        Parameters
        ----------
        X : array-like of shape (n_lesions, n_features)
            As in `fit`.
        y : None
            Ignored.
        groups : array-like of shape (n_lesions,)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_lesions, n_features), dtype float64
            The output of `transform`.
        """
        return self.fit(X, y, groups=groups).transform(X, groups=groups)

    def transform(self, X: Any, groups: ArrayLike | None = None) -> Array:
        """Compare the lesions of each patient in `X`.

        Parameters
        ----------
        X : array-like of shape (n_lesions, n_features)
            Features, NaN for missing values.
        groups : array-like of shape (n_lesions,)
            The patient of each lesion; None, NaN or an empty text where it is not known.

        Returns
        -------
        ndarray of shape (n_lesions, n_features), dtype float64
            Distances from the median of the patient, in MADs, dimensionless.

        Raises
        ------
        ValueError
            If `groups` is missing or has another length, or `X` has other columns than in `fit`.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        values, mads = compare_within_patients(rows, _check_patients(groups, rows))
        return values / np.where(mads == 0, self.scale_, mads)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the features with the suffix ``_relative``.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the features in `fit`, if `X` had none.

        Returns
        -------
        ndarray of shape (n_features,), dtype object
            One name per column.
        """
        names = super().get_feature_names_out(input_features)
        return np.array([f"{name}_relative" for name in names], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _check_patients(groups: ArrayLike | None, rows: Array) -> NDArray[np.object_]:
    if groups is None:
        raise ValueError(
            "groups must be given, the patient of each row, got None. Pass groups=patients; in a pipeline, after "
            "sklearn.set_config(enable_metadata_routing=True)."
        )
    given = list_groups(groups)
    check_consistent_length(rows, given)
    patients = np.empty(len(rows), dtype=object)  # np.array would convert 1 to "1" beside a text
    patients[:] = [None if _is_unknown(patient) else patient for patient in given]
    return patients


def _is_unknown(patient: object) -> bool:
    return is_missing(patient) or str(patient).strip().lower() in _UNKNOWN
