import functools
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from sklearn_melanoma import Lesion
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.metrics import (
    make_mask_scorer,
    mask_jaccard,
    mask_scores,
    mean_interval,
    mean_mask_score,
    threshold_jaccard,
)
from sklearn_melanoma.model_selection import SemiSupervisedSplit

WHOLE = np.ones((2, 4), dtype=bool)
HALF = np.array([[1, 1, 1, 1], [0, 0, 0, 0]], dtype=bool)


class Threshold(BaseEstimator):
    """Segmenter of the pixels darker than `level`."""

    def __init__(self, level=0.5):
        self.level = level

    def fit(self, X, y=None):
        self.n_seen_ = len(X)
        return self

    def predict(self, X):
        masks = np.empty(len(X), dtype=object)
        for position, image in enumerate(X):
            masks[position] = np.asarray(image) < self.level
        return masks


@pytest.fixture
def images():
    """Return twelve noise images, whose lesions are the pixels below 0.3."""
    return list(np.random.default_rng(0).random((12, 6, 8)))


@pytest.fixture
def masks(images):
    return [image < 0.3 for image in images]


@pytest.mark.parametrize("threshold", [65, -0.1, float("nan")])
def test_threshold_of_the_jaccard_index_is_a_fraction(threshold):
    with pytest.raises(ValueError, match=r"threshold must lie in 0\.\.1, got"):
        threshold_jaccard(WHOLE, HALF, threshold=threshold)


class TestMaskScores:
    def test_one_score_per_image(self):
        scores = mask_scores([WHOLE, None, HALF], [HALF, HALF, HALF], mask_jaccard)
        np.testing.assert_array_equal(scores, [0.5, np.nan, 1])
        assert mean_mask_score([WHOLE, None, HALF], [HALF, HALF, HALF], mask_jaccard) == 0.75

    @pytest.mark.parametrize("missing", [None, np.nan, np.float32("nan"), pd.NA])
    def test_skips_missing_masks(self, missing):
        assert mean_mask_score([missing, WHOLE], [None, HALF], mask_jaccard) == 0.5

    def test_reads_paths(self, tmp_path):
        path = tmp_path / "mask.png"
        Image.fromarray(HALF.astype(np.uint8) * 255).save(path)
        series = pd.Series([str(path), None])
        assert mean_mask_score(series, [WHOLE, WHOLE], mask_jaccard) == 0.5
        assert mean_mask_score([WHOLE], [path], mask_jaccard) == 0.5

    def test_takes_stacked_masks(self):
        assert mean_mask_score(np.stack([WHOLE, HALF]), np.stack([HALF, HALF]), mask_jaccard) == 0.75

    def test_uses_the_given_metric(self):
        strict = functools.partial(threshold_jaccard, threshold=0.4)
        assert mean_mask_score([WHOLE], [HALF], strict) == 0.5
        assert mean_mask_score([WHOLE], [HALF], threshold_jaccard) == 0

    def test_refuses_no_masks(self):
        with pytest.raises(ValueError, match=r"at least one mask, got none in 2 images\. In a search, .*Semi"):
            mask_scores([None, np.nan], [WHOLE, WHOLE], mask_jaccard)

    def test_names_a_mask_of_another_shape(self):
        with pytest.raises(ValueError, match=r"^y\[1\]: y_pred must have the shape of y_true, \(2, 4\), got \(4, 2\)"):
            mask_scores([WHOLE, WHOLE], [WHOLE, WHOLE.T], mask_jaccard)

    def test_names_an_unreadable_file(self, tmp_path):
        path = tmp_path / "empty.png"
        path.touch()
        with pytest.raises(ValueError, match=r"^y\[1\] \('.*empty\.png'\): could not read"):
            mask_scores([WHOLE, path], [WHOLE, WHOLE], mask_jaccard)
        with pytest.raises(FileNotFoundError, match=r"^y_pred\[0\] \('.*absent\.png'\): could not open"):
            mask_scores([WHOLE], [tmp_path / "absent.png"], mask_jaccard)

    def test_names_a_missing_prediction(self):
        with pytest.raises(ValueError, match=r"^y_pred\[1\]: "):
            mask_scores([WHOLE, WHOLE], [WHOLE, None], mask_jaccard)

    def test_lengths_differ(self):
        with pytest.raises(ValueError, match="same length, got 2 and 1"):
            mask_scores([WHOLE, WHOLE], [WHOLE], mask_jaccard)

    def test_refuses_a_single_path(self):
        with pytest.raises(TypeError, match=r"y must be a sequence .* single path 'mask\.png'"):
            mask_scores("mask.png", [WHOLE], mask_jaccard)


