"""Pipeline that also learns from augmented copies of the labeled images."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, check_consistent_length, check_random_state, column_or_1d, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._base import list_steps, split_first_step, tag_image_input
from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    safe_indexing,
    with_callbacks,
    wrap_rows,
)
from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation import check_images
from sklearn_melanoma._validation.labels import find_labeled
from sklearn_melanoma.experimental._augmented_features import AugmentedFeatures
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.pipeline._stack import stack_parts
from sklearn_melanoma.pipeline._warnings import record_problems
from sklearn_melanoma.semi_supervised._input import takes
from sklearn_melanoma.semi_supervised._labeled import LabeledScoreMixin


class AugmentedClassifier(CallbackSupportMixin, LabeledScoreMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifier around a pipeline that learns from augmented copies of the labeled images.

    It can also average predictions over copies. An augmented copy shows the lesion rotated, possibly mirrored, in
    another light and with a slightly different border. Copies are made inside `fit`, so that no copy of a test image is
    in the training data. On real images, augmentation did not help: :doc:`/benchmarks/few_labels` has the numbers.

    Parameters
    ----------
    estimator : Pipeline
        Pipeline from images to a diagnosis, for example from :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline`.
        Its first step is an :class:`~sklearn_melanoma.pipeline.ImagePipeline` whose last step computes features. A
        clone of it is fitted.
    n_augmentations : int, default=4
        Number of augmented copies of each labeled image that the classifier learns from.
    n_test_augmentations : int, default=0
        Number of augmented copies of each image over which predictions are averaged, together with the image itself.
    random_state : int, RandomState instance or None, default=None
        Seed of the copies in `fit`. Predictions use the same copies at every call.

    Attributes
    ----------
    estimator_ : Pipeline
        The fitted pipeline.
    classes_ : ndarray of shape (n_classes,)
        The classes.

    See Also
    --------
    InvariantProjection : Learns from augmented lesions without labels.

    Notes
    -----
    A labeled image and each of its copies have the weight 1 / (`n_augmentations` + 1), so that every labeled image
    counts as one. This needs a classifier with `sample_weight`. For others, such as
    :class:`~sklearn.semi_supervised.SelfTrainingClassifier`, each copy counts as one image. Unlabeled images have no
    copies. All steps before the classifier are fitted to the images without the copies.

    A copy belongs to the group of its image. If the last step requests ``groups``, such as a search over the parameters
    of a classifier, metadata routing passes these groups to it. Without routing, put the search around this estimator.

    Each image is read and segmented once for all its copies. If no lesion was found, copies equal the image.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.experimental import AugmentedClassifier
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> lesions = make_lesions(30, random_state=0)
    >>> labels = hide_labels(lesions.target, 3, random_state=0)
    >>> model = AugmentedClassifier(make_melanoma_pipeline(), n_augmentations=2, random_state=0)
    >>> model.fit(lesions.images, labels).predict_proba(lesions.images[:5]).shape
    (5, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "n_augmentations": [Interval(Integral, 0, None, closed="left")],
        "n_test_augmentations": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        n_augmentations: int = 4,
        n_test_augmentations: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.n_augmentations = n_augmentations
        self.n_test_augmentations = n_test_augmentations
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: ArrayLike, **params: Any) -> Self:
        """Fit all steps to the images, and the classifier to the copies too.

        Parameters
        ----------
        X : sequence of images
            Labeled and unlabeled images: paths, arrays, PIL images or lesions.
        y : array-like of shape (n_images,)
            Labels. A missing label is the integer -1, if the classifier accepts it; with labels that are strings, this
            requires an array of dtype object.
        **params : dict
            Metadata such as `sample_weight` and `groups`, one value for each image. Scikit-learn's metadata routing
            passes it to the classifier.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError, OSError
            If `estimator` is not a pipeline that begins with an ImagePipeline. If an image can't be read, the labels
            are not as described, or a parameter has a value out of its range.
        """
        self._validate_params()
        if not _starts_from_images(self.estimator):
            raise TypeError(
                f"estimator must be a Pipeline whose first step is an ImagePipeline, got {self.estimator!r}. "
                "make_melanoma_pipeline makes one."
            )
        if params and not get_config()["enable_metadata_routing"]:
            raise ValueError(
                f"fit takes {', '.join(params)} by metadata routing only, which is off. "
                "Call sklearn.set_config(enable_metadata_routing=True)."
            )
        params = process_routing(self, "fit", **params)["classifier"]["fit"]
        images, labels = check_images(X), column_or_1d(y)
        check_consistent_length(images, labels)
        labeled = np.flatnonzero(find_labeled(labels))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))

        model = clone(self.estimator)
        head, classifier = model[:-1], model[-1]
        with FitTask(self, images, labels, 3) as task:
            with task.fitting("fit-transform-images", head):
                rows = head.fit_transform(images, labels)
            positions = np.arange(len(labels))  # position of the image of each row
            if len(labeled) and self.n_augmentations:
                task.begin_part("transform-copies")
                copies = _transform_copies(head, [images[i] for i in labeled.tolist()], self.n_augmentations, seed)
                rows = stack_parts([rows, *copies])
                positions = np.concatenate([positions, *[labeled] * self.n_augmentations])
            with task.fitting("fit-classifier", classifier):
                classifier.fit(rows, labels[positions], **_expand_params(classifier, params, positions))
            # The memory of the pipeline may have fitted clones of these steps.
            model.steps[:-1] = head.steps
            self.estimator_, self.classes_ = model, classifier.classes_
        return self

    def _average(self, method: str, X: Any) -> Array:
        """Return the output of a method of the pipeline, averaged over each image and its copies."""
        check_is_fitted(self)
        images = check_images(X)
        total = getattr(self.estimator_, method)(images)
        if self.n_test_augmentations:
            for copies in _transform_copies(self.estimator_[:-1], images, self.n_test_augmentations, seed=0):
                total = total + getattr(self.estimator_[-1], method)(copies)
        return total / (1 + self.n_test_augmentations)

    @available_if(lambda self: self._has("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, averaged over the image and its copies.

        Parameters
        ----------
        X : sequence of images
            Any images.

        Returns
        -------
        ndarray of shape (n_images, n_classes)
            In the order of `classes_`.
        """
        return self._average("predict_proba", X)

    @available_if(lambda self: self._has("decision_function"))
    def decision_function(self, X: Any) -> Array:
        """Return the decision function of the classifier, averaged over the image and its copies.

        Parameters
        ----------
        X : sequence of images
            Any images.

        Returns
        -------
        ndarray of shape (n_images,) or (n_images, n_classes)
            Scores, in the shape that the classifier returns.
        """
        return self._average("decision_function", X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each image; with copies, the class with the highest average probability or score.

        Parameters
        ----------
        X : sequence of images
            Any images.

        Returns
        -------
        ndarray of shape (n_images,)
            Elements of `classes_`.
        """
        check_is_fitted(self)
        if not self.n_test_augmentations:
            return self.estimator_.predict(X)
        scores = self.predict_proba(X) if self._has("predict_proba") else self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)]

    def _has(self, method: str) -> bool:
        return hasattr(getattr(self, "estimator_", self.estimator), method)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of metadata from `fit` to the classifier, the last step of the pipeline.

        Returns
        -------
        MetadataRouter
            Routing of the metadata.
        """
        return MetadataRouter(owner=self).add(
            classifier=self.estimator[-1], method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )

    def __sklearn_tags__(self) -> Tags:
        tags = tag_image_input(super().__sklearn_tags__())
        tags.target_tags.required = True
        if hasattr(self.estimator, "__sklearn_tags__"):
            tags.classifier_tags = get_tags(self.estimator).classifier_tags
        return tags


def _starts_from_images(model: Any) -> bool:
    """Return whether a model is a pipeline whose first step is a pipeline of image steps."""
    steps = list_steps(model) if isinstance(model, Pipeline) else []
    return bool(steps) and isinstance(steps[0][1], ImagePipeline) and bool(list_steps(steps[0][1]))


def _transform_copies(head: Pipeline, images: Sequence[Any], n_augmentations: int, seed: int) -> list[Any]:
    """Return one table for each copy, with one row for each image, from the fitted steps before the classifier."""
    features, after = split_first_step(head)
    features = features[:]  # its steps are replaced
    *before, transformer = [step for _, step in list_steps(features)]
    steps = [*before, AugmentedFeatures(transformer, n_augmentations, seed)]
    features.steps = [(str(number), step) for number, step in enumerate(steps)]
    with record_problems():  # they are those of the images themselves
        rows = features.transform(images).reshape(len(images), n_augmentations, -1)
    tables = [wrap_rows(rows[:, number], transformer) for number in range(n_augmentations)]
    return [after.transform(table) for table in tables] if len(after) else tables


def _expand_params(classifier: Any, params: dict[str, Any], positions: NDArray[np.intp]) -> dict[str, Any]:
    """Return the arguments of `fit` with one value per row, from values per image and the image of each row."""
    counts = np.bincount(positions)
    defaults = {"sample_weight": np.ones(len(counts)), "groups": np.arange(len(counts))}
    params = {name: value for name, value in defaults.items() if takes(classifier, name)} | params
    params = {name: safe_indexing(value, positions) for name, value in params.items()}
    if "sample_weight" in params:
        params["sample_weight"] = np.asarray(params["sample_weight"]) / counts[positions]
    return params
