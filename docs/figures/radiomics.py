"""Picture of the page on PyRadiomics: the gray levels of a lesion and their co-occurrence."""

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from skimage.feature import graycomatrix

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.segmentation import WatershedSegmenter

BIN_WIDTH = 25


def draw() -> Figure:
    data = make_lesions(1, melanoma_fraction=1, hair=0, random_state=0)
    lesion = WatershedSegmenter().transform(data.images)[0]
    gray = np.asarray(Image.fromarray(lesion.image).convert("L"))[lesion.box]
    mask = lesion.mask[lesion.box]
    levels = np.where(mask, gray // BIN_WIDTH - gray[mask].min() // BIN_WIDTH + 1, 0)  # 0 = outside the mask
    pairs = graycomatrix(levels.astype(np.uint8), [1], [0], levels=levels.max() + 1, symmetric=True)[1:, 1:, 0, 0]

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = list(figure.subplot_mosaic("ab;cc", height_ratios=[1, 1.4]).values())
    axes[0].imshow(lesion.image[lesion.box])
    axes[0].set_title("image", fontsize="medium")
    axes[1].imshow(np.ma.masked_equal(levels, 0), interpolation="nearest")
    axes[1].set_title(f"{levels.max()} gray levels", fontsize="medium")
    edges = np.arange(levels.max() + 1) + 0.5
    shown = axes[2].pcolormesh(edges, edges, np.log10(1 + pairs), cmap="Blues")
    figure.colorbar(shown, ax=axes[2], label="log₁₀(1 + pairs)")
    axes[2].set(xlabel="gray level", ylabel="gray level of the neighbor", aspect="equal")
    axes[2].invert_yaxis()
    for panel in axes[:2]:
        panel.set(xticks=[], yticks=[])
    return figure
