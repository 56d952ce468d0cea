"""Tests of the selector and of the features of candidates."""

import pickle

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage as ndi
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.segmentation import (
    PixelClassifierSegmenter,
    SegmenterSelector,
    WatershedSegmenter,
    describe_candidates,
)
from sklearn_melanoma.segmentation._candidates import CANDIDATE_FEATURES, agreement
from sklearn_melanoma.segmentation._estimators import Segmenter


@pytest.fixture(scope="module")
def data():
    return make_lesions(14, image_size=(96, 128), random_state=0)


class Fixed(Segmenter):
    """Return a disk of the given radius, independent of the image."""

    def __init__(self, radius=10, place=0.5):
        self.radius = radius
        self.place = place

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        height, width = lesion.image.shape[:2]
        y, x = np.mgrid[:height, :width]
        return lesion.with_mask(np.hypot(y - height / 2, x - width * self.place) < self.radius)


def disks(*radii):
    return [(f"disk{i}", Fixed(radius)) for i, radius in enumerate(radii)]


# Vote


def test_majority_decides_each_pixel(make_image):
    image = make_image(96, 128)
    masks = [Fixed(radius).predict([image])[0] for radius in (10, 20, 30)]
    found = SegmenterSelector(disks(10, 20, 30), vote_threshold=0.5, random_state=0).transform([image])[0]
    np.testing.assert_array_equal(found.mask, masks[1])
    weights = (agreement(masks).sum(axis=1) - 1) / 2
    np.testing.assert_allclose(found.probability, np.tensordot(weights / weights.sum(), masks, axes=1), atol=1e-6)


def test_vote_threshold_controls_area(make_image):
    image = make_image(96, 128)
    areas = [
        SegmenterSelector(disks(10, 12, 14, 16, 18), vote_threshold=threshold, random_state=0)
        .transform([image])[0]
        .area_px
        for threshold in (0.1, 0.5, 0.9)
    ]
    assert areas[0] > areas[1] > areas[2]


def test_outlier_is_outvoted(make_image):
    image = make_image(96, 128)
    astray = [("a", Fixed(20)), ("b", Fixed(21)), ("c", Fixed(25, place=0.15))]
    found = SegmenterSelector(astray, random_state=0).predict([image])[0]
    assert mask_jaccard(Fixed(20).predict([image])[0], found) > 0.85
    best = SegmenterSelector(astray, n_best=1, random_state=0).predict([image])[0]
    assert best.sum() in {Fixed(20).predict([image])[0].sum(), Fixed(21).predict([image])[0].sum()}


def test_empty_candidates_give_empty_mask(make_image):
    assert not SegmenterSelector(random_state=0).predict([make_image(96, 128, radii=(1e-9, 1e-9))])[0].any()
    assert not SegmenterSelector(disks(-1, -1), random_state=0).predict([make_image(96, 128)])[0].any()


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (1, 60), (60, 1), (2, 3)])
def test_tiny_images(shape):
    for seed in range(3):
        image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        mask = SegmenterSelector(random_state=0).predict([image])[0]
        assert (mask.shape, mask.dtype) == (shape, bool)


def test_predict_returns_source_size(make_lesion):
    lesion = make_lesion(600, 800)
    mask = SegmenterSelector(random_state=0).predict([lesion.image])[0]
    assert mask.shape == (600, 800)
    assert mask_jaccard(lesion.mask, mask) > 0.93


# Learning


def test_learns_best_candidate(make_lesion):
    """All lesions are disks of radius 20. One candidate is right; the others agree on a radius that is too large."""
    lesions = [make_lesion(96, 128, radii=(20 / 128, 20 / 128), seed=seed) for seed in range(12)]
    images, masks = [lesion.image for lesion in lesions], [lesion.mask for lesion in lesions]
    candidates = disks(20, 33, 34, 35)
    assert SegmenterSelector(candidates, random_state=0).score(images, masks) < 0.5
    selector = SegmenterSelector(candidates, random_state=0).fit(images[:8], masks[:8])
    assert selector.score(images[8:], masks[8:]) > 0.9


@pytest.mark.parametrize("grown", [-3, 4])
def test_learns_annotators_style(data, grown):
    def redraw(mask):
        distance = ndi.distance_transform_edt(mask) - ndi.distance_transform_edt(~mask)
        return distance > -grown

    masks = [redraw(mask) for mask in data.masks]
    plain = SegmenterSelector(random_state=0).score(data.images[8:], masks[8:])
    learned = SegmenterSelector(random_state=0).fit(data.images[:8], masks[:8])
    assert learned.score(data.images[8:], masks[8:]) > plain
    assert (learned.vote_threshold_ < 0.4) == (grown > 0) or learned.vote_threshold_ == 0.4


