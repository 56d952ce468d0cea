"""A rough border of one synthetic image, before and after the conditional random field."""

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage as ndi

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import CRFRefiner


def draw() -> Figure:
    data = make_lesions(1, image_size=(144, 192), hair=0, vignette=0, melanoma_fraction=1, random_state=11)
    image, truth = data.images[0], data.masks[0]
    # It resembles the result of a pixel classifier at low resolution: blurred and slightly shifted.
    rough = ndi.shift(ndi.gaussian_filter(truth.astype(np.float32), 10), (4, -5), mode="nearest").clip(0, 1)
    before = Lesion(image, rough > 0.5, probability=rough)
    (after,) = CRFRefiner(appearance_weight=2, smoothness_weight=2, threshold=0.35).transform([before])

    figure = Figure(figsize=(6, 2.25), layout="constrained")
    panels = {
        "probability before": (rough, before.mask),
        "probability after": (after.probability, after.mask),
        "before (dashed), after": (image, after.mask),
    }
    for axes, (title, (shown, mask)) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        axes.imshow(shown, cmap="gray", vmin=0, vmax=1)
        axes.contour(truth, levels=[0.5], colors="#00b4ff", linewidths=1.5)
        axes.contour(mask, levels=[0.5], colors="#ffd400", linewidths=1.5)
        axes.set_title(f"{title}\nJaccard {mask_jaccard(truth, mask):.2f}", fontsize="medium")
        axes.set_axis_off()
    figure.axes[2].contour(before.mask, levels=[0.5], colors="#ffd400", linewidths=1.2, linestyles="dashed")
    figure.suptitle("Borders found (yellow) and true border (blue)", fontsize="medium")
    return figure
