from __future__ import annotations

import numpy as np
import pytest

from sklearn_melanoma.features import ColorFeatures, MorphologyFeatures
from sklearn_melanoma.semi_supervised._views import read_views

NAMES = ["hue", "area_mm2", "depth"]


def test_reads_names_and_positions():
    found = read_views({"a": ["depth", "no such", "area"], "b": range(2), "c": np.array([2])}, NAMES, 3)
    assert {view: columns.tolist() for view, columns in found.items()} == {"a": [1, 2], "b": [0, 1], "c": [2]}


def test_reads_feature_families():
    names = [*ColorFeatures.FEATURES, *MorphologyFeatures.FEATURES]
    views = {"morphology": MorphologyFeatures.FEATURES, "color": ColorFeatures.FEATURES}
    found = read_views(views, names, len(names))
    np.testing.assert_array_equal(found["color"], range(len(ColorFeatures.FEATURES)))
    np.testing.assert_array_equal(found["morphology"], range(len(ColorFeatures.FEATURES), len(names)))


@pytest.mark.parametrize(
    ("views", "names", "kind", "message"),
    [
        ({"a": [0]}, None, ValueError, r"views must be a mapping from at least two names to columns, got \{'a': \[0\]"),
        ([[0], [1]], None, ValueError, "views must be a mapping"),
        (
            {"a": ["hue"], "b": [0]},
            None,
            ValueError,
            r"views\['a'\] needs named columns, but the columns of X have no names\. Call",
        ),
        (
            {"a": [0], "b": ["x"]},
            NAMES,
            ValueError,
            r"views\['b'\] must name at least one of the columns .* got \['x'\], but",
        ),
        (
            {"a": [0], "b": [3]},
            NAMES,
            ValueError,
            r"views\['b'\] must be positions .* n_features=3, .* got 3 to 3\. Count",
        ),
        ({"a": [0], "b": [-1]}, NAMES, ValueError, "got -1 to -1"),
        (
            {"a": [0], "b": []},
            NAMES,
            TypeError,
            r"views\['b'\] must be a list of names or of positions of columns, got \[",
        ),
        ({"a": [0], "b": ["hue", 1]}, NAMES, TypeError, "must be a list of names or of positions"),
        ({"a": [0], "b": "hue"}, NAMES, TypeError, "must be a list of names or of positions"),
    ],
)
def test_invalid_views(views, names, kind, message):
    with pytest.raises(kind, match=message):
        read_views(views, names, 3)
