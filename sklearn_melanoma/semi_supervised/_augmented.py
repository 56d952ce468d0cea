"""A pipeline that also learns from altered copies of the labelled photos."""

from __future__ import annotations

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

from sklearn_melanoma._base import HasMethods, Integral, Interval, safe_indexing, tag_image_input
from sklearn_melanoma._callbacks import CallbackSupportMixin, FitTask, with_callbacks
from sklearn_melanoma._image_pipeline import ImagePipeline
from sklearn_melanoma._reading import View
from sklearn_melanoma._stack import stack_parts
from sklearn_melanoma._validation import check_images
from sklearn_melanoma.features._view_maker import ViewMaker
from sklearn_melanoma.semi_supervised._labels import find_labelled
from sklearn_melanoma.semi_supervised._wrapped import takes


class AugmentedClassifier(CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Let a pipeline learn from altered copies of the labelled photos as well, or average its predictions over copies.

    A copy is what the same lesion could have looked like in another photo: turned, maybe mirrored, under another light,
    with its border drawn by another hand. Copies are made inside `fit`, of the photos that it is given, so that no
    copy of a photo is ever on the other side of a split. On the photos at hand it helped nowhere and harmed a little:
    :doc:`/guide/augmentation` has the numbers.

    Parameters
    ----------
    pipeline : Pipeline
        From photos to a diagnosis, as :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline` makes it: its first
        step is an :class:`~sklearn_melanoma.pipeline.ImagePipeline` of which the last step measures. A copy
        of it is fitted.
    n_copies : int, default=4
        Number of copies of each labelled photo that the classifier learns from.
    predict_copies : int, default=0
        Number of copies of each photo over which, and the photo itself, predictions are averaged.
    random_state : int, RandomState instance or None, default=None
        Seed of the copies in `fit`. Those of predictions are drawn in the same way every time.

    Attributes
    ----------
    pipeline_ : Pipeline
        The fitted copy, which predicts from the photos alone.
    classes_ : ndarray of shape (n_classes,)
        The classes, as the pipeline has them.

    See Also
    --------
    sklearn_melanoma.features.InvariantProjection : Learns from copies too, without any label.

    Notes
    -----
    Photo and copies weigh 1 / (`n_copies` + 1) each, so that every labelled photo counts as one, where the
    classifier, the last step, takes `sample_weight`; where it does not, as
    :class:`~sklearn.semi_supervised.SelfTrainingClassifier`, each copy counts as a photo. Unlabelled photos have no
    copies. All steps before the classifier are fitted to the photos alone.

    A copy belongs to the group of its photo, and a classifier that asks for ``groups`` by metadata routing, such as a
    search over its own parameters, is given them. Without routing, put the search around this one.

    A copy is read and segmented like a photo when its turn comes, so that memory does not grow with their number;
    that is a third to a half of its cost. One of a photo in which no lesion was found is like the photo.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> from sklearn_melanoma.semi_supervised import AugmentedClassifier
    >>> photos = make_lesions(30, random_state=0)
    >>> few = hide_labels(photos.target, 3, random_state=0)
    >>> model = AugmentedClassifier(make_melanoma_pipeline(), n_copies=2, predict_copies=1, random_state=0)
    >>> model.fit(photos.images, few).predict_proba(photos.images[:5]).shape
    (5, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "pipeline": [HasMethods(["fit", "predict"])],
        "n_copies": [Interval(Integral, 0, None, closed="left")],
        "predict_copies": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        pipeline: Any,
        *,
        n_copies: int = 4,
        predict_copies: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.pipeline = pipeline
        self.n_copies = n_copies
        self.predict_copies = predict_copies
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: ArrayLike, **params: Any) -> Self:
        """Fit all steps to the photos, and the classifier to the copies too.

        Parameters
        ----------
        X : sequence of images
            Labelled and unlabelled photos: paths, arrays, PIL images or lesions.
        y : array-like of shape (n_images,)
            Labels, with the integer -1 for a missing one where the classifier takes that; among strings, that takes an
            array of dtype object.
        **params : dict
            What scikit-learn's metadata routing hands to the classifier, such as `sample_weight` and `groups`, one
            value for each photo.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError, OSError
            If the first step of the pipeline is no ImagePipeline, a photo can't be read, the labels are not as
            described, or a parameter has a value out of its range.
        """
        self._validate_params()
        if not (isinstance(self.pipeline, Pipeline) and isinstance(self.pipeline[0], ImagePipeline)):
            raise TypeError(
                f"pipeline must be a Pipeline whose first step is an ImagePipeline, got {self.pipeline!r}. "
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
        copied = np.repeat(np.flatnonzero(find_labelled(labels)), self.n_copies)
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=len(copied))

        model = clone(self.pipeline)
        head, classifier = model[:-1], model[-1]
        with FitTask(self, images, labels, 3) as task:
            with task.fitting("fit-transform-photos", head):
                rows = head.fit_transform(images, labels)
            if len(copied):
                task.begin_part("transform-copies")
                copies = [View(images[i], seed) for i, seed in zip(copied.tolist(), seeds.tolist(), strict=True)]
                rows = stack_parts([rows, _with_views(head).transform(copies)])
            photos = np.concatenate([np.arange(len(labels)), copied])  # of all rows
            with task.fitting("fit-classifier", classifier):
                classifier.fit(rows, labels[photos], **_for_rows(classifier, params, photos))
            model.steps[:-1] = head.steps  # fitted, also where the pipeline's memory made copies of them
            self.pipeline_, self.classes_ = model, classifier.classes_
        return self

    def _average(self, method: str, X: Any) -> NDArray[np.float64]:
        """Return what a method of the pipeline says of each photo, averaged with what it says of its copies."""
        check_is_fitted(self)
        images = check_images(X)
        total = getattr(self.pipeline_, method)(images)
        views = _with_views(self.pipeline_)
        for seed in range(self.predict_copies):
            total = total + getattr(views, method)([View(images[i], seed) for i in range(len(images))])
        return total / (1 + self.predict_copies)

    @available_if(lambda self: self._has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, averaged over photo and copies.

        Parameters
        ----------
        X : sequence of images
            Any photos.

        Returns
        -------
        ndarray of shape (n_images, n_classes)
            In the order of `classes_`.
        """
        return self._average("predict_proba", X)

    @available_if(lambda self: self._has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the score of the classifier, averaged over photo and copies.

        Parameters
        ----------
        X : sequence of images
            Any photos.

        Returns
        -------
        ndarray of shape (n_images,) or (n_images, n_classes)
            As the classifier has it.
        """
        return self._average("decision_function", X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each photo: with copies, the one of the largest averaged probability, or score.

        Parameters
        ----------
        X : sequence of images
            Any photos.

        Returns
        -------
        ndarray of shape (n_images,)
            Of `classes_`.
        """
        check_is_fitted(self)
        if not self.predict_copies:
            return self.pipeline_.predict(X)
        scores = self.predict_proba(X) if self._has("predict_proba") else self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)]

    def _has(self, method: str) -> bool:
        return hasattr(getattr(self, "pipeline_", self.pipeline), method)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what `fit` hands on to the classifier, the last step of the pipeline.

        Returns
        -------
        MetadataRouter
            For scikit-learn's metadata routing.
        """
        return MetadataRouter(owner=self).add(
            classifier=self.pipeline[-1], method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )

    def __sklearn_tags__(self) -> Tags:
        tags = tag_image_input(super().__sklearn_tags__())
        tags.target_tags.required = True
        tags.classifier_tags = get_tags(self.pipeline).classifier_tags
        return tags


def _with_views(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline with the same fitted steps, and one before the measures that turns lesions into views."""
    features = pipeline[0][:]
    *before, measure = [step for _, step in features.steps if step not in (None, "passthrough")]
    features.steps = [(str(number), step) for number, step in enumerate([*before, ViewMaker(), measure])]
    return Pipeline([("features", features), *pipeline.steps[1:]])


def _for_rows(classifier: Any, params: dict[str, Any], photos: NDArray[np.intp]) -> dict[str, Any]:
    """Return what `fit` is given beside the rows, from what there is for each photo and the photo of each row."""
    counts = np.bincount(photos)
    alone = {"sample_weight": np.ones(len(counts)), "groups": np.arange(len(counts))}
    params = {name: value for name, value in alone.items() if takes(classifier, name)} | params
    params = {name: safe_indexing(value, photos) for name, value in params.items()}
    if "sample_weight" in params:
        params["sample_weight"] = np.asarray(params["sample_weight"]) / counts[photos]
    return params
