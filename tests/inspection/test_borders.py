"""Tests of the display of borders by its data, titles and labels."""

import sys

import numpy as np
import pandas as pd
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


def test_from_suspects_draws_the_worst_first(lesion):
    wrong, far = np.roll(lesion.mask, 10, axis=1), np.roll(lesion.mask, 15, axis=1)
    table = pd.DataFrame(
        {
            "image": [None, None, "c.png", None],
            "color_jaccard": [0.3, 0.9, 0.2, np.nan],
            "place_jaccard": [0.3, 0.9, 0.1, np.nan],
            "suspect": [True, False, True, False],
            "proposed": [lesion.mask, None, np.repeat(np.repeat(lesion.mask, 2, axis=0), 2, axis=1), None],
        }
    )
    images, masks = [lesion.image] * 4, [wrong, lesion.mask, far, None]
    display = BorderDisplay.from_suspects(table, images, masks)
    assert [axes.get_title() for axes in display.axes_] == ["2: Jaccard 0.14", "0: Jaccard 0.33"]
    assert display.figure_.get_suptitle() == "Proposed border (yellow) and given border (blue)"
    np.testing.assert_array_equal(display.true_masks[0], far)
    np.testing.assert_array_equal(display.lesions[0].mask, lesion.mask)
    assert len(BorderDisplay.from_suspects(table, images, masks, n_images=1).axes_) == 1
    assert not len(BorderDisplay.from_suspects(table.assign(suspect=False), images, masks).axes_)
    in_order = table.sort_values("place_jaccard")
    assert len(BorderDisplay.from_suspects(in_order, images, masks).axes_) == 2
    mistakes = [
        (table, masks[:2], "images and masks must have the same length, got 4 and 2"),
        (table[table["suspect"]], masks, r"table must have one row for each image, .* \[0, 2\]"),
        (table.set_index("color_jaccard", drop=False), masks, "with its position as index"),
        (table.drop(columns="proposed"), masks, r"table must be .* without \['proposed'\]"),
        (None, masks, "table must be one of find_suspect_masks, got NoneType"),
        (table.astype({"proposed": str}), masks, r"table\['proposed'\]\[2\] must have shape"),
        (table, [*masks[:2], np.ones((3, 9)), None], r"masks\[2\]: mask must have the shape of its image"),
    ]
    for wrong, given, message in mistakes:
        with pytest.raises(ValueError, match=message):
            BorderDisplay.from_suspects(wrong, images, given)
    with pytest.raises(ValueError, match=r"images\[2\] must be .* 'c.png', got 'd.png'"):
        BorderDisplay.from_suspects(table, ["a.png", "b.png", "d.png", "c.png"], masks)
    with pytest.raises(ValueError, match="n_columns == 0"):
        BorderDisplay.from_suspects(table, images, masks, n_columns=0)


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


@pytest.mark.parametrize("shape", [(80, 60), (60, 60), (10, 10), (120, 80), (59, 160)])
def test_refuses_masks_of_other_proportions(lesion, shape):
    with pytest.raises(
        ValueError, match=r"^y\[1\]: mask must have the shape of its image, \(60, 80\), or its prop.*Pass"
    ):
        BorderDisplay.from_lesions([lesion, lesion], [None, np.eye(*shape, dtype=bool)])
    with pytest.raises(ValueError, match=r"^true_masks\[1\]: mask must have the shape of its image, \(60, 80\), got"):
        BorderDisplay([lesion, lesion.with_mask(None)], [None, np.eye(*shape, dtype=bool)])


@pytest.mark.parametrize("n_masks", [0, 1, 3])
def test_refuses_another_number_of_masks(lesion, n_masks):
    masks = [lesion.mask] * n_masks
    with pytest.raises(ValueError, match=rf"X and y must have the same length, got 2 and {n_masks}\. Pass None"):
        BorderDisplay.from_lesions([lesion, lesion], masks)
    with pytest.raises(ValueError, match=rf"X and y must have the same length, got 2 and {n_masks}\. Pass None"):
        BorderDisplay.from_estimator(WatershedSegmenter(), [lesion.image] * 2, masks)
    with pytest.raises(ValueError, match=rf"lesions and true_masks must have the same length, got 2 and {n_masks}\."):
        BorderDisplay([lesion, lesion], masks)


def test_accepts_masks_of_the_source_of_a_shrunk_image(lesion):
    large = np.repeat(np.repeat(lesion.mask, 5, axis=0), 5, axis=1)[:-1, :-2]  # 299 x 398, shrunk to 60 x 80
    small = Lesion(lesion.image, lesion.mask, source_shape=large.shape)
    assert BorderDisplay.from_lesions([small], [large]).jaccard[0] > 0.95


def test_takes_stacked_masks_and_refuses_diagnoses(lesion):
    assert BorderDisplay.from_lesions([lesion] * 2, np.stack([lesion.mask] * 2)).jaccard == [1, 1]
    with pytest.raises(ValueError, match="looks like a diagnosis"):
        BorderDisplay.from_lesions([lesion] * 2, [0, 1])
    with pytest.raises(ValueError, match=r"^y\[0\]: .*lesion_label="):
        BorderDisplay.from_lesions([lesion], [np.where(lesion.mask, 1, 2)])


def test_missing_matplotlib(lesion, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-melanoma\[plot\]'"):
        BorderDisplay.from_lesions([lesion])
