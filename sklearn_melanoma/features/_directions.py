"""Expected directions of the features: whether higher values suggest a melanoma."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn_melanoma.features._abcd import ABCD_FEATURES
from sklearn_melanoma.features._color import COLOR_FEATURES
from sklearn_melanoma.features._diagnoses import describe_diagnoses, find_diagnosis_by_code
from sklearn_melanoma.features._morphology import MORPHOLOGY_FEATURES
from sklearn_melanoma.features._structures import STRUCTURE_FEATURES
from sklearn_melanoma.features._texture import TEXTURE_FEATURES

if TYPE_CHECKING:
    import pandas as pd

_NACHBAR = "F. Nachbar et al., The ABCD rule of dermatoscopy, J. Am. Acad. Dermatol. 30, 551-559, 1994"
_ARGENZIANO = (
    "G. Argenziano et al., Epiluminescence microscopy for the diagnosis of doubtful melanocytic skin lesions, "
    "Arch. Dermatol. 134, 1563-1570, 1998"
)
_MENZIES = (
    "S. W. Menzies et al., Frequency and morphologic characteristics of invasive melanomas lacking specific surface "
    "microscopic features, Arch. Dermatol. 132, 1178-1182, 1996"
)
_ABBASI = (
    "N. R. Abbasi et al., Early diagnosis of cutaneous melanoma: revisiting the ABCD criteria, "
    "JAMA 292, 2771-2776, 2004"
)
_LEE = (
    "T. K. Lee et al., Irregularity index: a new border irregularity measure for cutaneous melanocytic lesions, "
    "Med. Image Anal. 7, 47-64, 2003"
)
_CLARIDGE = (
    "E. Claridge et al., Shape analysis for classification of malignant melanoma, J. Biomed. Eng. 14, 229-234, 1992"
)
_ENGLISH = (
    "D. R. English et al., Factors influencing the number needed to excise: excision rates of pigmented lesions by "
    "general practitioners, Med. J. Aust. 180, 16-19, 2004"
)

# Rows of (criterion, direction, source, names). The features measure a criterion of dermatologists, and the source
# gives its direction. Other features have no known direction.
_KNOWN: tuple[tuple[str, int, str, str], ...] = (
    ("size", 1, _ABBASI, "area max_span perimeter min_feret_diameter equivalent_diameter mean_feret_diameter"),
    (
        "size",
        1,
        _ABBASI,
        "hull_area rectangle_length rectangle_width major_axis_length minor_axis_length inscribed_radius",
    ),
    ("asymmetry", 1, _NACHBAR, "asymmetry_major asymmetry_minor color_asymmetry_major color_asymmetry_minor"),
    ("asymmetry", 1, _NACHBAR, "abcd_asymmetry"),
    ("irregular border", 1, _CLARIDGE, "compactness fractal_dimension box_counting_dimension"),
    ("irregular border", 1, _LEE, "radial_variance fourier_3 fourier_4 fourier_5 fourier_6 protrusion_fraction"),
    ("irregular border", 1, _LEE, "indentation_fraction largest_irregularity indentation_depth"),
    ("irregular border", -1, _LEE, "convexity solidity inscribed_ratio"),
    ("abrupt border", 1, _NACHBAR, "border_sharpness_mean border_sharpness_std abcd_border"),
    ("variegation", 1, _ABBASI, "lightness_std a_std b_std chroma_std lightness_iqr a_iqr b_iqr hue_spread"),
    ("variegation", 1, _ABBASI, "color_entropy fine_color_entropy red_ratio_std green_ratio_std blue_ratio_std"),
    ("variegation", 1, _ABBASI, "saturation_std lightness_std_zone_1 lightness_std_zone_2 lightness_std_zone_3"),
    ("variegation", 1, _ABBASI, "lightness_std_zone_4 a_std_zone_1 a_std_zone_2 a_std_zone_3 a_std_zone_4"),
    ("variegation", 1, _ABBASI, "b_std_zone_1 b_std_zone_2 b_std_zone_3 b_std_zone_4"),
    (
        "colors",
        1,
        _NACHBAR,
        "n_colors white_fraction red_fraction dark_brown_fraction blue_gray_fraction black_fraction abcd_colors",
    ),
    ("colors", -1, _MENZIES, "light_brown_fraction"),
    ("blue-white veil", 1, _MENZIES, "blue_white_veil_fraction"),
    ("structures", 1, _ARGENZIANO, "n_dots n_globules rim_line_fraction"),
    ("structures", 1, _NACHBAR, "structureless_fraction abcd_structures"),
    ("structures", -1, _ARGENZIANO, "network_regularity"),
    ("whole score", 1, _NACHBAR, "total_dermoscopy_score"),
    ("age", 1, _ENGLISH, "age"),
)


def feature_directions(diagnosis: str = "melanoma") -> pd.DataFrame:
    """Return the expected direction of every feature: whether higher values suggest a melanoma, or another diagnosis.

    The directions are from the literature; none was estimated from data. Dermatologists assess criteria, such as
    asymmetry or size. Each criterion has the same weight, divided equally among its features. Otherwise, size with its
    twelve features would count more than the blue-white veil with its one feature.

    Parameters
    ----------
    diagnosis : str, default="melanoma"
        Diagnosis that the directions distinguish from all others: "nevus", "melanoma", "basal cell carcinoma", "actinic
        keratosis", "benign keratosis", "dermatofibroma", "vascular lesion" or "squamous cell carcinoma". Its code in
        HAM10000 and the ISIC challenges, such as "bcc", can be used, too. "actinic keratosis" includes intraepithelial
        carcinoma. "benign keratosis" is seborrheic keratosis, solar lentigo and lichen-planus-like keratosis.

    Returns
    -------
    DataFrame
        One row for each feature of the default pipeline, and one for the age of the patient, indexed by name. The
        column ``direction`` is 1 (higher values suggest the diagnosis), -1 (lower values suggest it) or 0 (unknown).
        ``meaning`` says the same in words. ``criterion`` is the criterion that the feature measures. ``weight`` is the
        direction divided by the number of features of the criterion. ``source`` is the reference. The last three are
        empty or 0 if the direction is unknown. The columns ``direction`` and ``weight`` can be used as mappings from
        name to number.

    Raises
    ------
    ValueError
        If `diagnosis` is not known.

    See Also
    --------
    AbcdFeatures : The scores that dermatologists derive from a few criteria.

    Examples
    --------
    >>> from sklearn_melanoma.features import feature_directions
    >>> directions = feature_directions()
    >>> directions.loc[["asymmetry_major", "solidity", "skin_a"], ["meaning", "criterion", "weight"]].round(2)
                              meaning         criterion  weight
    asymmetry_major  more means worse         asymmetry    0.20
    solidity         less means worse  irregular border   -0.07
    skin_a                    unknown                      0.00
    >>> feature_directions("bcc").loc[["blue_gray_fraction", "b_contrast"], ["criterion", "direction"]]
                        criterion  direction
    blue_gray_fraction  blue-gray          1
    b_contrast              brown         -1
    """
    import pandas as pd

    diagnosis = find_diagnosis_by_code(diagnosis)
    rows = describe_diagnoses(_KNOWN)[diagnosis]
    known = [(name, *row) for *row, names in rows for name in names.split()]
    table = pd.DataFrame(known, columns=["name", "criterion", "direction", "source"]).set_index("name")
    table["weight"] = table["direction"] / table.groupby("criterion")["direction"].transform("size")
    names = [*MORPHOLOGY_FEATURES, *COLOR_FEATURES, *TEXTURE_FEATURES, *STRUCTURE_FEATURES, *ABCD_FEATURES, "age"]
    unknown = {"direction": 0, "criterion": "", "weight": 0.0, "source": ""}
    table = table.reindex(names).fillna(unknown).astype({"direction": int}).rename_axis(None)
    more, less = ("more means worse", "less means worse") if diagnosis == "melanoma" else ("more likely", "less likely")
    table["meaning"] = table["direction"].map({1: more, -1: less, 0: "unknown"})
    return table[["direction", "meaning", "criterion", "weight", "source"]]
