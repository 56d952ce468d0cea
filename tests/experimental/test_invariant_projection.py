import numpy as np
import pytest
from sklearn.pipeline import FeatureUnion

from sklearn_melanoma import Lesion
from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma.experimental import InvariantProjection
from sklearn_melanoma.experimental._invariance import find_projection
from sklearn_melanoma.features import ColorFeatures, FisherVectorEncoder, MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter


@pytest.fixture(scope="module")
def lesions(make_lesion):
    return [
        make_lesion(60, 80, center=(0.02 * i - 0.05, 0.03), radii=(0.1 + 0.015 * i, 0.2), noise=10, seed=i)
        for i in range(8)
    ]


@pytest.fixture(scope="module")
def table():
    """Rows of 200 lesions with 5 copies each: two columns of the lesion, one of the copy and one of both."""
    random = np.random.default_rng(0)
    lesion, copy = random.normal(size=(200, 1, 2)), random.normal(size=(200, 5, 1))
    rows = np.concatenate([np.broadcast_to(lesion, (200, 5, 2)), 5 * copy, lesion[:, :, :1] + copy], axis=2)
    return rows + random.normal(0, 0.05, rows.shape)


def test_variation_between_copies_is_removed(table):
    projection = find_projection(table, 2, shrinkage=0.01)
    weights = abs(projection.directions / projection.directions.max(axis=0))
    assert weights[:2].max(axis=1).min() > 0.5  # both columns of the lesion
    # The third column cancels the contribution of the copy to the fourth column.
    centered = projection.apply(table).std(axis=1).mean(axis=0)
    assert (centered < 0.2 * projection.apply(table).std(axis=(0, 1))).all()


def test_copies_have_the_same_variance_in_all_directions(table):
    projection = find_projection(table, 4, shrinkage=1e-9)
    residuals = projection.apply(table)
    residuals = (residuals - residuals.mean(axis=1, keepdims=True)).reshape(-1, 4)
    np.testing.assert_allclose(residuals.T @ residuals / (200 * 4), np.eye(4), atol=1e-6)
    means = projection.apply(table).mean(axis=1)
    np.testing.assert_allclose(means.T @ means / 200, np.diag(projection.ratios), atol=1e-6 * projection.ratios[0])
    assert (np.diff(projection.ratios) < 0).all()


def test_full_shrinkage_gives_principal_components(table):
    projection = find_projection(table, 3, shrinkage=1)
    means = ((table - table.mean(axis=(0, 1))) / table.std(axis=(0, 1))).mean(axis=1)
    axes = np.linalg.svd(means, full_matrices=False)[2][:3]
    cosines = np.diag(axes @ (projection.directions / np.linalg.norm(projection.directions, axis=0)))
    np.testing.assert_allclose(abs(cosines), 1, atol=1e-9)


def test_missing_and_constant_columns(table):
    gaps = np.concatenate([table, np.full((200, 5, 1), np.nan), np.full((200, 5, 1), 0.1)], axis=2)
    projection = find_projection(gaps, 3, shrinkage=0.5)
    np.testing.assert_allclose(projection.directions[4:], 0, atol=1e-9)
    gaps[3, 2, 0] = np.nan
    filled = np.nan_to_num(gaps[3, 2], nan=np.nanmedian(gaps[:, :, 0]))
    projection = find_projection(gaps, 3, shrinkage=0.5)
    np.testing.assert_allclose(projection.apply(gaps[3, 2]), projection.apply(filled))


def test_identical_copies():
    rows = np.repeat(np.random.default_rng(0).normal(size=(20, 1, 3)), 3, axis=1)
    assert np.isfinite(find_projection(rows, 3, shrinkage=0.9).apply(rows)).all()


class Brightness(FeatureTransformer):
    def _feature_names(self):
        return ("brightness",)

    def _measure(self, lesion, names):
        return [lesion.image[lesion.mask].mean()]


