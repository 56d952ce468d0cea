"""Picture of the page on features: where colors, lines and spots are found on a synthetic image."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features._crop import Crop
from sklearn_melanoma.features._dermoscopic_colors import name_colors
from sklearn_melanoma.features._sectors import N_SECTORS
from sklearn_melanoma.features._structures import Structures
from sklearn_melanoma.features._texture import SEEN_LINE

SEEN = 4
LABELS = ("white", "red", "light brown", "dark brown", "blue-gray", "black")
SHOWN = ("#ffffff", "#d9534f", "#d2a679", "#7a4a2b", "#7f93b2", "#111111")


def draw() -> Figure:
    data = make_lesions(6, image_size=(288, 384), hair=0, vignette=0, ruler=0, melanoma_fraction=1, random_state=5)
    lesion = Lesion(data.images[SEEN], data.masks[SEEN])
    crop, structures = lesion.shared(Crop), lesion.shared(Structures.of)

    figure = Figure(figsize=(6, 5.2), layout="constrained")
    first, lines_axes, colors_axes, legend_axes = figure.subplots(2, 2).ravel()
    panels = first, colors_axes, lines_axes
    legend_axes.set_axis_off()
    titles = ("mask, skin and sectors", "six colors", "dark lines, dots and globules")
    for axes, title in zip(panels, titles, strict=True):
        axes.imshow(crop.image)
        axes.set_title(title, fontsize="medium")
        axes.set_axis_off()

    ring = np.zeros(crop.mask.shape, dtype=bool)
    ring.flat[crop.ring] = True
    panels[0].contour(crop.mask, levels=[0.5], colors="w", linewidths=1.5)
    panels[0].contourf(ring, levels=[0.5, 1], colors=["C0"], alpha=0.35)
    row, column = np.add(crop.morphology.moments.centroid, [part.start for part in crop.inner])
    for angle in np.pi / N_SECTORS * (2 * np.arange(N_SECTORS) + 1):
        reach = 0.75 * crop.root
        panels[0].plot([column, column + reach * np.cos(angle)], [row, row + reach * np.sin(angle)], "k:", lw=1)
    panels[0].set(xlim=(-0.5, ring.shape[1] - 0.5), ylim=(ring.shape[0] - 0.5, -0.5))

    colors = np.full(crop.mask.shape, np.nan)
    colors.flat[crop.pixels] = name_colors(crop.rgb, crop.skin_rgb)
    panels[1].imshow(colors, cmap=ListedColormap(SHOWN), vmin=-0.5, vmax=5.5, interpolation="nearest")
    fractions = np.bincount(colors[crop.mask].astype(int), minlength=6) / len(crop.pixels)
    handles = [
        Patch(facecolor=face, edgecolor="0.6", label=f"{label} {fraction:.0%}")
        for face, label, fraction in zip(SHOWN, LABELS, fractions, strict=True)
    ]
    legend_axes.legend(handles=handles, loc="center left", frameon=False)

    top, left = (part.start for part in crop.inner)
    _, _, high = structures.texture.curvature[2]
    lines = np.where(structures.texture.frame.show(high) > SEEN_LINE, 1, np.nan)
    overlay = np.full(crop.mask.shape, np.nan)
    overlay[crop.inner] = lines
    panels[2].imshow(overlay, cmap=ListedColormap(["#ffd54a"]), alpha=0.6, interpolation="nearest")
    panels[2].contour(crop.mask, levels=[0.5], colors="w", linewidths=1)
    for scale, color, name in ((2, "C0", "dots"), (4, "C3", "globules")):
        rows, columns = structures._spots(scale, 1).T
        panels[2].scatter(columns + left, rows + top, 12 * scale, "none", edgecolors=color, label=f"{len(rows)} {name}")
    panels[2].legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False, fontsize="medium")
    return figure
