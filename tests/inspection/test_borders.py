"""Tests of the display of borders by its data, titles and labels."""

import sys

import numpy as np
import pytest

from sklearn_melanoma import Lesion
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import WatershedSegmenter


@pytest.fixture
def lesion():
    image = np.full((60, 80, 3), 200, dtype=np.uint8)
    mask = np.zeros((60, 80), dtype=bool)
    mask[20:40, 30:50] = True
    image[mask] = 90
    return Lesion(image, mask)


def test_titles_give_the_jaccard_index(lesion):
    half = lesion.mask.copy()
    half[30:] = False
    display = BorderDisplay.from_lesions([lesion, lesion, lesion.with_mask(half)], [lesion.mask, None, lesion.mask])
    assert [axes.get_title() for axes in display.axes_] == ["Jaccard 1.00", "", "Jaccard 0.50"]
    assert display.jaccard[0] == 1
    assert np.isnan(display.jaccard[1])
    assert "true border" in display.figure_.get_suptitle()


def test_title_without_a_found_lesion(lesion):
    display = BorderDisplay.from_lesions([lesion.with_mask(np.zeros((60, 80), dtype=bool)), lesion])
    assert display.axes_[0].get_title() == "no lesion found"
    assert [len(axes.collections) for axes in display.axes_] == [0, 1]
    assert display.figure_.get_suptitle() == "Found border"


def test_draws_the_border_of_the_mask(lesion):
    display = BorderDisplay.from_lesions([lesion])
    (outline,) = display.axes_[0].collections[0].get_paths()
    assert np.array_equal(outline.get_extents().get_points(), [[29.5, 19.5], [49.5, 39.5]])
    assert np.array_equal(display.axes_[0].images[0].get_array(), lesion.image)


def test_from_estimator_draws_the_found_border(lesion):
    segmenter = WatershedSegmenter(margin=0)
    display = BorderDisplay.from_estimator(segmenter, [lesion.image], [lesion.mask])
    assert display.jaccard == [mask_jaccard(lesion.mask, segmenter.predict([lesion.image])[0])]


def test_resizes_true_masks(lesion):
    truth = np.repeat(np.repeat(lesion.mask, 4, axis=0), 4, axis=1)
    assert BorderDisplay.from_lesions([lesion], [truth]).jaccard == [1.0]


def test_grid_has_one_axes_for_each_image(lesion):
    display = BorderDisplay.from_lesions([lesion] * 5, n_columns=2)
    assert len(display.axes_) == 5
    assert len(display.figure_.axes) == 6
    assert not display.figure_.axes[5].images


def test_errors_name_the_position_of_a_true_mask(lesion):
    with pytest.raises(ValueError, match=r"^y\[1\]: mask must have shape"):
        BorderDisplay.from_lesions([lesion, lesion], [None, np.zeros((3, 3, 3))])


def test_missing_matplotlib(lesion, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-melanoma\[plot\]'"):
        BorderDisplay.from_lesions([lesion])
