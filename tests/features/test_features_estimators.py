import gc
import weakref

import numpy as np
import pytest

from sklearn_melanoma import Lesion
from sklearn_melanoma.features import (
    AbcdFeatures,
    ColorFeatures,
    MorphologyFeatures,
    TextureFeatures,
    measure_color,
    measure_morphology,
    measure_texture,
)

ESTIMATORS = (MorphologyFeatures, ColorFeatures, TextureFeatures, AbcdFeatures)


@pytest.fixture
def lesion():
    random = np.random.default_rng(0)
    y, x = np.mgrid[:90, :120]
    mask = np.hypot((y - 40) / 20, (x - 60) / 30) + 0.1 * np.sin(x / 5) <= 1
    return Lesion(random.integers(0, 256, (90, 120, 3), dtype=np.uint8), mask)


@pytest.mark.parametrize("estimator", ESTIMATORS[:3])
def test_rows_equal_the_functions(estimator, lesion):
    function = {
        MorphologyFeatures: lambda: measure_morphology(lesion.mask),
        ColorFeatures: lambda: measure_color(lesion.image, lesion.mask),
        TextureFeatures: lambda: measure_texture(lesion.image, lesion.mask),
    }[estimator]
    transformer = estimator()
    assert list(transformer.get_feature_names_out()) == list(estimator.FEATURES)
    np.testing.assert_array_equal(transformer.fit_transform([lesion])[0], list(function().values()))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_chosen_features_equal_columns_of_all(estimator, lesion):
    table = estimator().set_output(transform="pandas").fit_transform([lesion, lesion])
    for names in ([name] for name in estimator.FEATURES):
        np.testing.assert_array_equal(estimator(names).fit_transform([lesion]), table[names][:1])
    mixed = list(estimator.FEATURES[::-3])
    chosen = estimator(mixed).set_output(transform="pandas").fit_transform([lesion])
    assert list(chosen.columns) == mixed
    np.testing.assert_array_equal(chosen, table[mixed][:1])


def test_survey_features(lesion):
    transformer = MorphologyFeatures("survey")
    assert list(transformer.get_feature_names_out()) == ["area", "perimeter_ratio", "max_span"]
    assert transformer.fit_transform([lesion]).shape == (1, 3)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_lesion_gives_a_row_of_nan(estimator, lesion):
    rows = estimator().fit_transform([lesion.with_mask(np.zeros((90, 120), dtype=bool)), lesion])
    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[1]).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_image_without_a_mask_raises(estimator, lesion):
    with pytest.raises(ValueError, match=rf"X\[1\]: {estimator.__name__} needs a mask"):
        estimator().fit_transform([lesion, lesion.image])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_unknown_names_raise_in_fit(estimator, lesion):
    with pytest.raises(ValueError, match="Known are"):
        estimator(["area", "beauty"]).fit([lesion])
    with pytest.raises(ValueError, match="or a list of names"):
        estimator("beauty").fit([lesion])


def test_lengths_are_in_source_pixels(lesion):
    shrunk = Lesion(lesion.image, lesion.mask, source_shape=(270, 360))
    once, thrice = (MorphologyFeatures().fit_transform([each])[0] for each in (lesion, shrunk))
    lengths = ("diameter", "perimeter", "max_span", "rectangle_", "axis_length", "chord", "inscribed_radius", "_depth")
    expected = [
        9 if name.endswith("area") else 3 if any(part in name for part in lengths) else 1
        for name in MorphologyFeatures.FEATURES
    ]
    for name in ("perimeter_ratio", "indentation_depth"):
        expected[MorphologyFeatures.FEATURES.index(name)] = 1
    np.testing.assert_allclose(thrice, once * expected)


def test_millimeters(lesion):
    known = Lesion(lesion.image, lesion.mask, source_shape=(180, 240), mm_per_pixel=0.05)
    names = ["area", "compactness", "max_span"]
    transformer = MorphologyFeatures(names, unit="mm")
    assert list(transformer.get_feature_names_out()) == ["area_mm2", "compactness", "max_span_mm"]
    pixels = MorphologyFeatures(names).fit_transform([known])
    np.testing.assert_allclose(transformer.fit_transform([known]), pixels * [0.05**2, 1, 0.05])


def test_millimeters_need_a_scale(lesion):
    with pytest.raises(ValueError, match=r"X\[0\]: .*Read the images with ImageReader\(mm_per_pixel=\.\.\.\)"):
        MorphologyFeatures(unit="mm").fit_transform([lesion])
    assert np.isfinite(MorphologyFeatures(["solidity"], unit="mm").fit_transform([lesion])).all()
    with pytest.raises(ValueError, match="'unit' parameter"):
        MorphologyFeatures(unit="cm").fit([lesion])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_shared_results_do_not_keep_the_lesion_alive(estimator, lesion):
    # If a shared result referred to its lesion, thousands of lesions would wait for the garbage collector.
    fresh = lesion.with_mask(lesion.mask)
    estimator().fit_transform([fresh])
    reference = weakref.ref(fresh)
    gc.disable()
    try:
        del fresh
        assert reference() is None
    finally:
        gc.enable()
