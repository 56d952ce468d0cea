"""Tests of the boxes around lesions."""

import numpy as np
import pytest

from sklearn_melanoma import Lesion
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.segmentation import lesion_boxes

IMAGE = np.zeros((60, 80, 3), np.uint8)


def rectangle(rows, columns, shape=(60, 80)):
    mask = np.zeros(shape, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


@pytest.mark.parametrize(
    ("rows", "columns", "margin", "expected"),
    [
        ((20, 40), (30, 70), 0, [30, 20, 70, 40]),
        ((20, 40), (30, 70), 0.1, [26, 18, 74, 42]),
        ((20, 40), (30, 70), 1, [0, 0, 80, 60]),
        ((5, 6), (7, 8), 0, [7, 5, 8, 6]),
        ((0, 60), (0, 80), 0.1, [0, 0, 80, 60]),
    ],
)
def test_box_of_rectangle(rows, columns, margin, expected):
    (box,) = lesion_boxes([Lesion(IMAGE, rectangle(rows, columns))], margin=margin)
    assert box.tolist() == pytest.approx(expected)


def test_box_is_in_pixels_of_the_source():
    lesion = Lesion(IMAGE, rectangle((20, 40), (30, 70)), source_shape=(450, 599))
    (box,) = lesion_boxes([lesion], margin=0)
    assert box.tolist() == pytest.approx([30 * 599 / 80, 150, 70 * 599 / 80, 300])


def test_box_covers_the_mask_after_shrinking():
    source = rectangle((301, 703), (212, 817), (900, 1200))
    image = np.where(source[:, :, np.newaxis], 90, 200).astype(np.uint8).repeat(3, axis=2)
    lesions = ImageReader(max_side=384).fit_transform([Lesion(image, source)])
    (box,) = lesion_boxes(lesions, margin=0)
    assert np.abs(box - [212, 301, 817, 703]).max() <= lesions[0].scale


def test_lesions_without_mask_have_no_box():
    boxes = lesion_boxes([Lesion(IMAGE), Lesion(IMAGE, np.zeros((60, 80), bool))])
    assert boxes.shape == (2, 4)
    assert np.isnan(boxes).all()
    assert lesion_boxes([]).shape == (0, 4)


@pytest.mark.parametrize("margin", [-0.1, np.nan, np.inf, "a", None])
def test_margin_is_checked(margin):
    with pytest.raises(ValueError, match="margin must be a finite number of 0 or more, got"):
        lesion_boxes([], margin=margin)


def test_other_elements_are_refused():
    with pytest.raises(TypeError, match=r"lesions\[1\] must be a Lesion, got ndarray. Segment"):
        lesion_boxes([Lesion(IMAGE), IMAGE])
    with pytest.raises(TypeError, match=r"got one Lesion. Pass \[lesion\]"):
        lesion_boxes(Lesion(IMAGE))
