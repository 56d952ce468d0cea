import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.filters import threshold_otsu
from skimage.measure import regionprops
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.datasets._noise import smooth_noise


@pytest.fixture(scope="module")
def many():
    return make_lesions(240, melanoma_fraction=0.4, image_size=(96, 128), random_state=7)


def _otsu(image):
    blue = ndi.gaussian_filter(image[:, :, 2].astype(float), 0.01 * max(image.shape))
    labels, count = ndi.label(blue < threshold_otsu(blue))
    sizes = ndi.sum_labels(np.ones_like(labels), labels, range(1, count + 1))
    return ndi.binary_fill_holes(labels == 1 + np.argmax(sizes))


def _crude_features(image, mask):
    region = regionprops(mask.astype(int))[0]
    inside = image[mask].astype(float)
    return [np.log(mask.mean()), region.solidity, np.log(region.perimeter**2 / region.area), *inside.std(axis=0)]


def test_bunch_fields(many):
    assert len(many.images) == len(many.masks) == len(many.diagnosis) == 240
    assert all(image.shape == (96, 128, 3) and image.dtype == np.uint8 for image in many.images)
    assert all(mask.shape == (96, 128) and mask.dtype == bool for mask in many.masks)
    assert many.target.sum() == 96
    assert many.target.dtype.kind == "i"
    assert many.diagnosis == ["melanoma" if positive else "nevus" for positive in many.target]
    np.testing.assert_array_equal(many.groups, np.arange(240))
    assert "96 melanomas, 144 nevi" in many.DESCR


def test_classes_are_in_random_order(many):
    assert 0.2 < many.target[:60].mean() < 0.6


@pytest.mark.parametrize(
    ("n_samples", "fraction", "expected"), [(0, 0.3, 0), (1, 0.3, 0), (10, 0.25, 2), (7, 0, 0), (7, 1, 7)]
)
def test_number_of_melanomas_is_exact(n_samples, fraction, expected):
    lesions = make_lesions(n_samples, melanoma_fraction=fraction, image_size=(32, 32), random_state=0)
    assert len(lesions.images) == n_samples
    assert lesions.target.sum() == expected


def test_same_seed_gives_same_images():
    first, second = (make_lesions(4, image_size=(64, 64), random_state=3) for _ in range(2))
    other = make_lesions(4, image_size=(64, 64), random_state=4)
    for i in range(4):
        np.testing.assert_array_equal(first.images[i], second.images[i])
        np.testing.assert_array_equal(first.masks[i], second.masks[i])
        assert not np.array_equal(first.images[i], other.images[i])


def test_random_state_instance_advances():
    random = np.random.RandomState(3)
    first, second = (make_lesions(2, image_size=(64, 64), random_state=random) for _ in range(2))
    np.testing.assert_array_equal(first.images[0], make_lesions(2, image_size=(64, 64), random_state=3).images[0])
    assert not np.array_equal(first.images[0], second.images[0])


def test_images_do_not_depend_on_n_samples():
    few, more = (make_lesions(n, melanoma_fraction=0, image_size=(64, 64), random_state=5) for n in (3, 9))
    for i in range(3):
        np.testing.assert_array_equal(few.images[i], more.images[i])
    few, more = (make_lesions(n, image_size=(64, 64), random_state=5) for n in (10, 20))
    same = np.flatnonzero(few.target == more.target[:10])
    assert same.size
    for i in same:
        np.testing.assert_array_equal(few.images[i], more.images[i])


def test_masks_are_never_empty(many):
    assert min(mask.sum() for mask in many.masks) > 50
    tiny = make_lesions(150, image_size=(32, 32), random_state=1)
    assert min(mask.sum() for mask in tiny.masks) > 0


def test_frame_cuts_few_lesions(many):
    cut = np.mean([mask[[0, -1]].any() or mask[:, [0, -1]].any() for mask in many.masks])
    assert 0.03 < cut < 0.4


@pytest.mark.parametrize("size", [(64, 64), (480, 640), (33, 400), (400, 33)])
def test_all_image_sizes(size):
    every = dict.fromkeys(["hair", "vignette", "ruler", "sticker", "bubbles", "uneven_light"], 1)
    lesions = make_lesions(2, image_size=size, **every, random_state=0)
    assert [image.shape for image in lesions.images] == [(*size, 3)] * 2
    assert all(mask.any() for mask in lesions.masks)