def test_fewer_than_five_masks_keep_vote(data):
    vote = SegmenterSelector(random_state=0).transform(data.images[:2])
    for y in (None, [None] * 14, data.masks[:4] + [None] * 10):
        selector = SegmenterSelector(random_state=0).fit(data.images, y)
        assert (selector.ranker_, selector.vote_threshold_) == (None, 0.4)
        for a, b in zip(vote, selector.transform(data.images[:2]), strict=True):
            np.testing.assert_array_equal(a.mask, b.mask)


def test_accepts_mask_paths_and_any_ranker(data, tmp_path):
    for i, mask in enumerate(data.masks[:6]):
        Image.fromarray(mask).save(tmp_path / f"{i}.png")
    paths = [str(tmp_path / f"{i}.png") for i in range(6)]
    by_path, by_array = (
        SegmenterSelector(ranker=LinearRegression(), random_state=0).fit(data.images[:6], masks)
        for masks in (paths, data.masks[:6])
    )
    assert isinstance(by_path.ranker_, LinearRegression)
    assert by_path.vote_threshold_ == by_array.vote_threshold_
    np.testing.assert_array_equal(by_path.ranker_.coef_, by_array.ranker_.coef_)


def test_ranker_is_trained_on_out_of_fold_masks(data):
    class Memory(Segmenter):
        """Return the masks that it was fitted to, and empty masks for other images."""

        def fit(self, X, y=None):
            self.known_ = {
                np.asarray(image).tobytes(): mask for image, mask in zip(X, y, strict=True) if mask is not None
            }
            return self

        def _transform_lesion(self, lesion):
            empty = np.zeros(lesion.image.shape[:2], bool)
            return lesion.with_mask(self.known_.get(lesion.image.tobytes(), empty))

        def __sklearn_is_fitted__(self):
            return hasattr(self, "known_")

        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.requires_fit = True
            return tags

    candidates = [("memory", Memory()), ("watershed", WatershedSegmenter())]
    with pytest.raises(NotFittedError, match="not fitted yet"):
        SegmenterSelector(candidates, random_state=0).predict(data.images)
    selector = SegmenterSelector(candidates, n_best=1, random_state=0).fit(data.images[:10], data.masks[:10])
    watershed = WatershedSegmenter().score(data.images[10:], data.masks[10:])
    assert selector.score(data.images[10:], data.masks[10:]) == pytest.approx(watershed, abs=0.03)


def test_pixel_classifier_as_candidate(data):
    trees = ExtraTreesClassifier(10, min_samples_leaf=5, max_features=0.1, random_state=0)
    candidates = [
        ("watershed", WatershedSegmenter()),
        ("pixels", PixelClassifierSegmenter(estimator=trees, n_pixels=100, random_state=0)),
    ]
    selector = SegmenterSelector(candidates, random_state=0).fit(data.images[:8], data.masks[:8])
    assert selector.score(data.images[8:], data.masks[8:]) > 0.75


def test_is_reproducible_and_pickles(data):
    one, two = (SegmenterSelector(random_state=1).fit(data.images[:5], data.masks[:5]) for _ in range(2))
    thawed = pickle.loads(pickle.dumps(one))
    for lesions in zip(*(s.transform(data.images[8:10]) for s in (one, two, thawed)), strict=True):
        for other in lesions[1:]:
            np.testing.assert_array_equal(lesions[0].probability, other.probability)
    assert not hasattr(clone(one), "ranker_")


def test_fit_in_parallel_equals_serial(data):
    one, two = (SegmenterSelector(n_jobs=n, random_state=0).fit(data.images[:6], data.masks[:6]) for n in (1, 2))
    assert one.vote_threshold_ == two.vote_threshold_
    lesions = [s.transform(data.images[6:7])[0] for s in (one, two)]
    np.testing.assert_array_equal(lesions[0].probability, lesions[1].probability)


# Searches and parameters


def test_grid_search_over_nested_parameters(data):
    candidates = [("blue", WatershedSegmenter()), ("green", WatershedSegmenter(channel="green"))]
    search = GridSearchCV(
        SegmenterSelector(candidates, random_state=0),
        {"blue__level": [0.3, 0.6], "vote_threshold": [0.4, 0.6]},
        cv=2,
        error_score="raise",
    )
    search.fit(data.images[:6], data.masks[:6])
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    assert search.best_estimator_.get_params()["blue__level"] in (0.3, 0.6)
    selector = SegmenterSelector(candidates, random_state=0).set_params(green=WatershedSegmenter(channel="red"))
    assert selector.get_params()["green__channel"] == "red"


def test_cross_val_score_with_few_masks(data):
    masks = [*data.masks[:5], None, *data.masks[6:11], None]
    scores = cross_val_score(
        SegmenterSelector(random_state=0), data.images[:12], masks, cv=SemiSupervisedSplit(2), error_score="raise"
    )
    assert ((scores > 0.5) & (scores <= 1)).all()


