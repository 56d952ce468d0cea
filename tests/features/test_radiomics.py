import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from sklearn_melanoma import Lesion
from sklearn_melanoma.features import RadiomicsFeatures
from sklearn_melanoma.features._radiomics_matrices import LevelMatrices, number_levels

# The digital phantom of the Image Biomarker Standardisation Initiative (IBSI), slice by slice; 0 is outside.
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)

# Reference values of the IBSI for the phantom (reference manual, arXiv:1612.07003): texture matrices "2D, averaged",
# first order of the volume. They have three digits, and their tolerance is 0.
TEXTURE_REFERENCE = {
    "glcm_Autocorrelation": 5.09,
    "glcm_ClusterProminence": 79.1,
    "glcm_ClusterShade": 7,
    "glcm_ClusterTendency": 5.47,  # also sum variance
    "glcm_Contrast": 5.28,
    "glcm_Correlation": -0.0121,
    "glcm_DifferenceAverage": 1.42,  # also dissimilarity
    "glcm_DifferenceEntropy": 1.4,
    "glcm_DifferenceVariance": 2.9,
    "glcm_Id": 0.678,
    "glcm_Idm": 0.619,
    "glcm_Idmn": 0.899,
    "glcm_Idn": 0.851,
    "glcm_Imc1": -0.155,
    "glcm_Imc2": 0.487,
    "glcm_InverseVariance": 0.0567,
    "glcm_JointAverage": 2.14,
    "glcm_JointEnergy": 0.368,
    "glcm_JointEntropy": 2.05,
    "glcm_MaximumProbability": 0.519,
    "glcm_SumAverage": 4.28,
    "glcm_SumEntropy": 1.6,
    "glcm_SumSquares": 2.69,  # joint variance
    "glrlm_GrayLevelNonUniformity": 5.2,
    "glrlm_GrayLevelNonUniformityNormalized": 0.46,
    "glrlm_GrayLevelVariance": 3.35,
    "glrlm_HighGrayLevelRunEmphasis": 9.82,
    "glrlm_LongRunEmphasis": 3.78,
    "glrlm_LongRunHighGrayLevelEmphasis": 17.4,
    "glrlm_LongRunLowGrayLevelEmphasis": 3.14,
    "glrlm_LowGrayLevelRunEmphasis": 0.604,
    "glrlm_RunEntropy": 2.17,
    "glrlm_RunLengthNonUniformity": 6.12,
    "glrlm_RunLengthNonUniformityNormalized": 0.492,
    "glrlm_RunPercentage": 0.627,
    "glrlm_RunVariance": 0.761,
    "glrlm_ShortRunEmphasis": 0.641,
    "glrlm_ShortRunHighGrayLevelEmphasis": 8.57,
    "glrlm_ShortRunLowGrayLevelEmphasis": 0.294,
    "glszm_GrayLevelNonUniformity": 1.41,
    "glszm_GrayLevelNonUniformityNormalized": 0.323,
    "glszm_GrayLevelVariance": 3.97,
    "glszm_HighGrayLevelZoneEmphasis": 16.4,
    "glszm_LargeAreaEmphasis": 43.9,
    "glszm_LargeAreaHighGrayLevelEmphasis": 113,
    "glszm_LargeAreaLowGrayLevelEmphasis": 40.4,
    "glszm_LowGrayLevelZoneEmphasis": 0.371,
    "glszm_SizeZoneNonUniformity": 1.49,
    "glszm_SizeZoneNonUniformityNormalized": 0.333,
    "glszm_SmallAreaEmphasis": 0.363,
    "glszm_SmallAreaHighGrayLevelEmphasis": 10.3,
    "glszm_SmallAreaLowGrayLevelEmphasis": 0.0259,
    "glszm_ZoneEntropy": 1.93,
    "glszm_ZonePercentage": 0.24,
    "glszm_ZoneVariance": 21,
    "gldm_DependenceEntropy": 2.71,
    "gldm_DependenceNonUniformity": 3.96,
    "gldm_DependenceNonUniformityNormalized": 0.212,
    "gldm_DependenceVariance": 2.73,
    "gldm_GrayLevelNonUniformity": 10.2,
    "gldm_GrayLevelVariance": 2.7,
    "gldm_HighGrayLevelEmphasis": 7.49,
    "gldm_LargeDependenceEmphasis": 19.2,
    "gldm_LargeDependenceHighGrayLevelEmphasis": 49.5,
    "gldm_LargeDependenceLowGrayLevelEmphasis": 17.6,
    "gldm_LowGrayLevelEmphasis": 0.702,
    "gldm_SmallDependenceEmphasis": 0.158,
    "gldm_SmallDependenceHighGrayLevelEmphasis": 3.06,
    "gldm_SmallDependenceLowGrayLevelEmphasis": 0.0473,
    "ngtdm_Busyness": 2.99,
    "ngtdm_Coarseness": 0.121,
    "ngtdm_Complexity": 10.4,
    "ngtdm_Contrast": 0.925,
    "ngtdm_Strength": 2.88,
}
FIRST_ORDER_REFERENCE = {
    "10Percentile": 1,
    "90Percentile": 4,
    "Energy": 567,
    "Entropy": 1.27,
    "InterquartileRange": 3,
    "Kurtosis": -0.355,  # the excess over 3
    "Maximum": 6,
    "MeanAbsoluteDeviation": 1.55,
    "Mean": 2.15,
    "Median": 1,
    "Minimum": 1,
    "Range": 5,
    "RobustMeanAbsoluteDeviation": 1.11,
    "RootMeanSquared": 2.77,
    "Skewness": 1.08,
    "Uniformity": 0.512,
    "Variance": 3.05,
}

