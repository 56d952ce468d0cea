"""Base classes of image transformers, and of estimators that contain named estimators."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._io.reading import as_lesion
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._parallel import run_in_parallel
from sklearn_melanoma._sklearn_compat import BaseComposition, CallbackSupportMixin, Interval, validate_params, wrap_rows
from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation import check_images, element_errors, require_mask, source_name


class Composite(BaseComposition):
    """Base of estimators that contain named estimators; their parameters are ``name__parameter``."""

    _parts: ClassVar[str]  # name of the parameter that holds the list of (name, estimator)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; parameters of the named estimators are called ``name__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of the named estimators.

        Returns
        -------
        dict
            Names and values.
        """
        return self._get_params(self._parts, deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``name`` replaces a named estimator, ``name__parameter`` sets its parameter.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self
            The estimator itself.
        """
        self._set_params(self._parts, **params)
        return self


def list_steps(pipeline: Any) -> list[tuple[str, Any]]:
    """Return names and estimators of the steps of a pipeline, without those that are None or "passthrough"."""
    return [(name, step) for name, step in pipeline.steps if step is not None and step != "passthrough"]


def split_first_step(pipeline: Any) -> tuple[Any, Any]:
    """Return the first step of a pipeline, and the pipeline of the steps after it."""
    name, first = list_steps(pipeline)[0]
    return first, pipeline[list(pipeline.named_steps).index(name) + 1 :]


def tag_image_input(tags: Tags) -> Tags:
    """Declare in the tags that the input is a sequence of images (arrays or paths), and that no target is needed."""
    tags.input_tags.one_d_array = True
    tags.input_tags.two_d_array = False
    tags.input_tags.string = True
    tags.target_tags.required = False
    return tags


def set_index(table: Any, X: Any) -> Any:
    """Set the index of a pandas table made from images: the index of `X`, else their paths, else their positions."""
    if not hasattr(table, "iloc"):
        return table
    if hasattr(X, "iloc"):
        index = getattr(X, "index", None)
    else:
        index = _list_paths(X.to_list() if hasattr(X, "to_list") else X)  # an Index, or a Series of polars
    return table if index is None else table.set_axis(index, axis=0)


def _list_paths(images: Any) -> list[str] | None:
    """Return the path of each image; None if an image has none, or if elements may be computed at each access."""
    if type(images) not in (list, tuple, np.ndarray) or getattr(images, "ndim", 1) != 1:
        return None
    paths = [source for image in images if (source := source_name(image)) is not None]
    return paths if 0 < len(paths) == len(images) else None


#: Values of `n_jobs`, as in joblib: a number of processes; a negative number is added to the number of processors plus
#: 1.
N_JOBS = [Interval(Integral, None, -1, closed="right"), Interval(Integral, 1, None, closed="left"), None]

# Number of images that a process gets at a time. It is the default batch size of `ImagePipeline`.
_CHUNK = 16


class ImageTransformer(CallbackSupportMixin, BaseEstimator):
    """Base of the transformers of image sequences; each image is transformed independently of the others."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    n_jobs: int | None = None

    @one_task
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the type of `X`; nothing is learned from the images.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions. The images are not read.
        y : None
            Ignored.

        Returns
        -------
        self
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter has a value out of its range, or `X` is an array that is neither 1-D nor 4-D.
        TypeError
            If `X` is not a sequence of images.
        """
        self._check_parameters()
        check_images(X)
        return self

    def _check_parameters(self) -> None:
        validate_params(self)

    def _transform_chunks(self, images: Sequence[Any]) -> Iterator[Any]:
        """Yield the output of `_transform_chunk` for each chunk of images, in their order.

        The chunks run in `n_jobs` processes if there are several.
        """

        def take_chunk(start: int) -> tuple[int, list[Any]]:
            return start, [images[position] for position in range(start, min(start + _CHUNK, len(images)))]

        starts = range(0, len(images), _CHUNK)
        n_jobs = effective_n_jobs(self.n_jobs)  # joblib 1.3 does not look up None
        if len(starts) > 1 and n_jobs > 1:
            yield from run_in_parallel(self._transform_chunk, starts, n_jobs, arguments=take_chunk)
        else:
            yield from (self._transform_chunk(*take_chunk(start)) for start in starts)

    def _transform_chunk(self, start: int, images: Sequence[Any]) -> Any:
        """Return the output for some images; `start` is the position of the first one in `X`."""
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = tag_image_input(super().__sklearn_tags__())
        tags.requires_fit = False
        return tags


class LesionTransformer(TransformerMixin, ImageTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Base of the transformers from images to lesions."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Without this, scikit-learn would put the lesions into a table if a subclass defines `transform`.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def transform(self, X: Any) -> list[Lesion]:
        """Return one lesion for each image.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions, of any sizes.

        Returns
        -------
        list of Lesion
            In the order of `X`.

        Raises
        ------
        ValueError, TypeError, OSError
            If an element of `X` is not an image or can't be read; the message gives its position and path.
        """
        self._check_parameters()
        images = check_images(X)
        check_is_fitted(self)  # outside `element_errors`, because this error is not about an image
        return [lesion for lesions in self._transform_chunks(images) for lesion in lesions]

    def _transform_chunk(self, start: int, images: Sequence[Any]) -> list[Lesion]:
        lesions = []
        for position, image in enumerate(images, start):
            with element_errors(position, image):
                lesions.append(self._transform_image(image))
        return lesions

    def _transform_image(self, image: Any) -> Lesion:
        return self._transform_lesion(as_lesion(image))

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        """Return `lesion` with another image or mask."""
        raise NotImplementedError

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing, since lesions fit no table; ``Pipeline.set_output`` needs the method.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            Ignored.

        Returns
        -------
        self
            The transformer itself.
        """
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the name of the output.

        Parameters
        ----------
        input_features : ignored
            For scikit-learn's interface.

        Returns
        -------
        ndarray of shape (1,), dtype object
            Always ``["lesion"]``.
        """
        return np.array(["lesion"], dtype=object)


class FeatureTransformer(TransformerMixin, ImageTransformer):
    """Base of the transformers from segmented lesions to rows of features."""

    _needs_mask: ClassVar[bool] = True  # whether a lesion without a mask is an error

    def transform(self, X: Any) -> Array:
        """Compute the features of each lesion.

        Parameters
        ----------
        X : sequence of Lesion
            Segmented lesions. A lesion whose mask is all False gives a row of NaN.

        Returns
        -------
        ndarray of shape (n_images, n_features), dtype float64
            One row per lesion. After ``set_output(transform="pandas")``, a table with feature names. Its index is the
            index of `X` if `X` is a Series. Otherwise, it holds the paths of the images if all have one, else their
            positions.

        Raises
        ------
        ValueError
            If an image has no mask; the message gives its position and path.
        """
        return set_index(wrap_rows(self._compute_rows(X), self), X)

    def _compute_rows(self, X: Any) -> Array:
        """Return the rows of `transform` as an array."""
        self._check_parameters()
        images = check_images(X)
        check_is_fitted(self)  # outside `element_errors`, because this error is not about a lesion
        rows = np.empty((len(images), len(self._feature_names())))
        done = 0
        for chunk in self._transform_chunks(images):
            rows[done : done + len(chunk)] = chunk
            done += len(chunk)
        return rows

    def _transform_chunk(self, start: int, images: Sequence[Any]) -> Array:
        names = self._feature_names()
        rows = np.full((len(images), len(names)), np.nan)
        for place, image in enumerate(images):
            with element_errors(start + place, image):
                lesion = as_lesion(image)
                if self._needs_mask:
                    require_mask(lesion.mask, self)
                if lesion.mask is None or lesion.area_px:
                    rows[place] = self._measure(lesion, names)
        return rows

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._feature_names()

    @abstractmethod
    def _feature_names(self) -> Sequence[str]:
        """Return the names of the columns; raise an error if a parameter has unknown names."""

    @abstractmethod
    def _measure(self, lesion: Lesion, names: Sequence[str]) -> Sequence[float] | Array:
        """Return the named features of a lesion whose mask has at least one pixel."""

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the features, in the order of the columns.

        Parameters
        ----------
        input_features : ignored
            For scikit-learn's interface.

        Returns
        -------
        ndarray of shape (n_features,), dtype object
            One name per column.
        """
        return np.array(self._feature_names(), dtype=object)
