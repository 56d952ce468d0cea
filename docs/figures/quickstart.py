"""Borders found on eight synthetic images, beside the true ones."""

from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.segmentation import WatershedSegmenter


def draw() -> Figure:
    data = make_lesions(8, random_state=0)
    return BorderDisplay.from_estimator(WatershedSegmenter(), data.images, data.masks, n_columns=3).figure_