@pytest.mark.parametrize(
    ("segmenters", "kind", "message"),
    [
        ([], ValueError, "at least one"),
        ([("a", WatershedSegmenter)], TypeError, "must have fit and transform"),
        ([("a", "passthrough")], TypeError, "must have fit and transform"),
        ([("a", WatershedSegmenter()), ("a", WatershedSegmenter())], ValueError, "not unique"),
        ([("vote_threshold", WatershedSegmenter())], ValueError, "conflict with constructor arguments"),
        ("blue", ValueError, "'segmenters' parameter"),
    ],
)
def test_rejects_invalid_segmenters(data, segmenters, kind, message):
    for call in (
        SegmenterSelector(segmenters, random_state=0).fit,
        SegmenterSelector(segmenters, random_state=0).predict,
    ):
        with pytest.raises(kind, match=message):
            call(data.images[:1])


def test_rejects_invalid_masks(data):
    with pytest.raises(ValueError, match="same length, got 6 and 5"):
        SegmenterSelector(random_state=0).fit(data.images[:6], data.masks[:5])
    wrong = [*data.masks[:5], np.zeros((9, 9), bool)]
    with pytest.raises(ValueError, match=r"y\[5\]: mask must have the shape of its image, \(96, 128\), got \(9, 9\)"):
        SegmenterSelector(random_state=0).fit(data.images[:6], wrong)
    with pytest.raises(FileNotFoundError, match=r"y\[0\] \('gone\.png'\)"):
        SegmenterSelector(random_state=0).fit(data.images[:6], ["gone.png", *data.masks[1:6]])


# Features of candidates


def test_features_of_true_mask(make_lesion):
    lesion = make_lesion(96, 128, radii=(20 / 128, 20 / 128), noise=0)
    row = dict(zip(CANDIDATE_FEATURES, describe_candidates(lesion.image, [lesion.mask])[0], strict=True))
    assert row["area_fraction"] == pytest.approx(lesion.mask.mean())
    assert row["mean_agreement"] == 1
    assert row["frame_fraction"] == 0
    assert row["distance_from_center"] == pytest.approx(0, abs=0.01)
    assert row["blue_contrast"] == pytest.approx(np.log(150 / 60), abs=0.1)
    assert row["dark_around"] < 0.05
    assert row["pale_inside"] < 0.1
    assert row["border_slope"] > row["ring_slope"]


def test_features_rank_candidates(make_lesion):
    lesion = make_lesion(96, 128, radii=(20 / 128, 20 / 128))
    shifted = np.roll(lesion.mask, 15, axis=1)
    small = ndi.binary_erosion(lesion.mask, iterations=8)
    names = list(CANDIDATE_FEATURES)
    rows = describe_candidates(lesion.image, [lesion.mask, shifted, small])
    assert rows[0, names.index("edge_contrast")] == rows[:, names.index("edge_contrast")].max()
    assert rows[0, names.index("border_slope")] == rows[:, names.index("border_slope")].max()
    assert rows[2, names.index("dark_around")] > rows[0, names.index("dark_around")] + 0.3
    assert rows[1, names.index("pale_inside")] > rows[0, names.index("pale_inside")] + 0.1


def test_features_of_degenerate_candidates():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    pixel = np.zeros((20, 30), bool)
    pixel[3, 4] = True
    rows = describe_candidates(image, [np.zeros((20, 30), bool), np.ones((20, 30), bool), pixel])
    assert np.isfinite(rows).all()
    assert not rows[0].any()
    with pytest.raises(ValueError, match="must have the shape of its image"):
        describe_candidates(image, [np.zeros((4, 4), bool)])


def test_agreement_equals_jaccard():
    rng = np.random.default_rng(0)
    masks = list(rng.random((4, 9, 11)) > 0.5)
    table = agreement(masks)
    for i in range(4):
        for j in range(4):
            assert table[i, j] == pytest.approx(mask_jaccard(masks[i], masks[j]))
    np.testing.assert_array_equal(agreement([np.zeros((2, 2), bool)] * 2), np.ones((2, 2)))


# Regression tests on real images


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "step", "floor"),
    [(load_ph2, "ph2", 2, 0.83), (load_isic_2017, "isic2017", 12, 0.79), (load_ham10000, "ham10000", 60, 0.80)],
    ids=["ph2", "isic2017", "ham10000"],
)
def test_jaccard_on_real_images(real_data, load, name, step, floor):
    data = load(real_data(name))
    images, masks = data.images[::step], data.masks[::step]
    assert len(images) >= 50
    assert SegmenterSelector(random_state=0).score(images, masks) >= floor