def test_brightness_is_removed(make_lesion):
    # Lesions differ in morphology. They differ in brightness by less than augmentation changes it.
    lesions = [make_lesion(radii=(0.08 + 0.01 * i, 0.2), spot=(120 + i % 3, 72, 60), seed=i) for i in range(12)]
    union = FeatureUnion([("morphology", MorphologyFeatures(["axis_ratio"])), ("light", Brightness())])
    projection = InvariantProjection(union, n_components=1, shrinkage=0.1, random_state=0).fit(lesions)
    morphology, light = projection.projection_.directions[:, 0]
    assert abs(light) < 0.1 * abs(morphology)
    darkened = [Lesion((each.image * 0.85).astype(np.uint8), each.mask) for each in lesions]
    rows = projection.transform(lesions)
    assert abs(projection.transform(darkened) - rows).max() < 0.2 * rows.std()


def test_invariance_to_quarter_turns_and_mirror(lesions):
    # Color features are left out, because their rounding errors would be amplified. Errors of Fisher vectors are
    # smaller.
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=500, random_state=0)
    union = FeatureUnion([("morphology", MorphologyFeatures()), ("fisher", encoder)])
    projection = InvariantProjection(union, n_components=5, random_state=0).fit(lesions)
    rows = projection.transform(lesions)
    for turns in range(4):
        for step in (1, -1):
            rotated = [
                Lesion(*(np.ascontiguousarray(np.rot90(a[:, ::step], turns)) for a in (each.image, each.mask)))
                for each in lesions
            ]
            np.testing.assert_allclose(projection.transform(rotated), rows, atol=1e-3)


def test_transformer_that_learns(lesions):
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=500, random_state=0)
    union = FeatureUnion([("color", ColorFeatures()), ("fisher", encoder)])
    projection = InvariantProjection(union, n_components=6, n_augmentations=2, random_state=0)
    rows = projection.fit_transform(lesions)
    assert np.isfinite(rows).all()
    assert not hasattr(encoder, "mixtures_")  # a clone was fitted
    np.testing.assert_array_equal(projection.fit(lesions).transform(lesions), rows)
    assert (projection.set_params(random_state=1).fit(lesions).transform(lesions) != rows).any()


def test_tiny_masks(lesions):
    mask = np.zeros((60, 80), dtype=bool)
    mask[30, 40] = True
    tiny = [lesion.with_mask(mask) for lesion in lesions]
    projection = InvariantProjection(ColorFeatures(), n_components=2, random_state=0)
    assert np.isfinite(projection.fit_transform(tiny)).all()


def test_fit_ignores_images_without_a_lesion(lesions):
    empty, unknown = lesions[0].with_mask(np.zeros((60, 80), dtype=bool)), lesions[0].with_mask(None)
    projection = InvariantProjection(ColorFeatures(), n_components=2, random_state=0)
    expected = projection.fit(lesions[:3]).transform(lesions)
    projection.fit([empty, *lesions[:2], unknown, lesions[2]])
    np.testing.assert_array_equal(projection.transform(lesions), expected)
    assert np.isnan(projection.transform([empty])).all()


def test_errors(lesions):
    with pytest.raises(ValueError, match=r"at least two lesions with a mask, got 1 in 2 images\. Pass more"):
        InvariantProjection(ColorFeatures()).fit([lesions[0], lesions[1].image])
    with pytest.raises(ValueError, match=r"n_components must be at most the number of features, 2, got 3\. Lower it"):
        InvariantProjection(ColorFeatures(["a_std", "b_std"]), n_components=3).fit(lesions)
    with pytest.raises(ValueError, match="'shrinkage' parameter"):
        InvariantProjection(ColorFeatures(), shrinkage=0.0).fit(lesions)


def test_in_a_union_after_a_segmenter(make_image):
    images = [make_image(60, 80, radii=(0.15 + 0.02 * i, 0.2), noise=20, seed=i) for i in range(6)]
    learned = InvariantProjection(ColorFeatures(), n_components=3, random_state=0)
    union = FeatureUnion([("color", ColorFeatures()), ("projection", learned)], verbose_feature_names_out=False)
    steps = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", union)]
    rows = ImagePipeline(steps, batch_size=2, n_jobs=2).fit_transform(images)
    segmented = WatershedSegmenter().transform(images)
    expected = InvariantProjection(ColorFeatures(), n_components=3, random_state=0).fit_transform(segmented)
    np.testing.assert_array_equal(rows[:, -3:], expected)
