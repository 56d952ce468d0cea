"""Expected directions of the features for diagnoses other than melanoma."""

from __future__ import annotations

_HOFMANN = (
    "R. Hofmann-Wellenhof et al., Dermoscopic classification of atypical melanocytic nevi (Clark nevi), "
    "Arch. Dermatol. 137, 1575-1580, 2001"
)
_MENZIES_BCC = (
    "S. W. Menzies et al., Surface microscopy of pigmented basal cell carcinoma, Arch. Dermatol. 136, 1012-1016, 2000"
)
_ALTAMURA = (
    "D. Altamura et al., Dermatoscopy of basal cell carcinoma: morphologic variability of global and local features "
    "and accuracy of diagnosis, J. Am. Acad. Dermatol. 62, 67-75, 2010"
)
_ZALAUDEK = (
    "I. Zalaudek et al., Dermoscopy of facial actinic keratosis, intraepidermal carcinoma, and invasive squamous cell "
    "carcinoma: a progression model, J. Am. Acad. Dermatol. 66, 589-597, 2012"
)
_AKAY = (
    "B. N. Akay et al., Dermatoscopy of flat pigmented facial lesions: diagnostic challenge between pigmented actinic "
    "keratosis and lentigo maligna, Br. J. Dermatol. 163, 1212-1217, 2010"
)
_BRAUN = (
    "R. P. Braun et al., Dermoscopy of pigmented seborrheic keratosis: a morphological study, "
    "Arch. Dermatol. 138, 1556-1560, 2002"
)
_ZABALLOS_DF = (
    "P. Zaballos et al., Dermoscopy of dermatofibromas: a prospective morphological study of 412 cases, "
    "Arch. Dermatol. 144, 75-83, 2008"
)
_WOLF = "I. H. Wolf, Dermoscopic diagnosis of vascular lesions, Clin. Dermatol. 20, 273-275, 2002"
_ROSENDAHL = (
    "C. Rosendahl et al., Dermoscopy of squamous cell carcinoma and keratoacanthoma, "
    "Arch. Dermatol. 148, 1386-1392, 2012"
)
_STAMATAS = (
    "G. N. Stamatas et al., Non-invasive measurements of skin pigmentation in situ, Pigment Cell Res. 17, 618-626, 2004"
)

#: Rows of (criterion, direction, source, names), as in the table for melanoma.
Known = tuple[tuple[str, int, str, str], ...]

_SIZE = (
    "area max_span perimeter min_feret_diameter equivalent_diameter mean_feret_diameter hull_area rectangle_length "
    "rectangle_width major_axis_length minor_axis_length inscribed_radius"
)
_IRREGULAR = (
    "compactness fractal_dimension box_counting_dimension radial_variance fourier_3 fourier_4 fourier_5 fourier_6 "
    "protrusion_fraction indentation_fraction largest_irregularity indentation_depth"
)
_REGULAR = "convexity solidity inscribed_ratio"
_LIGHTNESS = "lightness_contrast lightness_p25 lightness_p50"
_REDNESS = "a_contrast a_p50 a_p75"
_BROWN = "b_contrast b_p50"
_SHARPNESS = "border_sharpness_mean border_contrast_mean"


def _describe_red_hue(source: str) -> Known:
    """Return the rows of a hue that is closer to red than the hue of melanin, which raises both a* and b*."""
    return (("red hue", 1, source, "red_fraction"), ("red hue", -1, source, "hue_contrast"))


def _negate(rows: Known, criteria: set[str]) -> Known:
    """Return the rows of some criteria in the opposite direction."""
    return tuple((criterion, -sign, source, names) for criterion, sign, source, names in rows if criterion in criteria)


#: Criteria of melanoma that a nevus lacks.
_MISSING_IN_NEVI = {
    "asymmetry",
    "irregular border",
    "variegation",
    "colors",
    "blue-white veil",
    "structures",
    "whole score",
}