class TestScorer:
    def test_is_the_mean_over_images_with_a_mask(self, images, masks):
        segmenter = Threshold(0.6)
        masks[3] = masks[7] = None
        expected = np.mean([mask_jaccard(m, p < 0.6) for m, p in zip(masks, images, strict=True) if m is not None])
        assert make_mask_scorer(mask_jaccard)(segmenter, images, masks) == pytest.approx(expected, abs=1e-12)

    def test_segments_only_images_with_a_mask(self, images, masks):
        images[5], masks[5] = "no image at all", None
        assert make_mask_scorer(mask_jaccard)(Threshold(0.3), images, masks) == 1

    def test_search_with_few_masks(self, images, masks):
        for position in (0, 1, 2, 4, 5, 6, 8, 9, 10):
            masks[position] = None
        search = GridSearchCV(
            Threshold(),
            {"level": [0.1, 0.3, 0.5]},
            scoring={"jaccard": make_mask_scorer(mask_jaccard), "threshold": make_mask_scorer(threshold_jaccard)},
            refit="jaccard",
            cv=SemiSupervisedSplit(3),
            error_score="raise",
        ).fit(images, masks)
        assert search.best_params_ == {"level": 0.3}
        assert search.best_score_ == 1
        assert search.best_estimator_.n_seen_ == len(images)
        assert search.cv_results_["mean_test_threshold"][0] < search.cv_results_["mean_test_jaccard"][0]

    def test_refuses_a_fold_without_masks(self, images, masks):
        with pytest.raises(ValueError, match="at least one mask, got none in 4 images"):
            cross_validate(
                Threshold(),
                images,
                [None] * 4 + masks[4:],
                scoring=make_mask_scorer(mask_jaccard),
                cv=KFold(3),
                error_score="raise",
            )

    def test_pickle(self, images, masks):
        scorer = make_mask_scorer(functools.partial(threshold_jaccard, threshold=0.5))
        loaded = pickle.loads(pickle.dumps(scorer))
        assert loaded(Threshold(0.4), images, masks) == scorer(Threshold(0.4), images, masks)

    def test_repr(self):
        assert repr(make_mask_scorer(mask_jaccard)) == "make_mask_scorer(mask_jaccard)"
        assert "threshold=0.5" in repr(make_mask_scorer(functools.partial(threshold_jaccard, threshold=0.5)))

    def test_refuses_a_name(self):
        with pytest.raises(TypeError, match="metric must be callable, got 'jaccard'"):
            mask_scores([np.ones((2, 2), dtype=bool)], [np.ones((2, 2), dtype=bool)], "jaccard")
        with pytest.raises(TypeError, match="metric must be callable, got 'jaccard'"):
            make_mask_scorer("jaccard")

    def test_lengths_differ(self, images, masks):
        with pytest.raises(ValueError, match="X and y must have the same length, got 12 and 11"):
            make_mask_scorer(mask_jaccard)(Threshold(), images, masks[1:])

    def test_segmenter_without_predict(self, images, masks):
        class Transforming:
            def transform(self, X):
                return [Lesion(np.zeros((*mask.shape, 3), np.uint8), mask) for mask in Threshold().predict(X)]

        class Measuring:
            def transform(self, X):
                return pd.DataFrame({"area": [1.0] * len(X), "b": 0.0})

        score = make_mask_scorer(mask_jaccard)
        assert score(Transforming(), images, masks) == score(Threshold(), images, masks)
        with pytest.raises(TypeError, match=r"estimator must have predict, or transform that returns lesions, got <"):
            score(Measuring(), images, masks)


def test_lesions_are_predictions(images, masks):
    half = np.zeros((4, 6), dtype=bool)
    half[:, :3] = True
    whole = np.zeros((40, 60), dtype=bool)
    whole[:, :30] = True
    lesion = Lesion(np.zeros((4, 6, 3), dtype=np.uint8), half, source_shape=(40, 60))
    assert mask_scores([whole, None], [lesion, lesion], mask_jaccard)[0] == mask_jaccard(whole, lesion) == 1
    np.testing.assert_array_equal(read_mask(lesion), whole)
    with pytest.raises(ValueError, match=r"y_pred\[0\]: mask must hold pixels, got a Lesion without a mask"):
        mask_scores([whole], [Lesion(lesion.image)], mask_jaccard)


class TestMeanInterval:
    @pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
    def test_is_students_interval(self, confidence):
        values = np.random.default_rng(0).normal(0.8, 0.1, 7)
        low, high = stats.t.interval(confidence, 6, values.mean(), stats.sem(values))
        interval = mean_interval(values, confidence=confidence)
        assert interval == pytest.approx((values.mean(), low, high), abs=1e-12)
        assert interval.low < interval.mean < interval.high

    def test_one_value_has_no_interval(self):
        assert mean_interval([0.5]) == pytest.approx((0.5, np.nan, np.nan), nan_ok=True)

    def test_equal_values_have_an_interval_of_no_width(self):
        assert mean_interval([0.5, 0.5]) == (0.5, 0.5, 0.5)

    @pytest.mark.parametrize(
        ("values", "confidence", "message"),
        [
            ([], 0.95, r"shape \(n_repeats,\) with at least one value, got shape \(0,\)"),
            ([[0.1, 0.2]], 0.95, r"got shape \(1, 2\)"),
            ([0.1, np.nan], 0.95, r"values\[1\] is NaN"),
            ([0.1, 0.2], 95, "confidence must be between 0 and 1, got 95"),
        ],
    )
    def test_invalid_input(self, values, confidence, message):
        with pytest.raises(ValueError, match=message):
            mean_interval(values, confidence=confidence)
