"""Pipeline from images to a melanoma score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._io.tables import is_image
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.features import (
    AbcdFeatures,
    ColorFeatures,
    FisherVectorEncoder,
    MorphologyFeatures,
    TextureFeatures,
)
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.metrics._positive import infer_pos_label
from sklearn_melanoma.model_selection._labels import read_labels, take_labels
from sklearn_melanoma.pipeline._array_steps import without_names
from sklearn_melanoma.pipeline._block_scaler import BlockScaler
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.pipeline._metadata import MetadataPipeline
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.segmentation._watershed import MASK_SIDE
from sklearn_melanoma.semi_supervised import PriorLogisticRegression
from sklearn_melanoma.semi_supervised._labeled import check_classes, check_scored, select_labeled
from sklearn_melanoma.semi_supervised._labeled_only import learns_from_labels_alone, needs_labels, wrap_classifier
from sklearn_melanoma.semi_supervised._rows import named_columns


def _has(method: str) -> Callable[[Any], bool]:
    return lambda self: hasattr(self.steps[-1][1], method)


class MelanomaPipeline(Pipeline):
    """A :class:`~sklearn.pipeline.Pipeline` whose last step is a classifier that knows -1 as a missing label.

    `fit` checks the labels before the first image is read. `score` leaves out unlabeled samples. `pos_label_` is the
    label of the positive class. In all other respects, it is scikit-learn's pipeline, with its parameters.
    """

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit all steps, after a check of the labels.

        Parameters
        ----------
        X : sequence of images
            Labeled and unlabeled images, or what the first step takes.
        y : array-like of shape (n_samples,)
            Labels, -1 for unlabeled samples. Among strings, -1 is the integer.
        **params : dict
            As in scikit-learn's pipeline.

        Returns
        -------
        self
            The fitted pipeline.

        Raises
        ------
        ValueError
            If a missing label is not -1, the classifier would treat -1 as a class, or there are fewer classes than it
            needs.
        """
        self._check_samples(X)
        last = self.steps[-1][1]
        if is_classifier(self) and not isinstance(last, FrozenEstimator):
            check_consistent_length(X, y)
            y = self._check_labels(y, last)
        with named_columns(X):
            super().fit(X, y, **params)
        return self

    @available_if(_has("predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """Return the class of each sample.

        Parameters
        ----------
        X : sequence of images
            Any images, or what the first step takes.
        **params : dict
            As in scikit-learn's pipeline.

        Returns
        -------
        ndarray of shape (n_samples,)
            Elements of `classes_`.
        """
        return self._call("predict", X, params)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Return the probability of each class.

        Parameters
        ----------
        X : sequence of images
            Any images, or what the first step takes.
        **params : dict
            As in scikit-learn's pipeline.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        return self._call("predict_proba", X, params)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> Any:
        """Return the decision function of the classifier.

        Parameters
        ----------
        X : sequence of images
            Any images, or what the first step takes.
        **params : dict
            As in scikit-learn's pipeline.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Scores, in the shape that the classifier returns.
        """
        return self._call("decision_function", X, params)

    def _call(self, method: str, X: Any, params: dict[str, Any]) -> Any:
        """Call a method of the pipeline; if possible, the steps after the images hand on arrays instead of tables."""
        self._check_samples(X)
        measure = self.steps[0][1]
        with named_columns(X):
            if params or not isinstance(measure, ImagePipeline):
                return getattr(super(), method)(X, **params)
            check_is_fitted(self)
            rows, rest = measure.transform(X), Pipeline(self.steps[1:])
            nameless = without_names(rest, list(getattr(rows, "columns", ())))
            if nameless is None:
                return getattr(rest, method)(rows)
            with config_context(transform_output="default"):
                return getattr(nameless, method)(np.asarray(rows))

    def _check_samples(self, X: Any) -> None:
        """Raise an error if there are no samples, or images are given to steps that take a table."""
        if hasattr(X, "__len__") and not len(X):
            raise ValueError("X must hold at least one sample, got none. Check the list, or the pattern of the paths.")
        is_table = hasattr(X, "columns") or getattr(X, "ndim", 0) == 2
        if "features" not in self.named_steps and not is_table and is_image(next(iter(X), None)):
            raise TypeError(
                f"X must be a table of features for the steps {', '.join(self.named_steps)}, got images. "
                "Pass images to the whole pipeline; its step 'features' makes the table."
            )

    @property
    def pos_label_(self) -> Any:
        """The label of the positive class; None if neither the classifier nor the labels 0 and 1 determine it."""
        check_is_fitted(self)
        return infer_pos_label(self)

    def _check_labels(self, y: Any, classifier: Any) -> Any:
        """Return the labels, words in an array of dtype object, where -1 stays a number."""
        labels, labeled = read_labels(y)
        if needs_labels(classifier):
            check_classes(take_labels(labels, np.flatnonzero(labeled)), len(labeled), classifier)
        if not labeled.all() and learns_from_labels_alone(classifier):
            raise ValueError(
                f"{self.steps[-1][0]} must know -1 as a missing label, got {type(classifier).__name__}, which treats "
                f"it as a class. Pass LabeledOnlyClassifier({type(classifier).__name__}(…))."
            )
        return labels.astype(object) if labels.dtype.kind in "OU" else y

    @available_if(_has("score"))
    def score(self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any) -> float:
        """Return the score of the classifier on the labeled samples.

        Parameters
        ----------
        X : sequence of images
            Any images, or what the first step takes.
        y : array-like of shape (n_samples,)
            True labels, -1 for unlabeled samples, which are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.
        **params : dict
            As in scikit-learn's pipeline.

        Returns
        -------
        float
            The score.

        Raises
        ------
        ValueError
            If nothing is labeled, or a missing label is not -1.
        """
        if not is_classifier(self):
            return float(super().score(X, y, sample_weight, **params))
        part = select_labeled(X, y, sample_weight=sample_weight, **params)
        check_scored(part)
        return float(super().score(part.X, part.y, **part.params))


def make_melanoma_pipeline(
    features: str = "all",
    classifier: BaseEstimator | None = None,
    *,
    columns: Sequence[str] | None = None,
    image: str | None = None,
    n_jobs: int | None = None,
    memory: PathLike | None = None,
) -> Pipeline:
    """Make the pipeline from images to a melanoma score.

    Parameters
    ----------
    features : {"all", "survey", "learned"}, default="all"
        Features, with the segmentation before and the classifier after them:

        - "all" corrects uneven light before it segments, and computes morphology, color, texture and ABCD features at
          384 pixels. Its classifier starts from the expected direction of each feature.
        - "survey" is the system of a survey of medical image segmentation with few labels. It segments gray levels by
          threshold and watershed. Its three features are the area, the maximum span, and the perimeter divided by the
          perimeter of the circumscribed circle. Its classifier is scikit-learn's self-training. It reads images at 192
          pixels, the size at which masks are computed.
        - "learned" is "all" with the features of a :class:`~sklearn_melanoma.features.FisherVectorEncoder`, which
          learns from all images, labeled or not.
    classifier : estimator, optional
        Any scikit-learn classifier. By default, "all" and "learned" use a
        :class:`~sklearn_melanoma.semi_supervised.PriorLogisticRegression` with the prior "literature" (the weights of
        :func:`~sklearn_melanoma.features.feature_directions`) and ``alpha="evidence"``, and "survey" uses self-training
        with a logistic regression. Most other classifiers would treat -1, the missing label, as a class. Such a
        classifier is put into a :class:`~sklearn_melanoma.semi_supervised.LabeledOnlyClassifier`, whose notes list the
        exceptions. It learns from the labeled images only, and its parameters are called ``classify__estimator__…``.
    columns : sequence of str, optional
        Columns of the patient, such as ``["age", "sex"]``. The input is then a DataFrame with these columns and a
        column of images. The features are the features of the images, then those of the patient, such as ``age`` and
        ``sex_female``; see :doc:`/guide/metadata`. By default, the input is a sequence of images.
    image : str, optional
        Name of the column of images. By default, the pipeline finds it by its content.
    n_jobs : int, optional
        Number of processes that read and measure images.
    memory : str, PathLike or joblib.Memory, optional
        Folder of a cache of feature rows, so that a search reads each image once; see
        :doc:`/guide/memory`. By default, nothing is cached.

    Returns
    -------
    Pipeline
        Pipeline with the steps ``features`` (an :class:`ImagePipeline` of ``read``, ``clean``, ``segment`` and
        ``measure``), ``impute``, ``scale`` and ``classify``. In a search, its parameters have names such as
        ``classify__threshold`` and ``features__segment__margin``. Each step before the classifier returns a DataFrame
        with named columns. `fit` checks the labels before it reads an image. `score` leaves out unlabeled images.
        `pos_label_` is the label of the positive class, if the classifier or the labels 0 and 1 determine it.

    Raises
    ------
    ValueError
        If `features` has another value, or `classifier` is a search over a classifier that knows -1, but
        its `cv` does not.
    TypeError
        If `classifier` is a class or a regressor.

    Notes
    -----
    The default classifiers accept these labels:

    - "all" and "learned": 1 = melanoma, 0 = other, -1 = unlabeled; or names of two or more diagnoses, and -1. If all
      images are unlabeled, the classes are 0 and 1, or those of ``set_params(classify__classes=("nv", "mel", "bcc"))``.
      Use the parameter `classes` also to name diagnoses that are numbers or unknown words.
    - "survey": any labels, some of each class.

    "all" and "learned" scale each feature by its rank among the images of `fit`, except for the columns of the Fisher
    vector. A new image therefore never gets more extreme values of these features than the most extreme image of `fit`.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> lesions = make_lesions(60, random_state=0)
    >>> labels = hide_labels(lesions.target, 8, random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, labels)
    >>> model.predict_proba(lesions.images[:5]).shape
    (5, 2)
    """
    if features == "survey":
        read = ImageReader(max_side=MASK_SIDE)
        segment = WatershedSegmenter(even_light=False, leave_out_artifacts=False, level=None, margin=0.005)
        measure, scale = MorphologyFeatures("survey"), StandardScaler()
        default = SelfTrainingClassifier(LogisticRegression(class_weight="balanced", max_iter=1000))
    elif features in ("all", "learned"):
        read, segment = ImageReader(), WatershedSegmenter()
        families = [
            ("morphology", MorphologyFeatures()),
            ("color", ColorFeatures()),
            ("texture", TextureFeatures()),
            ("abcd", AbcdFeatures()),
        ]
        # Ten quantiles are as accurate as forty, and need fewer images.
        scale = make_pipeline(QuantileTransformer(n_quantiles=10, subsample=None), StandardScaler())
        default = PriorLogisticRegression("literature", alpha="evidence")
        if features == "learned":
            families.append(("fisher", FisherVectorEncoder(random_state=0)))
            scale = BlockScaler(scale)
            default.set_params(blocks={"fisher_": 1.0})
        measure = FeatureUnion(families, verbose_feature_names_out=False)
    else:
        raise ValueError(f"features must be 'all', 'survey' or 'learned', got {features!r}.")
    image_steps = [("read", read), ("clean", "passthrough"), ("segment", segment), ("measure", measure)]
    measured = ImagePipeline(image_steps, n_jobs=n_jobs, memory=memory)
    if columns is not None or image is not None:
        columns = [] if columns is None else columns
        measured = MetadataPipeline(image_steps, columns=columns, image=image, n_jobs=n_jobs, memory=memory)
    return MelanomaPipeline(
        [
            ("features", measured),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", scale),
            ("classify", default if classifier is None else wrap_classifier(classifier)),
        ]
    ).set_output(transform="pandas")
