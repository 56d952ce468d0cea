"""Texture features of PyRadiomics, from texture matrices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._typing import Array
from sklearn_melanoma.features._radiomics_matrices import LevelMatrices

# PyRadiomics adds this number to the argument of each logarithm.
_EPSILON = np.spacing(1)
# PyRadiomics' coarseness of a lesion without any difference.
_MAX_COARSENESS = 1e6

# Names of the features of a table of gray levels and sizes. A size is the length of a run, the area of a zone, or the
# number of dependent pixels.
_RUN_NAMES = {
    "small": "ShortRunEmphasis",
    "large": "LongRunEmphasis",
    "low": "LowGrayLevelRunEmphasis",
    "high": "HighGrayLevelRunEmphasis",
    "small_low": "ShortRunLowGrayLevelEmphasis",
    "small_high": "ShortRunHighGrayLevelEmphasis",
    "large_low": "LongRunLowGrayLevelEmphasis",
    "large_high": "LongRunHighGrayLevelEmphasis",
    "level_non_uniformity": "GrayLevelNonUniformity",
    "level_non_uniformity_normalized": "GrayLevelNonUniformityNormalized",
    "size_non_uniformity": "RunLengthNonUniformity",
    "size_non_uniformity_normalized": "RunLengthNonUniformityNormalized",
    "fraction": "RunPercentage",
    "level_variance": "GrayLevelVariance",
    "size_variance": "RunVariance",
    "entropy": "RunEntropy",
}
_ZONE_NAMES = _RUN_NAMES | {
    "small": "SmallAreaEmphasis",
    "large": "LargeAreaEmphasis",
    "low": "LowGrayLevelZoneEmphasis",
    "high": "HighGrayLevelZoneEmphasis",
    "small_low": "SmallAreaLowGrayLevelEmphasis",
    "small_high": "SmallAreaHighGrayLevelEmphasis",
    "large_low": "LargeAreaLowGrayLevelEmphasis",
    "large_high": "LargeAreaHighGrayLevelEmphasis",
    "size_non_uniformity": "SizeZoneNonUniformity",
    "size_non_uniformity_normalized": "SizeZoneNonUniformityNormalized",
    "fraction": "ZonePercentage",
    "size_variance": "ZoneVariance",
    "entropy": "ZoneEntropy",
}
_DEPENDENCE_NAMES = {
    "small": "SmallDependenceEmphasis",
    "large": "LargeDependenceEmphasis",
    "low": "LowGrayLevelEmphasis",
    "high": "HighGrayLevelEmphasis",
    "small_low": "SmallDependenceLowGrayLevelEmphasis",
    "small_high": "SmallDependenceHighGrayLevelEmphasis",
    "large_low": "LargeDependenceLowGrayLevelEmphasis",
    "large_high": "LargeDependenceHighGrayLevelEmphasis",
    "level_non_uniformity": "GrayLevelNonUniformity",
    "size_non_uniformity": "DependenceNonUniformity",
    "size_non_uniformity_normalized": "DependenceNonUniformityNormalized",
    "level_variance": "GrayLevelVariance",
    "size_variance": "DependenceVariance",
    "entropy": "DependenceEntropy",
}
#: Names of the features of each class of textures, in the order of PyRadiomics.
TEXTURE_NAMES = {
    "glcm": (
        *("Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast", "Correlation"),
        *("DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm", "Idmn", "Idn", "Imc1", "Imc2"),
        *("InverseVariance", "JointAverage", "JointEnergy", "JointEntropy", "MCC", "MaximumProbability", "SumAverage"),
        *("SumEntropy", "SumSquares"),
    ),
    "glrlm": tuple(sorted(_RUN_NAMES.values())),
    "glszm": tuple(sorted(_ZONE_NAMES.values())),
    "gldm": tuple(sorted(_DEPENDENCE_NAMES.values())),
    "ngtdm": ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength"),
}


def measure_pairs(matrices: LevelMatrices) -> dict[str, float]:
    """Return the features of the gray level co-occurrence matrix, means over the directions.

    All are NaN if no pixel of the mask has a neighbor in it.
    """
    table, levels = matrices.pairs, matrices.levels
    margin = table.sum(axis=2)
    means = margin @ levels
    centered = levels - means[:, np.newaxis]
    variances = (margin * centered**2).sum(axis=1)
    covariances = np.einsum("dij,di,dj->d", table, centered, centered)
    found = {
        "Autocorrelation": np.einsum("dij,i,j->d", table, levels, levels),
        "Correlation": np.divide(covariances, variances, out=np.ones(len(table)), where=variances > _EPSILON),
        "JointAverage": means,
        "JointEnergy": (table**2).sum(axis=(1, 2)),
        "MCC": _find_maximal_correlations(table, margin),
        "MaximumProbability": table.max(axis=(1, 2)),
        "SumSquares": variances,
        **_measure_sums_and_differences(table, levels),
        **_measure_information(table, margin),
    }
    return {name: float(values.mean()) if len(table) else np.nan for name, values in found.items()}


def _measure_sums_and_differences(table: Array, levels: Array) -> dict[str, Array]:
    """Return the features of the distributions of the sum and of the difference of the two levels."""
    numbers = levels.astype(np.intp)
    n_levels = int(numbers[-1])  # the largest level: levels that do not occur count, too
    both = numbers[:, np.newaxis] + numbers
    between = np.abs(numbers[:, np.newaxis] - numbers)
    of_sum = _sum_by_index(table, both, 2 * n_levels + 1)
    of_difference = _sum_by_index(table, between, n_levels)
    steps = np.arange(n_levels, dtype=np.float64)
    mean = of_difference @ steps
    totals = np.arange(2 * n_levels + 1, dtype=np.float64)
    sum_mean = of_sum @ totals
    centered = totals - sum_mean[:, np.newaxis]
    return {
        "ClusterProminence": (of_sum * centered**4).sum(axis=1),
        "ClusterShade": (of_sum * centered**3).sum(axis=1),
        "ClusterTendency": (of_sum * centered**2).sum(axis=1),
        "Contrast": of_difference @ steps**2,
        "DifferenceAverage": mean,
        "DifferenceEntropy": _compute_entropy(of_difference),
        "DifferenceVariance": (of_difference * (steps - mean[:, np.newaxis]) ** 2).sum(axis=1),
        "Id": of_difference @ (1 / (1 + steps)),
        "Idm": of_difference @ (1 / (1 + steps**2)),
        "Idmn": of_difference @ (1 / (1 + (steps / n_levels) ** 2)),
        "Idn": of_difference @ (1 / (1 + steps / n_levels)),
        "InverseVariance": of_difference[:, 1:] @ (1 / steps[1:] ** 2),
        "SumAverage": sum_mean,
        "SumEntropy": _compute_entropy(of_sum),
    }


def _measure_information(table: Array, margin: Array) -> dict[str, Array]:
    """Return the joint entropy and the two informational measures of correlation."""
    independent = margin[:, :, np.newaxis] * margin[:, np.newaxis]
    logarithms = np.log2(independent + _EPSILON)
    joint = _compute_entropy(table)
    single = _compute_entropy(margin)
    excess = joint + (table * logarithms).sum(axis=(1, 2))
    missing = np.maximum(-(independent * logarithms).sum(axis=(1, 2)) - joint, 0)
    return {
        "Imc1": np.divide(excess, single, out=np.zeros(len(table)), where=single > _EPSILON),
        "Imc2": np.sqrt(1 - np.exp(-2 * missing)),
        "JointEntropy": joint,
    }


def _find_maximal_correlations(table: Array, margin: Array) -> Array:
    """Return the maximal correlation coefficient in each direction; 1 for a single level.

    It is the root of the second eigenvalue of PyRadiomics' matrix Q. For a symmetric table, Q is similar (in the sense
    of matrices) to the square of the table divided by the roots of its margins.
    """
    if table.shape[1] < 2:
        return np.ones(len(table))
    roots = np.sqrt(np.where(margin > 0, margin, 1))
    scaled = table / (roots[:, :, np.newaxis] * roots[:, np.newaxis])
    return np.sort(np.abs(np.linalg.eigvalsh(scaled)), axis=1)[:, -2]


def measure_runs(matrices: LevelMatrices) -> dict[str, float]:
    """Return the features of the gray level run length matrix, means over the directions.

    All are NaN for a mask of one pixel, which has no direction.
    """
    lengths = np.arange(1, matrices.runs.shape[2] + 1, dtype=np.float64)
    return _measure_sizes(matrices.runs, matrices.levels, lengths, _RUN_NAMES)


def measure_zones(matrices: LevelMatrices) -> dict[str, float]:
    """Return the features of the gray level size zone matrix."""
    table, sizes = matrices.zones
    return _measure_sizes(table[np.newaxis], matrices.levels, sizes, _ZONE_NAMES)


def measure_dependences(matrices: LevelMatrices) -> dict[str, float]:
    """Return the features of the gray level dependence matrix."""
    sizes = np.arange(1, 10, dtype=np.float64)
    return _measure_sizes(matrices.dependences[np.newaxis], matrices.levels, sizes, _DEPENDENCE_NAMES)


def _measure_sizes(table: Array, levels: Array, sizes: Array, names: Mapping[str, str]) -> dict[str, float]:
    """Return the features of tables of levels and sizes, means over the first axis; NaN if it is empty."""
    total = table.sum(axis=(1, 2))
    of_level, of_size = table.sum(axis=2) / total[:, np.newaxis], table.sum(axis=1) / total[:, np.newaxis]
    level_weights = {"low": levels**-2, "high": levels**2}
    size_weights = {"small": sizes**-2, "large": sizes**2}
    found = {
        **{name: of_level @ weights for name, weights in level_weights.items()},
        **{name: of_size @ weights for name, weights in size_weights.items()},
        **{
            f"{size}_{level}": (table @ of_sizes @ of_levels) / total
            for size, of_sizes in size_weights.items()
            for level, of_levels in level_weights.items()
        },
        "level_non_uniformity": (of_level**2).sum(axis=1) * total,
        "level_non_uniformity_normalized": (of_level**2).sum(axis=1),
        "size_non_uniformity": (of_size**2).sum(axis=1) * total,
        "size_non_uniformity_normalized": (of_size**2).sum(axis=1),
        "fraction": 1 / (of_size @ sizes),
        "level_variance": _compute_variance(of_level, levels),
        "size_variance": _compute_variance(of_size, sizes),
        "entropy": _compute_entropy(table / total[:, np.newaxis, np.newaxis]),
    }
    return {name: float(found[key].mean()) if len(table) else np.nan for key, name in names.items()}


def measure_differences(matrices: LevelMatrices) -> dict[str, float]:
    """Return the features of the neighboring gray tone difference matrix."""
    levels, sums = matrices.levels, matrices.differences
    area, total = float(matrices.counts.sum()), float(sums.sum())
    n_levels = len(levels)
    fractions = matrices.counts / area
    weighted = fractions * sums
    distances = np.abs(levels[:, np.newaxis] - levels)
    both = fractions[:, np.newaxis] + fractions
    spread = np.abs((levels * fractions)[:, np.newaxis] - levels * fractions).sum()
    squares = float(fractions @ distances**2 @ fractions)
    return {
        "Busyness": float(weighted.sum() / spread) if spread else 0.0,
        "Coarseness": float(1 / weighted.sum()) if total else _MAX_COARSENESS,
        "Complexity": float((distances * (weighted[:, np.newaxis] + weighted) / both).sum() / area),
        "Contrast": squares * total / area / (n_levels * (n_levels - 1)) if n_levels > 1 else 0.0,
        "Strength": float((both * distances**2).sum() / total) if total else 0.0,
    }


def _sum_by_index(table: Array, index: NDArray[np.intp], length: int) -> Array:
    """Return the sum of the entries with each index, of shape (n_directions, length)."""
    flat = index.ravel()
    sums = [np.bincount(flat, entries.ravel(), minlength=length) for entries in table]
    return np.array(sums, dtype=np.float64).reshape(-1, length)


def _compute_entropy(fractions: Array) -> Array:
    """Return the entropy in bits along all axes but the first."""
    return -(fractions * np.log2(fractions + _EPSILON)).sum(axis=tuple(range(1, fractions.ndim)))


def _compute_variance(fractions: Array, values: Array) -> Array:
    deviations = values - (fractions @ values)[:, np.newaxis]
    return (fractions * deviations**2).sum(axis=1)