def describe_diagnoses(melanoma: Known) -> dict[str, Known]:
    """Return the known directions of all diagnoses.

    Parameters
    ----------
    melanoma : tuple of (criterion, direction, source, names)
        Rows of melanoma.

    Returns
    -------
    dict from str to tuple
        The rows by the name of the diagnosis.
    """
    return {
        "nevus": (*_negate(melanoma, _MISSING_IN_NEVI), ("brown", 1, _HOFMANN, _BROWN)),
        "melanoma": melanoma,
        "basal cell carcinoma": (
            ("blue-gray", 1, _MENZIES_BCC, "blue_gray_fraction"),
            *_describe_red_hue(_ALTAMURA),
            ("brown", -1, _MENZIES_BCC, f"{_BROWN} light_brown_fraction dark_brown_fraction"),
            ("white", 1, _ALTAMURA, "white_fraction"),
            ("pale", 1, _ALTAMURA, _LIGHTNESS),
        ),
        "actinic keratosis": (
            *_describe_red_hue(_ZALAUDEK),
            ("scale", 1, _ZALAUDEK, "white_fraction lightness_p95"),
            ("pale", 1, _ZALAUDEK, _LIGHTNESS),
            ("abrupt border", -1, _ZALAUDEK, _SHARPNESS),
            ("gray", 1, _AKAY, "blue_gray_fraction"),
        ),
        "benign keratosis": (
            ("bright spots", 1, _BRAUN, "bright_lines_2 bright_lines_4"),
            ("redness", -1, _BRAUN, f"{_REDNESS} red_fraction"),
            ("light brown", 1, _BRAUN, "light_brown_fraction"),
            ("indented border", 1, _BRAUN, "indentation_fraction indentation_depth"),
            ("dull color", -1, _BRAUN, "saturation_contrast"),
        ),
        "dermatofibroma": (
            ("white center", 1, _ZABALLOS_DF, "lightness_core_to_rim"),
            ("abrupt border", -1, _ZABALLOS_DF, _SHARPNESS),
            ("pale", 1, _ZABALLOS_DF, _LIGHTNESS),
            *_describe_red_hue(_ZABALLOS_DF),
        ),
        "vascular lesion": (
            ("redness", 1, _STAMATAS, _REDNESS),
            *_describe_red_hue(_WOLF),
            ("brown", -1, _WOLF, f"{_BROWN} light_brown_fraction dark_brown_fraction"),
            ("size", -1, _WOLF, _SIZE),
            ("abrupt border", 1, _WOLF, _SHARPNESS),
            ("irregular border", -1, _WOLF, _IRREGULAR),
            ("irregular border", 1, _WOLF, _REGULAR),
        ),
        "squamous cell carcinoma": (
            ("scale", 1, _ROSENDAHL, "white_fraction lightness_p95"),
            *_describe_red_hue(_ROSENDAHL),
            ("brown", -1, _ROSENDAHL, f"{_BROWN} light_brown_fraction dark_brown_fraction"),
            ("pale", 1, _ZALAUDEK, _LIGHTNESS),
        ),
    }


#: Names of the diagnoses with the codes of public data sets.
DIAGNOSES = {
    "nevus": ("nv", "nev"),
    "melanoma": ("mel",),
    "basal cell carcinoma": ("bcc",),
    "actinic keratosis": ("akiec", "ak", "ack"),
    "benign keratosis": ("bkl", "sk", "sek"),
    "dermatofibroma": ("df",),
    "vascular lesion": ("vasc",),
    "squamous cell carcinoma": ("scc",),
}


def find_diagnosis_by_code(diagnosis: str) -> str:
    """Return the name of a diagnosis from its name or its code in a public data set."""
    for name, codes in DIAGNOSES.items():
        if str(diagnosis).casefold() in (name, *codes):
            return name
    known = ", ".join(f"{name!r} ({codes[0]!r})" for name, codes in DIAGNOSES.items())
    raise ValueError(f"diagnosis must be one of {known}, got {diagnosis!r}. Write one of these.")
