"""Tests of dilation of masks stored as long integers."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import dilate_by_disk, grow_by_disk, grow_by_square, to_bits, to_mask


@pytest.mark.parametrize("square", [0, 1, 2, 3, 25, 26, 169])
def test_dilation_by_disk_equals_distance_map(square):
    mask = np.random.default_rng(square).random((30, 40)) > 0.995
    mask[7, 11] = True
    margin = 14
    bits, width = to_bits(mask, margin)
    grown = to_mask(dilate_by_disk(bits, width, square), (30 + 2 * margin, width))
    np.testing.assert_array_equal(grown, ndi.distance_transform_edt(~np.pad(mask, margin)) <= np.sqrt(square))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 5), (30, 40)])
@pytest.mark.parametrize("distance", [0.0, 1.0, 1.5, 4.99, 5.0, 12.3, 60.0])
def test_grown_mask_equals_distance_map_inside_image(shape, distance):
    for seed in range(5):
        mask = np.random.default_rng(seed).random(shape) > 0.99
        mask[seed % shape[0], -1] = True
        grown = grow_by_disk(mask, distance)
        assert grown.shape == shape
        np.testing.assert_array_equal(grown, ndi.distance_transform_edt(~mask) <= distance)
        grown = grow_by_square(mask, int(distance))
        assert grown.shape == shape
        np.testing.assert_array_equal(grown, ndi.distance_transform_cdt(~mask, "chessboard") <= distance)
