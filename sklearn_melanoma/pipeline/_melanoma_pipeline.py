"""Pipeline from images to a melanoma score."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.features import (
    AbcdFeatures,
    ColorFeatures,
    MorphologyFeatures,
    TextureFeatures,
    feature_directions,
)
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.segmentation._watershed import MASK_SIDE
from sklearn_melanoma.semi_supervised import PriorLogisticRegression


def make_melanoma_pipeline(
    features: str = "all",
    classifier: BaseEstimator | None = None,
    *,
    n_jobs: int | None = None,
    memory: PathLike | None = None,
) -> Pipeline:
    """Make the pipeline from images to a melanoma score.

    Parameters
    ----------
    features : {"all", "survey"}, default="all"
        "survey" is the system of the survey that this package implements. It segments gray levels by
        threshold and watershed. Its three features are the area, the perimeter divided by that of the
        circumscribed circle, and the maximum span. Its classifier is scikit-learn's self-training. It reads
        images at 192 pixels, the size at which masks are computed. "all" corrects uneven light before it
        segments, and computes morphology, color, texture and ABCD features at 384 pixels. Its classifier
        starts from the expected direction of each feature.
    classifier : estimator, optional
        Any scikit-learn classifier. If it does not accept -1 as a missing label, wrap it in
        :class:`~sklearn.semi_supervised.SelfTrainingClassifier`. The default for "survey" is self-training with a
        logistic regression, which accepts labels of any kind. The default for "all" is a
        :class:`~sklearn_melanoma.semi_supervised.PriorLogisticRegression` with the prior
        :func:`~sklearn_melanoma.features.feature_directions`. Its labels are 1 = melanoma, 0 = other and
        -1 = unlabeled, and all may be unlabeled. For other labels, use
        ``set_params(classify__classes=("nevus", "melanoma"))``.
    n_jobs : int, optional
        Number of processes that read and measure images.
    memory : str or PathLike, optional
        Folder of a cache of feature rows, so that a search reads each image once; see
        :doc:`/guide/memory`. By default, nothing is cached.

    Returns
    -------
    Pipeline
        Steps ``features`` (an :class:`ImagePipeline` of ``read``, ``clean``, ``segment`` and
        ``measure``), ``impute``, ``scale`` and ``classify``. Parameters of a search have names such as
        ``classify__threshold`` and ``features__segment__margin``. The columns of its tables have names.

    Raises
    ------
    ValueError
        If `features` is neither "all" nor "survey".

    Notes
    -----
    "all" scales each feature by its rank among the images of `fit`. A new image therefore never gets more extreme
    values than the most extreme image of `fit`.

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
    elif features == "all":
        read, segment = ImageReader(), WatershedSegmenter()
        measure = FeatureUnion(
            [
                ("morphology", MorphologyFeatures()),
                ("color", ColorFeatures()),
                ("texture", TextureFeatures()),
                ("abcd", AbcdFeatures()),
            ],
            verbose_feature_names_out=False,
        )
        # Ten quantiles are as accurate as forty, and need fewer images.
        scale = make_pipeline(QuantileTransformer(n_quantiles=10, subsample=None), StandardScaler())
        default = PriorLogisticRegression(feature_directions()["weight"], classes=(0, 1))
    else:
        raise ValueError(f"features must be 'all' or 'survey', got {features!r}.")
    image_steps = [("read", read), ("clean", "passthrough"), ("segment", segment), ("measure", measure)]
    return Pipeline(
        [
            ("features", ImagePipeline(image_steps, n_jobs=n_jobs, memory=memory)),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", scale),
            ("classify", default if classifier is None else classifier),
        ]
    ).set_output(transform="pandas")