# Computed by PyRadiomics 3.0.1 for `patchy_lesion`: the features without a reference value, and one of each class.
SHAPE_OF_PYRADIOMICS = {
    "shape2D_Elongation": 0.756070421,
    "shape2D_MajorAxisLength": 15.35956463,
    "shape2D_MaximumDiameter": 17.49285568,
    "shape2D_MeshSurface": 132,
    "shape2D_MinorAxisLength": 11.6129125,
    "shape2D_Perimeter": 54.28427125,
    "shape2D_PerimeterSurfaceRatio": 0.4112444791,
    "shape2D_PixelSurface": 133,
    "shape2D_Sphericity": 0.7502705259,
}
TEXTURE_OF_PYRADIOMICS = {
    "bin_width": {
        "firstorder_Entropy": 3.325315387,
        "firstorder_TotalEnergy": 2555532,
        "glcm_MCC": 0.7161104828,
        "glrlm_RunEntropy": 3.759640302,
        "glszm_ZoneVariance": 3.515614727,
        "gldm_DependenceEntropy": 4.727365708,
        "ngtdm_Busyness": 0.4831307762,
    },
    "n_bins": {
        "firstorder_Entropy": 3.302681706,
        "firstorder_TotalEnergy": 2555532,
        "glcm_MCC": 0.7163667594,
        "glrlm_RunEntropy": 3.751694692,
        "glszm_ZoneVariance": 3.292763158,
        "gldm_DependenceEntropy": 4.74084961,
        "ngtdm_Busyness": 0.6709650692,
    },
}


def gray_lesion(values, mask=None, **arguments):
    """Return a lesion whose three channels are the same; 0 is outside without a mask."""
    values = np.asarray(values, dtype=np.uint8)
    mask = values > 0 if mask is None else mask
    return Lesion(np.repeat(values[..., np.newaxis], 3, axis=-1), mask, **arguments)


def measure(*lesions, **parameters):
    return RadiomicsFeatures(**parameters).set_output(transform="pandas").fit_transform(lesions)


def measure_one(lesion, **parameters):
    return {name.removeprefix("gray_"): value for name, value in measure(lesion, **parameters).iloc[0].items()}


