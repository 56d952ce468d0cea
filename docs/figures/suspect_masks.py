"""The suspect masks among masks of synthetic images, three of them damaged."""

import numpy as np
from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.model_selection import find_suspect_masks


def draw() -> Figure:
    data = make_lesions(20, image_size=(144, 192), hair=0, ruler=0, random_state=0)
    masks = list(data.masks)
    masks[3] = np.roll(masks[3], 45, axis=1)
    masks[8] = masks[11]
    masks[14] = np.roll(masks[14], -30, axis=1)
    table = find_suspect_masks(data.images, masks, cv=3, random_state=0)
    return BorderDisplay.from_suspects(table, data.images, masks, n_columns=2).figure_
