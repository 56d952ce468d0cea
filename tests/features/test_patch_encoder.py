import numpy as np
import pytest
from sklearn.pipeline import FeatureUnion

from sklearn_melanoma import Lesion
from sklearn_melanoma.features import ColorFeatures, PatchEncoder
from sklearn_melanoma.features._patches import (
    Codes,
    encode,
    find_whitening,
    learn_codes,
    list_orientations,
    pool,
    take_patches,
)
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter

ORIENTATIONS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def rotate(array, turns, mirrored):
    return np.ascontiguousarray(np.rot90(array[:, ::-1] if mirrored else array, turns))


def textured(kind, seed):
    """Draw a lesion of one hue, with lines or spots in a random direction."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:90, :110]
    angle = random.uniform(0, np.pi)
    if kind == "lines":
        pattern = np.sin(1.2 * (np.cos(angle) * y + np.sin(angle) * x) + random.uniform(0, 6))
    else:
        pattern = np.sin(1.2 * (np.cos(angle) * y + np.sin(angle) * x)) * np.sin(
            1.2 * (np.sin(angle) * y - np.cos(angle) * x)
        )
    mask = np.hypot((y - 45) / 28, (x - 52) / 36) <= 1
    levels = np.where(mask, 110 + 40 * pattern, 190) + random.normal(0, 3, mask.shape)
    return Lesion(np.stack([levels, 0.8 * levels, 0.7 * levels], axis=2).round().astype(np.uint8), mask)


@pytest.fixture(scope="module")
def lesions():
    return [textured(kind, seed) for kind in ("lines", "spots") for seed in range(4)]


@pytest.fixture(scope="module")
def encoder(lesions):
    return PatchEncoder(n_codes=12, n_patches=3000, random_state=0).fit(lesions)


def test_orientations_are_quarter_turns_and_mirror_images():
    patch = np.random.default_rng(0).normal(size=(5, 5, 3))
    permuted = patch.ravel()[list_orientations(5)]
    np.testing.assert_array_equal(permuted[0], patch.ravel())
    expected = {rotate(patch, *orientation).tobytes() for orientation in ORIENTATIONS}
    assert len(expected) == 8
    assert {np.ascontiguousarray(each).tobytes() for each in permuted} == expected


@pytest.fixture(scope="module")
def patches(lesions):
    return np.concatenate([take_patches(lesion, side=4, lesion_side=32)[0] for lesion in lesions])


def test_whitened_patches_have_identity_covariance(patches):
    # The values are so large that the constant added to the variances is negligible.
    amplified = 1e4 * (patches + np.random.default_rng(0).normal(0, 0.1, patches.shape))
    mean, whitening = find_whitening(amplified, 4)
    whitened = (amplified - mean)[:, list_orientations(4)].reshape(-1, amplified.shape[1]) @ whitening
    np.testing.assert_allclose(whitened.T @ whitened / len(whitened), np.eye(amplified.shape[1]), atol=1e-4)


def test_whitening_and_rotation_commute(patches):
    mean, whitening = find_whitening(patches, 4)
    for order in list_orientations(4):
        np.testing.assert_allclose(
            (patches[:50, order] - mean) @ whitening, ((patches[:50] - mean) @ whitening)[:, order], atol=1e-12
        )


def test_orientations_have_one_code_in_common():
    random = np.random.RandomState(0)
    edge, corner = np.zeros((4, 4, 3)), np.zeros((4, 4, 3))
    edge[:2], corner[:2, :2] = 10, 10
    orders = list_orientations(4)
    points = np.concatenate(
        [[shape.ravel()[orders[random.randint(8)]] for _ in range(40)] for shape in (edge, corner)]
    ) + random.normal(0, 0.01, (80, 48))
    for seed in range(3):  # both initial codes may be of the same kind and stay there
        codes = learn_codes(points, 2, side=4, random=np.random.RandomState(seed))
        activity = encode(points, codes)
        best = activity.argmax(axis=1)
        if len(set(best)) == 2:
            break
    assert set(best[:40]) != set(best[40:])
    assert len(set(best[:40])) == len(set(best[40:])) == 1


def test_triangle_encoding():
    random = np.random.default_rng(0)
    patches, centers = random.normal(size=(7, 12)), random.normal(size=(3, 12))
    mean, whitening = random.normal(size=12), random.normal(size=(12, 12))
    points = (patches - mean) @ whitening
    distances = np.array(
        [
            [min(np.linalg.norm(point - center[order]) for order in list_orientations(2)) for center in centers]
            for point in points
        ]
    )
    expected = np.maximum(distances.mean(axis=1, keepdims=True) - distances, 0)
    np.testing.assert_allclose(encode(patches, Codes(mean, whitening, centers, 2)), expected)


def test_pooling_weights_by_the_fraction_of_lesion():
    activity = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 2.0]])
    row = pool(activity, np.array([1.0, 1.0, 0.5]))
    core = np.average(activity, axis=0, weights=[1, 1, 0.25])
    np.testing.assert_allclose(row[:2], core)
    np.testing.assert_allclose(row[2:4] ** 2, np.average((activity - core) ** 2, axis=0, weights=[1, 1, 0.25]))
    np.testing.assert_allclose(row[4:], [5, 2, 0, 0])  # only the third patch contains a part of the border


def test_two_textures_are_distinguished(lesions, encoder):
    rows = encoder.transform(lesions)
    distances = np.linalg.norm(rows[:, np.newaxis] - rows, axis=2)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(
        distances.argmin(axis=1) < 4, np.arange(8) < 4
    )  # the nearest lesion is of the same kind


@pytest.mark.parametrize(("turns", "mirrored"), ORIENTATIONS)
def test_invariance_to_quarter_turns_and_mirror(lesions, encoder, turns, mirrored):
    rotated = [Lesion(rotate(each.image, turns, mirrored), rotate(each.mask, turns, mirrored)) for each in lesions]
    np.testing.assert_allclose(encoder.transform(rotated), encoder.transform(lesions), atol=1e-6, rtol=0)


def test_pixels_farther_out_than_a_patch_have_no_influence(lesions, encoder):
    lesion = lesions[0]
    image = lesion.image.copy()
    image[:4], image[:, -6:] = 0, 255
    np.testing.assert_array_equal(encoder.transform([Lesion(image, lesion.mask)]), encoder.transform([lesion]))


def test_image_size_changes_little(lesions, encoder):
    large = [
        Lesion(each.image.repeat(2, axis=0).repeat(2, axis=1), each.mask.repeat(2, axis=0).repeat(2, axis=1))
        for each in lesions
    ]
    rows = encoder.transform(lesions)
    assert abs(encoder.transform(large) - rows).max() < 0.1 * np.ptp(rows)


def test_brightness_changes_little(lesions, encoder):
    bright = [Lesion((each.image * 1.2).round().astype(np.uint8), each.mask) for each in lesions]
    rows = encoder.transform(lesions)
    assert abs(encoder.transform(bright) - rows).max() < 0.1 * np.ptp(rows)


def test_uniform_image():
    flat = Lesion(np.full((40, 50, 3), 128, np.uint8), np.pad(np.ones((20, 30), bool), 10))
    rows = PatchEncoder(n_codes=3, random_state=0).fit_transform([flat, flat])
    np.testing.assert_allclose(rows, 0, atol=1e-6)  # all codes have the same distance


@pytest.mark.parametrize(
    ("rows", "columns"), [(1, 1), (1, 2), (1, 110), (90, 1), (2, 2)], ids=["pixel", "two", "row", "column", "square"]
)
def test_tiny_masks_have_finite_features(lesions, encoder, rows, columns):
    mask = np.zeros((90, 110), dtype=bool)
    mask[-rows:, -columns:] = True
    lesion = Lesion(lesions[0].image, mask)
    assert np.isfinite(encoder.transform([lesion])).all()
    assert np.isfinite(PatchEncoder(n_codes=2, random_state=0).fit_transform([lesion])).all()


def test_lesion_that_fills_the_frame_has_no_border_features(lesions, encoder):
    table = encoder.transform([Lesion(lesions[0].image, np.ones((90, 110), dtype=bool))])[0]
    of_border = np.array(["border" in name for name in encoder.get_feature_names_out()])
    assert np.isnan(table[of_border]).all()
    assert np.isfinite(table[~of_border]).all()


def test_fit_ignores_images_without_a_lesion(lesions):
    empty, unknown = lesions[0].with_mask(np.zeros((90, 110), dtype=bool)), lesions[0].with_mask(None)
    other = PatchEncoder(n_codes=3, n_patches=10**6, random_state=0)
    expected = other.fit(lesions[:2]).transform(lesions)
    other.fit([empty, lesions[0], unknown, lesions[1]])
    np.testing.assert_array_equal(other.transform(lesions), expected)
    assert np.isnan(other.transform([empty])).all()


def test_too_few_patches_raise(lesions):
    with pytest.raises(ValueError, match=r"at least n_codes=64 patches, got 20 of 1 lesions with a mask\. Pass more"):
        PatchEncoder(n_patches=20).fit(lesions[:1])
    with pytest.raises(ValueError, match=r"got 0 of 0 lesions with a mask\..* put a segmenter before"):
        PatchEncoder().fit([lesions[0].image])


def test_random_state(lesions):
    rows = [PatchEncoder(n_codes=3, random_state=seed).fit(lesions).transform(lesions[:1]) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert (rows[0] != rows[2]).any()


def test_columns_are_from_fit(lesions, encoder):
    names = list(encoder.get_feature_names_out())
    assert names[::12] == ["patch_core_0", "patch_core_std_0", "patch_border_0", "patch_border_std_0"]
    other = PatchEncoder(n_codes=2, random_state=0).fit(lesions).set_params(n_codes=5, patch_side=4)
    assert other.transform(lesions[:1]).shape == (1, 8)
    assert len(other.get_feature_names_out()) == 8
    assert other.fit(lesions).transform(lesions[:1]).shape == (1, 20)


def test_in_a_union_after_a_segmenter(make_image):
    images = [make_image(60, 80, radii=(0.15 + 0.02 * i, 0.2), noise=20, seed=i) for i in range(6)]
    learned = PatchEncoder(n_codes=3, random_state=0)
    union = FeatureUnion([("color", ColorFeatures()), ("patches", learned)], verbose_feature_names_out=False)
    steps = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", union)]
    table = ImagePipeline(steps, batch_size=2, n_jobs=2).set_output(transform="pandas").fit_transform(images)
    segmented = WatershedSegmenter().transform(images)
    expected = PatchEncoder(n_codes=3, random_state=0).fit_transform(segmented)
    assert list(table.columns[-12:]) == list(learned.get_feature_names_out())
    np.testing.assert_array_equal(table.iloc[:, -12:], expected)
