"""Pipeline of the images in a table, together with columns of the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._io.tables import find_image_columns
from sklearn_melanoma._typing import Array, PathLike
from sklearn_melanoma.pipeline._columns import encode_column, find_categories
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline


class MetadataPipeline(ImagePipeline):
    """An :class:`ImagePipeline` of the images in a table that adds columns of the patient to its rows.

    A column of numbers is added unchanged; a missing value becomes NaN. Each category of any other column becomes a
    column of 0 and 1. Missing values, and categories that did not occur in `fit`, are 0 in all of these columns.

    Parameters
    ----------
    steps : list of (str, transformer)
        As in :class:`ImagePipeline`.
    columns : sequence of str
        Names of the columns of the patient.
    image : str, optional
        Name of the column of images. By default, the only column whose first value is an image.
    batch_size, n_jobs, on_error, memory
        As in :class:`ImagePipeline`. The cache only uses images, so changed values in `columns` do not affect it.

    Attributes
    ----------
    image_ : str
        Name of the column of images.
    categories_ : dict of str to (list of str or None)
        Categories of each of `columns`; None for numbers.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ImagePipeline._parameter_constraints,
        "columns": ["array-like"],
        "image": [str, None],
    }

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        columns: Sequence[str],
        image: str | None = None,
        batch_size: int = 16,
        n_jobs: int | None = None,
        on_error: str = "raise",
        memory: PathLike | None = None,
    ):
        super().__init__(steps, batch_size=batch_size, n_jobs=n_jobs, on_error=on_error, memory=memory)
        self.columns = columns
        self.image = image

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the column of images and the categories, and fit the steps that learn.

        Parameters
        ----------
        X : DataFrame
            A table of pandas or polars, with one row for each image.
        y : None
            Ignored.

        Returns
        -------
        self
            The pipeline itself.

        Raises
        ------
        ValueError, TypeError
            If `X` is not a table, lacks a column, or does not have one column of images. If a column holds neither
            numbers nor texts, or both. If a column has the name of a feature. Errors of :class:`ImagePipeline` can
            occur, too.

        Warns
        -----
        UserWarning
            If a column is ignored because all of its values are missing.
        """
        self._fit_columns(X)
        super().fit(X[self.image_], y)
        self._check_names()
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, and transform the same table.

        Parameters
        ----------
        X : DataFrame
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_images, n_features) or DataFrame
            The output of `transform`, with the same errors and warnings.
        """
        self._fit_columns(X)
        encoded = self._encode_columns(X)
        rows = np.hstack([np.asarray(super().fit_transform(X[self.image_], y)), encoded])
        self._check_names()
        return rows

    def transform(self, X: Any) -> Any:
        """Transform the images with all steps, and add the columns of the patient.

        Parameters
        ----------
        X : DataFrame
            A table with the same columns as in `fit`. Others are ignored.

        Returns
        -------
        ndarray of shape (n_images, n_features) or DataFrame
            The features of the images, then the columns of the patient. The index of a DataFrame is that of `X`.

        Raises
        ------
        ValueError, TypeError, OSError
            As in `fit` and in :class:`ImagePipeline`. If a column held numbers in `fit`, and holds a text.
        """
        check_is_fitted(self)
        encoded = self._encode_columns(X)
        return np.hstack([np.asarray(super().transform(X[self.image_])), encoded])

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container of the output, as in every scikit-learn transformer.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            None leaves it unchanged.

        Returns
        -------
        self
            The pipeline itself.
        """
        TransformerMixin.set_output(self, transform=transform)  # containers from the steps would be unpacked again
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the features of the images, then the names of the columns of the patient.

        Parameters
        ----------
        input_features : array-like of str, optional
            Passed to the first step.

        Returns
        -------
        ndarray of shape (n_features,), dtype object
            One name per column, such as ``age`` or ``sex_female``.
        """
        check_is_fitted(self)
        names = [
            name if category is None else f"{name}_{category}"
            for name, categories in self.categories_.items()
            for category in ([None] if categories is None else categories)
        ]
        return np.array([*super().get_feature_names_out(input_features), *names], dtype=object)

    def __getitem__(self, index: int | str | slice) -> Any:
        """Return a step, or an :class:`ImagePipeline` of a slice of the steps, which takes images."""
        options = {name: getattr(self, name) for name in ("batch_size", "n_jobs", "on_error", "memory")}
        return ImagePipeline(self.steps, **options)[index]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "categories_") and super().__sklearn_is_fitted__()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def _fit_columns(self, X: Any) -> None:
        """Find the column of images and the categories, before any image is read."""
        self._validate_params()
        self.image_ = self._find_image_column(X)
        self.categories_ = {name: find_categories(_get_column(X, name), name) for name in self.columns}

    def _find_image_column(self, X: Any) -> Any:
        columns = list(self.columns)
        _check_table(X)
        found = find_image_columns(X) if self.image is None else [self.image]
        if len(found) > 1:
            raise ValueError(f"X must have one column of images, got {found!r}. Name one of them with image.")
        if not found:
            raise ValueError(
                f"X must have a column of images beside the columns {columns!r}, got {list(X.columns)!r}. If there is "
                "one, name it with image. Pass a table of features to the steps after the image steps, as in model[1:]."
            )
        _get_column(X, found[0], "image")
        if found[0] in columns:
            raise ValueError(f"columns must not hold the column of images, got {found[0]!r}. Leave it out.")
        return found[0]

    def _encode_columns(self, X: Any) -> Array:
        """Return the columns of the patient as numbers."""
        _check_table(X)
        _get_column(X, self.image_, "image")
        blocks = [
            encode_column(_get_column(X, name), categories, name) for name, categories in self.categories_.items()
        ]
        return np.hstack([np.empty((len(X), 0)), *blocks])

    def _check_names(self) -> None:
        names = self.get_feature_names_out().tolist()
        if twice := [name for name in self.columns if names.count(name) > 1]:
            raise ValueError(f"columns must differ from the names of features, got {twice!r}. Rename them in X.")


def _check_table(X: Any) -> None:
    if not hasattr(X, "columns"):
        raise TypeError(
            f"X must be a DataFrame with a column of images and the columns of the patient, got {type(X).__name__}. "
            "Without columns, make_melanoma_pipeline takes a list of images."
        )


def _get_column(X: Any, name: str, argument: str = "columns") -> Any:
    names = list(X.columns)
    if names.count(name) != 1:
        raise ValueError(
            f"{argument} must name one column of X, got {name!r}, the name of {names.count(name)} among {names!r}. "
            "Correct the name, or the table."
        )
    return X[name]
