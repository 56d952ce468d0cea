"""One synthetic image and four augmented copies of it."""

import numpy as np
from matplotlib.figure import Figure

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.experimental._augmentation import augment_lesion


def draw() -> Figure:
    data = make_lesions(1, image_size=(144, 192), hair=0, vignette=0, melanoma_fraction=1, random_state=11)
    lesion = Lesion(data.images[0], data.masks[0])
    copies = [augment_lesion(lesion, np.random.RandomState(seed)) for seed in range(4)]

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    grid = figure.subplots(2, 3).ravel()
    grid[-1].set_axis_off()
    for number, (axes, shown) in enumerate(zip(grid[:-1], [lesion, *copies], strict=True)):
        axes.imshow(shown.image)
        axes.contour(shown.mask, levels=[0.5], colors="#ffd400", linewidths=1.5)
        axes.set_title(f"copy {number}" if number else "image", fontsize="medium")
        axes.set_axis_off()
    return figure
