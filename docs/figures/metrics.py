"""One true mask beside three that were found, with their scores."""

import numpy as np
from matplotlib.figure import Figure
from skimage.draw import ellipse

from sklearn_melanoma.metrics import mask_dice, mask_jaccard, threshold_jaccard

SHAPE = (180, 240)


def draw_ellipse(row, column, row_radius, column_radius):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[ellipse(row, column, row_radius, column_radius, shape=SHAPE)] = True
    return mask


def draw() -> Figure:
    truth = draw_ellipse(90, 120, 60, 80)
    found = {
        "drawn a little wide": draw_ellipse(90, 120, 66, 87),
        "dark core only": draw_ellipse(95, 125, 48, 60),
        "half beside it": draw_ellipse(80, 165, 50, 65),
    }
    figure = Figure(figsize=(6, 2.3), layout="constrained")
    for axes, (title, mask) in zip(figure.subplots(1, 3, subplot_kw={"anchor": "S"}), found.items(), strict=True):
        axes.imshow(np.where(truth & mask, 2, np.where(truth ^ mask, 1, 0)), cmap="Grays", vmin=0, vmax=6)
        axes.contour(truth, levels=[0.5], colors="tab:green")
        axes.contour(mask, levels=[0.5], colors="tab:red", linestyles="dashed")
        axes.set_axis_off()
        axes.set_title(
            f"{title}\nJaccard {mask_jaccard(truth, mask):.2f}\nDice {mask_dice(truth, mask):.2f}\n"
            f"threshold {threshold_jaccard(truth, mask):.2f}",
            fontsize="medium",
        )
    return figure
