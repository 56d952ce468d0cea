import numpy as np
import pytest

from sklearn_melanoma import Lesion
from sklearn_melanoma.features import FisherVectorEncoder
from sklearn_melanoma.features._fisher import SCALES, SIDE, Patches, encode, take_patches
from sklearn_melanoma.features._mixture import learn_mixture

ORIENTATIONS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def rotate(array, turns, mirrored):
    return np.ascontiguousarray(np.rot90(array[:, ::-1] if mirrored else array, turns))


def textured(kind, seed, shape=(90, 110)):
    """Draw a lesion of one hue, with lines or spots in a random direction."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle = random.uniform(0, np.pi)
    along, across = np.cos(angle) * y + np.sin(angle) * x, np.sin(angle) * y - np.cos(angle) * x
    pattern = np.sin(0.9 * along + random.uniform(0, 6))
    if kind == "spots":
        pattern = pattern * np.sin(0.9 * across)
    mask = np.hypot((y - shape[0] / 2) / 28, (x - shape[1] / 2) / 36) <= 1
    levels = np.where(mask, 110 + 40 * pattern, 190) + random.normal(0, 3, mask.shape)
    return Lesion(np.stack([levels, 0.8 * levels, 0.7 * levels], axis=2).round().astype(np.uint8), mask)


@pytest.fixture(scope="module")
def lesions():
    return [textured(kind, seed) for kind in ("lines", "spots") for seed in range(6)]


@pytest.fixture(scope="module")
def encoder(lesions):
    return FisherVectorEncoder(n_gaussians=4, n_components=6, n_patches=3000, random_state=0).fit(lesions)


@pytest.fixture(scope="module")
def patches():
    random = np.random.default_rng(0)
    values = random.normal(size=(400, 36)) * np.linspace(3, 0.1, 36) + random.choice([-4, 4], size=(400, 1))
    return Patches(values.astype(np.float32), np.linspace(-0.1, 0.4, 400, dtype=np.float32))


def test_patches_do_not_depend_on_orientation(lesions):
    lesion = lesions[0]
    for orientation in ORIENTATIONS[1:]:
        turned = Lesion(rotate(lesion.image, *orientation), rotate(lesion.mask, *orientation))
        for one, other in zip(take_patches(lesion), take_patches(turned), strict=True):
            assert len(one.values) == len(other.values) > 50
            order, other_order = (np.lexsort(each.values[:, :8].round(3).T) for each in (one, other))
            np.testing.assert_allclose(
                one.values[order].mean(axis=0), other.values[other_order].mean(axis=0), atol=1e-3
            )
            np.testing.assert_allclose(np.sort(one.distances), np.sort(other.distances), atol=1e-4)


def test_rows_do_not_depend_on_orientation(lesions, encoder):
    lesion = lesions[7]
    turned = [Lesion(rotate(lesion.image, *each), rotate(lesion.mask, *each)) for each in ORIENTATIONS]
    rows = encoder.transform(turned)
    assert np.abs(rows - rows[0]).max() < 0.01 * np.abs(rows).max()


def test_patches_are_cosine_coefficients_of_logarithms():
    """A wave along the rows has one coefficient at its frequency, in each channel."""
    y = np.mgrid[:80, :80][0]
    levels = np.exp(3 + 0.5 * np.cos(np.pi * (y + 0.5) / SIDE)) - 8  # one half wave in a patch
    lesion = Lesion(np.repeat(levels[:, :, np.newaxis], 3, axis=2).round().astype(np.uint8), np.ones((80, 80), bool))
    finest = take_patches(lesion)[-1].values.reshape(-1, 3, 12)
    largest = finest[np.abs(finest[:, 0]).max(axis=1) > 0.5]
    assert len(largest) > 20
    np.testing.assert_allclose(largest[:, 0], largest[:, 2], atol=1e-6)


def make_larger(lesion, factor):
    return Lesion(*(np.repeat(np.repeat(each, factor, 0), factor, 1) for each in (lesion.image, lesion.mask)))


def make_darker(lesion, gain):
    return Lesion((lesion.image * gain).round().astype(np.uint8), lesion.mask)


@pytest.mark.parametrize(
    ("change", "amount"), [(make_larger, 2), (make_larger, 3), (make_darker, 0.5), (make_darker, 0.8)]
)
def test_rows_hardly_depend_on_resolution_and_brightness(lesions, encoder, change, amount):
    rows, changed = encoder.transform(lesions), encoder.transform([change(lesion, amount) for lesion in lesions])
    similarity = changed @ rows.T / (rows[0] @ rows[0])
    own, others = np.diag(similarity), similarity[~np.eye(len(lesions), dtype=bool)]
    assert own.mean() > 0.8
    assert others.mean() < 0.6
    assert (similarity.argmax(axis=1) == np.arange(len(lesions))).mean() > 0.8


def test_rows_tell_lines_from_spots(lesions, encoder):
    unseen = [textured(kind, seed) for kind in ("lines", "spots") for seed in range(20, 24)]
    known, rows = encoder.transform(lesions), encoder.transform(unseen)
    nearest = (rows @ known.T).argmax(axis=1)
    assert (nearest // 6 == np.repeat([0, 1], 4)).all()


def test_fisher_vector_is_the_gradient_of_the_likelihood(patches):
    """Before the square root, the means of a Gaussian are the scaled gradient of the mean log-likelihood."""
    mixture = learn_mixture(patches.values, 3, 2, np.random.RandomState(0))
    others = Patches(patches.values[:150] + np.float32(0.5), np.full(150, 1, np.float32))  # deep inside: weights of 1
    points = (others.values - mixture.center).astype(np.float64) @ mixture.components

    def likelihood(means):
        scaled = (points[:, np.newaxis] - means) / mixture.deviations
        densities = np.exp(-0.5 * (scaled**2).sum(axis=2)) / mixture.deviations.prod(axis=1)
        return np.log(densities @ mixture.weights).mean()

    gradient = np.zeros((2, 3))
    for place in np.ndindex(2, 3):
        step = np.zeros((2, 3))
        step[place] = 1e-4
        gradient[place] = (likelihood(mixture.means + step) - likelihood(mixture.means - step)) / 2e-4
    expected = (gradient * mixture.deviations / np.sqrt(mixture.weights)[:, np.newaxis]).ravel()
    found = encode(others, mixture)[:6].astype(np.float64)
    found = np.sign(found) * found**2
    np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=0.02)


def test_zones_have_unit_length(lesions, encoder):
    rows = encoder.transform(lesions)
    lengths = np.linalg.norm(rows.reshape(len(rows), len(SCALES) * 2, -1), axis=2)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_same_seed_gives_the_same_rows(lesions, encoder):
    again = FisherVectorEncoder(n_gaussians=4, n_components=6, n_patches=3000, random_state=0).fit(lesions)
    np.testing.assert_array_equal(again.transform(lesions[:2]), encoder.transform(lesions[:2]))


def test_learns_from_a_random_part_of_many_images(lesions):
    few = FisherVectorEncoder(n_gaussians=2, n_components=4, subsample=3, random_state=1).fit(lesions)
    chosen = np.sort(np.random.RandomState(1).permutation(len(lesions))[:3])
    assert len(chosen) == 3
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(
            few.transform(lesions[:1]),
            FisherVectorEncoder(n_gaussians=2, n_components=4, random_state=1).fit(lesions).transform(lesions[:1]),
        )


def test_names_say_scale_zone_moment_gaussian_and_component(encoder):
    names = encoder.get_feature_names_out()
    assert names[0] == "fisher_s20_lesion_mean_00_00"
    assert names[-1] == "fisher_s80_rim_variance_03_05"
    assert "fisher_s40_rim_mean_02_03" in names
    assert len(set(names)) == len(names) == 3 * 2 * 2 * 4 * 6


@pytest.mark.parametrize("shape", [(40, 40), (6, 300), (300, 6)])
@pytest.mark.parametrize("kind", ["pixel", "whole frame", "line"])
def test_masks_from_one_pixel_to_the_whole_frame(encoder, shape, kind):
    mask = np.zeros(shape, dtype=bool)
    if kind == "pixel":
        mask[shape[0] // 2, shape[1] // 2] = True
    elif kind == "line":
        mask[shape[0] // 2] = True
    else:
        mask[:] = True
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert np.isfinite(encoder.transform([Lesion(image, mask)])).all()


def test_flat_image_has_a_row(encoder):
    lesion = Lesion(np.full((60, 60, 3), 120, dtype=np.uint8), np.pad(np.ones((20, 20), bool), 20))
    assert np.isfinite(encoder.transform([lesion])).all()


def test_lesion_that_was_not_found_is_nan(lesions, encoder):
    rows = encoder.transform([lesions[0], lesions[0].with_mask(np.zeros_like(lesions[0].mask))])
    assert np.isfinite(rows[0]).all()
    assert np.isnan(rows[1]).all()


def test_small_parts_far_apart_have_no_patch_at_the_coarse_scales(lesions, encoder):
    down, across = np.indices((192, 192))
    mask = np.hypot(down - 5, across - 5) <= 2
    mask[-4, -4] = True
    (row,) = encoder.transform([Lesion(np.full((192, 192, 3), 180, dtype=np.uint8), mask)])
    names = encoder.get_feature_names_out()
    missing = {name.split("_")[1] for name, value in zip(names, row, strict=True) if np.isnan(value)}
    assert missing
    assert missing < {"s20", "s40", "s80"}
    model = FisherVectorEncoder(n_gaussians=2, n_components=4, random_state=0).fit(
        [*lesions[:3], Lesion(np.full((192, 192, 3), 180, dtype=np.uint8), mask)]
    )
    assert np.isfinite(model.transform(lesions[:1])).all()


def test_images_of_one_color_are_an_error():
    lesion = Lesion(np.full((60, 60, 3), 120, dtype=np.uint8), np.pad(np.ones((20, 20), bool), 20))
    with pytest.raises(ValueError, match="X must hold lesions with at least n_gaussians=8 different patches"):
        FisherVectorEncoder(random_state=0).fit([lesion, lesion])


def test_fit_leaves_out_images_without_a_lesion(lesions):
    empty = lesions[0].with_mask(np.zeros_like(lesions[0].mask))
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, random_state=0).fit([*lesions[:3], empty])
    assert np.isfinite(encoder.transform(lesions[:1])).all()


def test_no_lesion_is_an_error(lesions):
    empty = lesions[0].with_mask(np.zeros_like(lesions[0].mask))
    with pytest.raises(ValueError, match=r"X must hold at least n_gaussians=8 patches.*got 0.*0 lesions.*2 images"):
        FisherVectorEncoder().fit([empty, empty])


def test_more_gaussians_than_patches_is_an_error(lesions):
    with pytest.raises(ValueError, match=r"n_gaussians=5000 patches.* got \d+ at one scale, of 1 lesions"):
        FisherVectorEncoder(n_gaussians=5000).fit(lesions[:1])


def test_one_image_is_enough(lesions):
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, random_state=0).fit(lesions[:1])
    assert np.isfinite(encoder.transform(lesions[:2])).all()


def test_image_without_a_mask_is_an_error(lesions, encoder):
    with pytest.raises(ValueError, match="mask"):
        encoder.transform([Lesion(lesions[0].image)])


@pytest.mark.parametrize(
    ("name", "value"), [("n_components", 37), ("n_components", 0), ("n_gaussians", 0), ("subsample", 0)]
)
def test_parameters_out_of_range(lesions, name, value):
    with pytest.raises(ValueError, match=name):
        FisherVectorEncoder(**{name: value}).fit(lesions)