@pytest.fixture(scope="module")
def patchy_lesion():
    """Make a lesion with a hole, a part that touches at a corner, and all gray levels."""
    y, x = np.mgrid[:14, :18]
    mask = ((y - 6) / 5.5) ** 2 + ((x - 8) / 7.5) ** 2 <= 1
    mask[5:7, 9] = False
    mask[0, 0] = mask[1, 1] = True
    return gray_lesion((7 * y * x + 13 * y + 5 * x**2) // 3 % 255 + 1, mask)


def test_textures_of_the_phantom():
    table = measure(*map(gray_lesion, PHANTOM), features=list(TEXTURE_REFERENCE), bin_width=1)
    found = {name.removeprefix("gray_"): float(f"{value:.3g}") for name, value in table.mean().items()}
    assert found == TEXTURE_REFERENCE
    without_reference = set(RadiomicsFeatures.FEATURES) - set(TEXTURE_REFERENCE)
    assert {name for name in without_reference if not name.startswith(("shape2D", "firstorder"))} == {"glcm_MCC"}


def test_first_order_of_the_phantom():
    volume = gray_lesion(PHANTOM.reshape(-1, 5))  # these features do not depend on the positions of the pixels
    found = measure_one(volume, features="firstorder", bin_width=1)
    found["firstorder_Kurtosis"] -= 3
    assert found.pop("firstorder_TotalEnergy") == found["firstorder_Energy"]
    rounded = {name.removeprefix("firstorder_"): float(f"{value:.3g}") for name, value in found.items()}
    assert rounded == FIRST_ORDER_REFERENCE


@pytest.mark.parametrize(("name", "value"), [("bin_width", 25), ("n_bins", 10)])
def test_values_of_pyradiomics(patchy_lesion, name, value):
    expected = SHAPE_OF_PYRADIOMICS | TEXTURE_OF_PYRADIOMICS[name]
    found = measure_one(patchy_lesion, features=list(expected), **{name: value})
    assert found == pytest.approx(expected, rel=1e-8)


def test_levels_start_at_multiples_of_the_bin_width():
    values = np.array([54.0, 74, 75, 99, 100, 166])
    np.testing.assert_array_equal(number_levels(values, bin_width=25, n_bins=None), [1, 1, 2, 2, 3, 5])
    np.testing.assert_array_equal(number_levels(-values, bin_width=25, n_bins=None), [5, 5, 5, 4, 4, 1])


def test_levels_of_equal_number():
    values = np.array([0.0, 1, 2, 3, 4, 8])
    np.testing.assert_array_equal(number_levels(values, bin_width=25, n_bins=4), [1, 1, 2, 2, 3, 4])
    np.testing.assert_array_equal(number_levels(np.full(3, 7.0), bin_width=25, n_bins=4), [3, 3, 3])


def test_matrices_of_an_example():
    mask = np.ones((2, 4), dtype=bool)
    matrices = LevelMatrices(np.array([1, 1, 3, 3, 1, 3, 3, 1]), mask)
    np.testing.assert_array_equal(matrices.levels, [1, 3])
    np.testing.assert_array_equal(matrices.counts, [4, 4])
    across = matrices.pairs[0]  # 1-1, 1-3, 3-3, 1-3, 3-3, 3-1
    np.testing.assert_allclose(across, np.array([[2, 3], [3, 4]]) / 12)
    np.testing.assert_array_equal(matrices.runs[0], [[2, 1, 0, 0], [0, 2, 0, 0]])
    zones, sizes = matrices.zones  # the two zones of level 1 do not touch
    np.testing.assert_array_equal(sizes, [1, 3, 4])
    np.testing.assert_array_equal(zones, [[1, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(matrices.dependences.sum(axis=1), [4, 4])


def test_every_pixel_is_in_one_run_of_each_direction():
    random = np.random.default_rng(0)
    mask = random.random((17, 23)) < 0.6
    matrices = LevelMatrices(random.integers(1, 4, mask.sum()), mask)
    lengths = np.arange(1, matrices.runs.shape[2] + 1)
    np.testing.assert_array_equal(matrices.runs.sum(axis=1) @ lengths, np.full(4, mask.sum()))


def test_quarter_turns_and_mirror_images(patchy_lesion):
    image, mask = patchy_lesion.image, patchy_lesion.mask
    table = measure(*(Lesion(turn(image), turn(mask)) for turn in (np.array, np.rot90, np.flipud, np.fliplr)))
    np.testing.assert_allclose(table, np.broadcast_to(table.iloc[:1], table.shape), rtol=1e-9)


def test_lengths_are_in_pixels_of_the_source(patchy_lesion):
    twice = gray_lesion(patchy_lesion.image[..., 0], patchy_lesion.mask, source_shape=(28, 36))
    ratio = measure(twice).iloc[0] / measure(patchy_lesion).iloc[0]
    expected = dict.fromkeys(ratio.index, 1.0)
    expected |= dict.fromkeys(("shape2D_MeshSurface", "shape2D_PixelSurface", "gray_firstorder_TotalEnergy"), 4.0)
    lengths = ("MajorAxisLength", "MinorAxisLength", "MaximumDiameter", "Perimeter")
    expected |= {f"shape2D_{name}": 2.0 for name in lengths} | {"shape2D_PerimeterSurfaceRatio": 0.5}
    assert ratio.to_dict() == pytest.approx(expected)


def test_channels():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    mask = random.random((9, 11)) < 0.5
    table = measure(Lesion(image, mask), features=["firstorder_Mean"], channels=RadiomicsFeatures.CHANNELS)
    gray = np.asarray(Image.fromarray(image).convert("L"))[mask].mean()
    expected = [gray, *image[mask].mean(axis=0), *rgb2lab(image)[mask].mean(axis=0)]
    np.testing.assert_allclose(table.iloc[0], expected, atol=0.06)
    assert table.iloc[0, 0] == pytest.approx(gray, rel=1e-12)


def test_names():
    radiomics = RadiomicsFeatures(["ngtdm", "shape2D_Perimeter", "glcm_MCC"], channels=["red", "a"])
    tones = [f"ngtdm_{name}" for name in ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")]
    first = [*(f"red_{name}" for name in tones), "shape2D_Perimeter", "red_glcm_MCC"]
    assert list(radiomics.get_feature_names_out()) == [*first, *(f"a_{name}" for name in tones), "a_glcm_MCC"]
    assert len(RadiomicsFeatures().get_feature_names_out()) == 102
    assert list(RadiomicsFeatures("glrlm").get_feature_names_out()[[0, -1]]) == [
        "gray_glrlm_GrayLevelNonUniformity",
        "gray_glrlm_ShortRunLowGrayLevelEmphasis",
    ]


def test_single_pixel():
    mask = np.zeros((5, 6), dtype=bool)
    mask[2, 3] = True
    found = measure_one(gray_lesion(np.full((5, 6), 90), mask))
    unknown = {name for name, value in found.items() if np.isnan(value)}
    assert unknown == {"shape2D_Elongation"} | {n for n in found if n.startswith(("glcm", "glrlm"))}
    assert (found["shape2D_MeshSurface"], found["firstorder_Mean"], found["glszm_ZonePercentage"]) == (0.5, 90, 1)


def test_single_row_and_separate_pixels():
    row, far, apart = np.zeros((3, 5, 7), dtype=bool)
    row[2], far[2, [1, 4]], apart[1, 1], apart[2, 4] = True, True, True, True
    values = np.arange(5 * 7).reshape(5, 7) * 7
    assert np.isfinite(list(measure_one(gray_lesion(values, row)).values())).all()
    # The mean over directions has one direction, as the pixels lie in one row.
    found = measure_one(gray_lesion(values, far), features=["glcm_Contrast", "glrlm_RunPercentage"])
    assert found == pytest.approx({"glcm_Contrast": np.nan, "glrlm_RunPercentage": 1}, nan_ok=True)
    assert np.isnan(measure_one(gray_lesion(values, apart), features=["glrlm_RunPercentage"])["glrlm_RunPercentage"])


def test_single_gray_level():
    found = measure_one(gray_lesion(np.full((6, 7), 100), np.ones((6, 7), dtype=bool)))
    assert np.isfinite(list(found.values())).all()
    ones = (
        "glcm_Correlation",
        "glcm_MCC",
        "glcm_JointEnergy",
        "firstorder_Uniformity",
        "glszm_LowGrayLevelZoneEmphasis",
    )
    assert {found[name] for name in ones} == {1}
    zeros = ("firstorder_Kurtosis", "glcm_Contrast", "glcm_Imc1", "glcm_Imc2", "ngtdm_Contrast", "ngtdm_Busyness")
    assert {round(found[name], 12) for name in zeros} == {0}
    assert found["ngtdm_Coarseness"] == 1e6


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": "grey"}, "channels must be a name or a list of names, .* got 'grey'. Known are gray, red"),
        ({"channels": ["red", "red"]}, "channels must be a name or a list of names, each of them once"),
        ({"channels": []}, "channels must be"),
        ({"features": ["glcm", "glcm_MCC"]}, "features must hold at least one name, each of them once"),
        ({"features": ["original_glcm_MCC"]}, "features must be known names"),
        ({"features": "haralick"}, "features must be 'all', 'shape2D', 'firstorder'"),
        ({"bin_width": 0.5}, "bin_width"),
        ({"n_bins": 257}, "n_bins"),
    ],
)
def test_wrong_parameters(patchy_lesion, parameters, message):
    with pytest.raises(ValueError, match=message):
        RadiomicsFeatures(**parameters).fit([patchy_lesion])
