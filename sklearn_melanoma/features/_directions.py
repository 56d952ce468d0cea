"""What dermatologists know of the features: whether more of one speaks for a melanoma or against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn_melanoma.features._abcd import ABCD_FEATURES
from sklearn_melanoma.features._color import COLOR_FEATURES
from sklearn_melanoma.features._shape import SHAPE_FEATURES
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

# (direction, source, names), each where the source says so of what the measure measures; what is not here is unknown.
_KNOWN: tuple[tuple[int, str, str], ...] = (
    (1, _ABBASI, "area max_span perimeter min_feret_diameter equivalent_diameter mean_feret_diameter rectangle_length"),
    (1, _ABBASI, "rectangle_width hull_area major_axis_length minor_axis_length inscribed_radius"),
    (1, _NACHBAR, "asymmetry_major asymmetry_minor color_asymmetry_major color_asymmetry_minor"),
    (1, _CLARIDGE, "compactness fractal_dimension box_counting_dimension"),
    (1, _LEE, "radial_variance fourier_3 fourier_4 fourier_5 fourier_6 protrusion_share indentation_share"),
    (1, _LEE, "largest_irregularity indentation_depth"),
    (-1, _LEE, "convexity solidity inscribed_ratio"),
    (1, _ABBASI, "lightness_std a_std b_std chroma_std lightness_iqr a_iqr b_iqr hue_spread color_entropy"),
    (1, _ABBASI, "fine_color_entropy red_ratio_std green_ratio_std blue_ratio_std saturation_std"),
    (1, _NACHBAR, "n_colors white_share red_share dark_brown_share blue_grey_share black_share"),
    (-1, _MENZIES, "light_brown_share"),
    (1, _MENZIES, "blue_white_veil_share"),
    (1, _NACHBAR, "border_sharpness_mean border_sharpness_std"),
    (1, _ARGENZIANO, "n_dots n_globules rim_line_share"),
    (1, _NACHBAR, "structureless_share"),
    (-1, _ARGENZIANO, "network_regularity"),
    (1, _NACHBAR, " ".join(ABCD_FEATURES)),
)

_MEANINGS = {1: "more means worse", -1: "less means worse", 0: "unknown"}


def feature_directions() -> pd.DataFrame:
    """Return for every feature whether more of it speaks for a melanoma, and who says so.

    The directions are those of the literature, none was looked up in data.

    Returns
    -------
    DataFrame
        A row for each feature of the package's hand-made families, by name, with the columns
        ``direction`` (1 more means worse, -1 less means worse, 0 unknown), ``meaning`` (the
        same in words) and ``source`` (empty where unknown). The column ``direction`` is
        a mapping from name to number.

    See Also
    --------
    AbcdFeatures : The score that dermatologists make of a few of them.

    Examples
    --------
    >>> from sklearn_melanoma.features import feature_directions
    >>> directions = feature_directions()
    >>> directions.loc[["asymmetry_major", "solidity", "skin_a"], ["direction", "meaning"]]
                     direction           meaning
    asymmetry_major          1  more means worse
    solidity                -1  less means worse
    skin_a                   0           unknown
    """
    import pandas as pd

    known = {name: (direction, source) for direction, source, names in _KNOWN for name in names.split()}
    names = (*SHAPE_FEATURES, *COLOR_FEATURES, *TEXTURE_FEATURES, *STRUCTURE_FEATURES, *ABCD_FEATURES)
    found = [known.get(name, (0, "")) for name in names]
    directions = [direction for direction, _ in found]
    return pd.DataFrame(
        {
            "direction": directions,
            "meaning": [_MEANINGS[direction] for direction in directions],
            "source": [source for _, source in found],
        },
        index=list(names),
    )
