"""All stages in one estimator."""

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
        "survey" is the system of the survey that this package comes from: gray levels,
        threshold and watershed, the three features area, perimeter over that of the
        circumscribed circle, and maximum span, and scikit-learn's self-training. It reads
        images at 192 pixels, at which the mask is decided. "all" measures shape, color, texture
        and the ABCD rule at 384 pixels, under even light, and knows of each measure whether more of it is worse.
    classifier : estimator, optional
        Any scikit-learn classifier. If it does not know -1 as a missing label, wrap it in
        :class:`~sklearn.semi_supervised.SelfTrainingClassifier`. By default, for "survey", self-training on a
        logistic regression, which takes labels of any kind; for "all", a
        :class:`~sklearn_melanoma.semi_supervised.PriorLogisticRegression` that starts from
        :func:`~sklearn_melanoma.features.feature_directions`, where 1 is a melanoma, 0 none and -1
        unknown, and all may be unknown. Other labels are told to it by
        ``set_params(classify__classes=("nevus", "melanoma"))``.
    n_jobs : int, optional
        Number of processes that read and measure images.
    memory : str or PathLike, optional
        Folder in which the rows of images are kept, so that a search reads each image once:
        :doc:`/guide/memory`. By default, nothing is kept.

    Returns
    -------
    Pipeline
        Steps ``features`` (an :class:`ImagePipeline` of ``read``, ``clean``, ``segment`` and
        ``measure``), ``impute``, ``scale`` and ``classify``: a search names
        ``classify__threshold`` or ``features__segment__margin``. Its tables have names.

    Raises
    ------
    ValueError
        If `features` is neither.

    Notes
    -----
    "all" scales each measure by its rank among the images of `fit`: no image counts for more than the most extreme of
    those, however far off its measures are.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> photos = make_lesions(60, random_state=0)
    >>> labels = hide_labels(photos.target, 8, random_state=0)
    >>> model = make_melanoma_pipeline().fit(photos.images, labels)
    >>> model.predict_proba(photos.images[:5]).shape
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
                ("shape", MorphologyFeatures()),
                ("color", ColorFeatures()),
                ("texture", TextureFeatures()),
                ("abcd", AbcdFeatures()),
            ],
            verbose_feature_names_out=False,
        )
        # Ten quantiles tell measures apart as well as forty do, and are found in as few images.
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
