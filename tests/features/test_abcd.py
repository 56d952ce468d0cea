import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import load_ph2
from sklearn_melanoma.features import (
    AbcdFeatures,
    ColorFeatures,
    MorphologyFeatures,
    TextureFeatures,
    feature_directions,
)
from sklearn_melanoma.features._directions import _KNOWN
from sklearn_melanoma.segmentation import WatershedSegmenter

SKIN, BROWN, BLUE, BLACK = (220, 170, 150), (140, 90, 60), (90, 95, 120), (40, 30, 28)


def score(image, mask):
    return dict(zip(AbcdFeatures.FEATURES, AbcdFeatures().fit_transform([Lesion(image, mask)])[0], strict=True))


def ellipse(color=BROWN, shape=(120, 160)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = ((y - 60) / 35) ** 2 + ((x - 80) / 50) ** 2 <= 1
    image = np.full((*shape, 3), SKIN, dtype=np.uint8)
    image[mask] = color
    return image, mask


def test_uniform_ellipse():
    found = score(*ellipse())
    assert found["abcd_asymmetry"] == 0
    assert found["abcd_border"] == 8  # abrupt all around
    assert found["abcd_colors"] == 1
    assert found["abcd_structures"] == 1  # structureless
    assert found["total_dermoscopy_score"] == pytest.approx(0.8 + 0.5 + 0.5)


def test_half_of_another_color_is_asymmetric():
    image, mask = ellipse()
    image[:, 80:][mask[:, 80:]] = BLUE
    found = score(image, mask)
    assert found["abcd_asymmetry"] == 1
    assert found["abcd_colors"] == 2
    image[:60][mask[:60]] = BLACK
    found = score(image, mask)
    assert found["abcd_asymmetry"] == 2
    assert found["abcd_colors"] == 3


def test_asymmetric_outline():
    y, x = np.mgrid[:120, :160]
    mask = (y > 20) & (x > 20) & (x < 130) & (y < 0.5 * x + 30) & (y > 0.1 * x)
    mask[20:60, 20:40] = True
    image = np.full((120, 160, 3), SKIN, dtype=np.uint8)
    image[mask] = BROWN
    assert score(image, mask)["abcd_asymmetry"] == 2


def test_fading_border_is_not_abrupt():
    y, x = np.mgrid[:120, :160]
    radius = np.hypot((y - 60) / 35, (x - 80) / 50)
    darkness = np.clip((1 - radius) / 0.5, 0, 1)[:, :, np.newaxis]
    image = np.rint(np.array(SKIN) * (1 - darkness) + np.array(BROWN) * darkness).astype(np.uint8)
    assert score(image, radius <= 1)["abcd_border"] == 0
    image[:, 80:] = ellipse()[0][:, 80:]
    assert 3 <= score(image, radius <= 1)["abcd_border"] <= 5


def test_scores_without_skin_are_finite():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    found = score(image, np.ones((60, 80), dtype=bool))
    assert np.isfinite(list(found.values())).all()
    assert found["abcd_border"] == 0
    assert found["abcd_colors"] == 1


@pytest.mark.parametrize("part", [np.s_[5:6, 5:6], np.s_[5:6, 5:7], np.s_[5:6, :], np.s_[:7, :8]])
def test_scores_of_small_masks_are_finite(part):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    mask = np.zeros((20, 30), dtype=bool)
    mask[part] = True
    assert np.isfinite(list(score(image, mask).values())).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3), st.booleans())
def test_invariance_to_quarter_turns_and_mirror(seed, turns, mirror):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    y, x = np.mgrid[:40, :50]
    mask = np.hypot((y - 20) / 11, (x - 25) / 16) + 0.3 * random.random((40, 50)) < 1
    rotated = [np.rot90(array, turns) for array in (image, mask)]
    if mirror:
        rotated = [array[:, ::-1] for array in rotated]
    assert score(*rotated) == pytest.approx(score(image, mask))


def test_total_is_the_weighted_sum():
    random = np.random.default_rng(0)
    for seed in range(5):
        image, mask = ellipse()
        image = np.clip(image + random.normal(0, 10 * seed, image.shape), 0, 255).astype(np.uint8)
        found = score(image, mask)
        weights = {"abcd_asymmetry": 1.3, "abcd_border": 0.1, "abcd_colors": 0.5, "abcd_structures": 0.5}
        total = sum(weight * found[name] for name, weight in weights.items())
        assert found["total_dermoscopy_score"] == pytest.approx(total)


def test_every_feature_has_a_direction():
    families = (MorphologyFeatures, ColorFeatures, TextureFeatures, AbcdFeatures)
    directions = feature_directions()
    assert isinstance(directions, pd.DataFrame)
    assert list(directions.index) == [name for family in families for name in family.FEATURES] + ["age"]
    assert directions.index.is_unique
    assert set(directions["direction"]) == {-1, 0, 1}
    # A feature has a source if its direction is known, and only then.
    assert ((directions["source"] != "") == (directions["direction"] != 0)).all()
    meanings = directions.groupby("direction")["meaning"].unique().map(list).to_dict()
    assert meanings == {-1: ["less means worse"], 0: ["unknown"], 1: ["more means worse"]}


def test_every_criterion_has_the_same_weight():
    directions = feature_directions()
    assert (np.sign(directions["weight"]) == directions["direction"]).all()
    known = directions[directions["direction"] != 0]
    weights = known["weight"].abs().groupby(known["criterion"])
    assert weights.sum().to_numpy() == pytest.approx(np.ones(10))
    assert weights.nunique().eq(1).all()


def test_names_with_a_direction_are_known_and_unique():
    names = [name for *_, several in _KNOWN for name in several.split()]
    assert len(names) == len(set(names))
    assert set(names) <= set(feature_directions().index)


@pytest.mark.real_data
def test_agreement_with_the_experts_of_ph2(real_data):
    data = load_ph2(real_data("ph2"))
    scores = AbcdFeatures().set_output(transform="pandas").fit_transform(WatershedSegmenter().transform(data.images))
    asymmetry, colors = data.frame["asymmetry"].to_numpy(), data.frame["colors"].map(len)
    assert np.mean(scores["abcd_asymmetry"] == asymmetry) > 0.65
    assert spearmanr(scores["abcd_asymmetry"], asymmetry).statistic > 0.55
    assert spearmanr(scores["abcd_colors"], colors).statistic > 0.4