def test_resolution_does_not_change_lesions():
    artifacts = {"sticker": 0.5, "bubbles": 0.5, "uneven_light": 0.5}
    small, large = (make_lesions(5, image_size=(96 * k, 128 * k), random_state=2, **artifacts) for k in (1, 3))
    for i in range(5):
        shrunk = large.masks[i][1::3, 1::3]  # the center of each 3 x 3 block is the center of the small pixel
        assert np.mean(shrunk != small.masks[i]) < 0.01
        averaged = large.images[i].reshape(96, 3, 128, 3, 3).mean(axis=(1, 3))
        assert np.mean(np.abs(averaged - small.images[i])) < 6


def test_hair_changes_few_pixels():
    bald, hairy = (make_lesions(6, image_size=(96, 128), hair=hair, vignette=0, random_state=8) for hair in (0, 1))
    for i in range(6):
        np.testing.assert_array_equal(bald.masks[i], hairy.masks[i])
        changed = np.abs(bald.images[i].astype(int) - hairy.images[i]).max(axis=2) > 8
        assert 0.002 < changed.mean() < 0.6


def test_vignette_darkens_only_corners():
    plain, vignetted = (
        make_lesions(6, image_size=(96, 128), hair=0, vignette=vignette, random_state=8) for vignette in (0, 1)
    )
    for before, after in zip(plain.images, vignetted.images, strict=True):
        assert after[[0, 0, -1, -1], [0, -1, 0, -1]].mean() < 0.6 * before[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
        np.testing.assert_allclose(after[44:52, 60:68].astype(int), before[44:52, 60:68], atol=3)


BARE = {"hair": 0, "vignette": 0, "ruler": 0}


@pytest.mark.parametrize("artifact", ["hair", "vignette", "ruler", "sticker", "bubbles", "uneven_light"])
def test_artifact_probability_only_adds_artifact(artifact):
    options = {"n_samples": 8, "image_size": (96, 128), "random_state": 8, **BARE}
    without, some, every = (make_lesions(**options | {artifact: fraction}) for fraction in (0, 0.5, 1))
    kinds = []
    for i in range(8):
        np.testing.assert_array_equal(without.masks[i], every.masks[i])
        np.testing.assert_array_equal(without.severity, every.severity)
        assert not np.array_equal(without.images[i], every.images[i])
        is_without, is_with = (np.array_equal(some.images[i], other.images[i]) for other in (without, every))
        assert is_without != is_with
        kinds.append(is_with)
    assert set(kinds) == {False, True}


def test_images_of_a_seed_are_stable():
    """The sums were recorded before stickers, bubbles and uneven light existed."""
    images = make_lesions(6, image_size=(64, 80), hair=0.5, random_state=0).images
    sums = [int(image.sum()) for image in images]
    assert sums == pytest.approx([1827505, 2269761, 1546572, 2321720, 2155001, 2687426], rel=1e-4)


def test_hair_is_light_or_dark():
    options = {"n_samples": 6, "image_size": (96, 128), "random_state": 8, **BARE}
    bald = make_lesions(**options).images
    for light_hair, sign in ((1, 1), (0, -1)):
        hairy = make_lesions(**options | {"hair": 1, "light_hair": light_hair}).images
        for before, after in zip(bald, hairy, strict=True):
            change = after.astype(int) - before
            changed = change[np.abs(change).max(axis=2) > 25]
            assert sign * changed.sum() > 0


def test_sticker_touches_frame_and_hides_no_lesion():
    plain, marked = (
        make_lesions(60, image_size=(96, 128), random_state=3, **BARE | {"sticker": fraction}) for fraction in (0, 1)
    )
    hidden = []
    for before, after, mask in zip(plain.images, marked.images, plain.masks, strict=True):
        changed = np.abs(after.astype(int) - before).max(axis=2) > 12
        assert 0.003 < changed.mean() < 0.3
        assert changed[[0, -1]].any() or changed[:, [0, -1]].any()
        hidden.append((changed & mask).sum() / mask.sum())
    assert np.mean(hidden) < 0.01


def test_bubbles_have_dark_and_bright_rings():
    plain, gel = (
        make_lesions(12, image_size=(96, 128), random_state=3, **BARE | {"bubbles": fraction}) for fraction in (0, 1)
    )
    for before, after in zip(plain.images, gel.images, strict=True):
        change = (after.astype(int) - before).mean(axis=2)
        assert change.min() < -12
        assert change.max() > 12
        assert (np.abs(change) > 8).mean() < 0.3


def test_uneven_light_falls_off_to_one_side():
    plain, shaded = (
        make_lesions(12, image_size=(96, 128), random_state=3, **BARE | {"uneven_light": fraction})
        for fraction in (0, 1)
    )
    for before, after in zip(plain.images, shaded.images, strict=True):
        ratio = ndi.gaussian_filter((after + 1.0).mean(axis=2) / (before + 1.0).mean(axis=2), 3)
        assert 0.15 < ratio.min() / ratio.max() < 0.6
        assert ratio.max() > 0.9


def test_border_is_at_half_contrast():
    lesions = make_lesions(40, image_size=(96, 128), hair=0, vignette=0, random_state=6)
    steps = []
    for image, mask in zip(lesions.images, lesions.masks, strict=True):
        signed = ndi.distance_transform_edt(mask) - ndi.distance_transform_edt(~mask)
        bands = [image[(signed > low) & (signed <= low + 3)].mean() for low in (-9, -1.5, 6)]
        steps.append((bands[0] - bands[1]) / (bands[0] - bands[2]) if bands[0] - bands[2] > 30 else np.nan)
    assert np.nanmedian(steps) == pytest.approx(0.5, abs=0.1)


def test_otsu_fails_on_some_images(many):
    overlaps = []
    for image, mask in zip(many.images, many.masks, strict=True):
        found = _otsu(image)
        overlaps.append(np.sum(found & mask) / np.sum(found | mask))
    assert 0.72 < np.mean(overlaps) < 0.85
    assert np.median(overlaps) > 0.87
    assert 0.08 < np.mean(np.less(overlaps, 0.65)) < 0.28


def test_classes_overlap(many):
    rows = [_crude_features(image, mask) for image, mask in zip(many.images, many.masks, strict=True)]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scores = cross_val_predict(model, rows, many.target, cv=5, method="decision_function")
    assert 0.75 < roc_auc_score(many.target, scores) < 0.95


def test_severity_has_the_expected_auc():
    lesions = make_lesions(600, melanoma_fraction=0.5, image_size=(32, 32), hair=0, random_state=0)
    # The tolerance is three standard errors of the AUC for 300 images per class.
    assert roc_auc_score(lesions.target, lesions.severity) == pytest.approx(0.921, abs=0.033)


def test_noise_has_unit_variance_and_is_smooth():
    noise = smooth_noise(np.random.default_rng(0), (400, 400), 40, octaves=2)
    assert noise.mean() == pytest.approx(0, abs=0.1)
    assert noise.std() == pytest.approx(1, abs=0.1)
    assert np.diff(noise, axis=0).std() < 0.3  # white noise has 1.4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_samples": -1}, ValueError, "n_samples must be 0 or more, got -1"),
        ({"n_samples": 2.5}, TypeError, "n_samples must be an int, got 2.5"),
        ({"n_samples": True}, TypeError, "n_samples must be an int"),
        ({"melanoma_fraction": 30}, ValueError, r"melanoma_fraction must lie in 0..1, got 30"),
        ({"hair": "some"}, TypeError, "hair must be a number, got 'some'"),
        ({"light_hair": 2}, ValueError, r"light_hair must lie in 0..1, got 2"),
        ({"ruler": None}, TypeError, "ruler must be a number, got None"),
        ({"sticker": -1}, ValueError, r"sticker must lie in 0..1, got -1"),
        ({"bubbles": 3}, ValueError, r"bubbles must lie in 0..1, got 3"),
        ({"uneven_light": True}, TypeError, "uneven_light must be a number, got True"),
        ({"vignette": float("nan")}, ValueError, r"vignette must lie in 0..1, got nan"),
        ({"image_size": 64}, TypeError, r"image_size must be a tuple \(height, width\), got 64"),
        ({"image_size": (64, 31)}, ValueError, r"image_size \(width\) must be 32 or more, got 31"),
        ({"random_state": "x"}, ValueError, "cannot be used to seed"),
    ],
)
def test_invalid_arguments_raise(options, error, message):
    with pytest.raises(error, match=message):
        make_lesions(**{"n_samples": 1, **options})
