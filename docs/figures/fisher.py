"""Patches of synthetic images by the Gaussian that explains them best, and their places on one image."""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from scipy.fft import idctn

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import FisherVectorEncoder
from sklearn_melanoma.features._fisher import (
    SIDE,
    Mixture,
    _cut_patches,
    _list_frequencies,
    _resize_lesion,
    _share_patches,
    take_patches,
)

SCALE, N_DRAWN = -1, 6
CONTRAST = 1.6  # factor of the contrast of patches
COLOR = np.array([166.0, 112.0, 84.0])


def find_gaussians(values: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Return the position of the Gaussian that explains each patch best."""
    points = (values - mixture.center) @ mixture.components
    return _share_patches(points, points**2, mixture).argmax(axis=1)


def draw_patches(values: np.ndarray) -> np.ndarray:
    """Return patches as pictures, all with the same mean color."""
    coefficients = np.zeros((len(values), 3, SIDE, SIDE))
    coefficients[:, :, *_list_frequencies()] = values.reshape(len(values), 3, -1)
    logarithms = idctn(coefficients, axes=(2, 3), norm="ortho").transpose(0, 2, 3, 1)
    levels = COLOR * np.exp(CONTRAST * logarithms)
    return np.clip(levels, 0, 255).astype(np.uint8)


def find_own(values: np.ndarray, mixture: Mixture, gaussian: int) -> np.ndarray:
    """Return the positions of some patches, drawn at random, that a Gaussian explains best."""
    is_own = find_gaussians(values, mixture) == gaussian
    return np.random.default_rng(0).permutation(np.flatnonzero(is_own))[:N_DRAWN]


def draw() -> Figure:
    data = make_lesions(40, hair=0, vignette=0, melanoma_fraction=0.5, random_state=3)
    lesions = [Lesion(*pair) for pair in zip(data.images, data.masks, strict=True)]
    mixture = FisherVectorEncoder(random_state=0).fit(lesions).mixtures_[SCALE]
    order = np.argsort(-mixture.weights)
    values = np.concatenate([take_patches(lesion)[SCALE].values for lesion in lesions])
    shown = lesions[int(np.argmax(data.target))]
    levels, distances = _resize_lesion(shown)
    every = _cut_patches(levels, np.ones_like(distances), 1).values
    places = find_gaussians(every, mixture)
    places = np.argsort(order)[places].reshape(np.subtract(distances.shape, SIDE - 1))

    figure = Figure(figsize=(6, 6.4), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.6, 1])
    top.suptitle("patches of each Gaussian, and its weight", fontsize="medium")
    grid = top.subplots(N_DRAWN, len(order))
    palette = mpl.colormaps["tab10"].colors[: len(order)]
    for column, gaussian in zip(grid.T, order, strict=True):
        for axes, picture in zip(column, draw_patches(values[find_own(values, mixture, gaussian)]), strict=True):
            axes.imshow(picture)
        column[0].set_title(f"{100 * mixture.weights[gaussian]:.0f} %", fontsize=9)
    panels = bottom.subplots(1, 2)
    panels[0].imshow(np.clip(np.exp(levels) - 8, 0, 255).astype(np.uint8))
    panels[0].set_title("image", fontsize="medium")
    norm = BoundaryNorm(np.arange(len(order) + 1) - 0.5, len(order))
    panels[1].imshow(places, cmap=ListedColormap(palette), norm=norm)
    panels[1].contour(distances[SIDE // 2 - 1 : -SIDE // 2, SIDE // 2 - 1 : -SIDE // 2], [0], colors="black")
    panels[1].set_title("Gaussian of each patch", fontsize="medium")
    for axes in (*grid.flat, *panels):
        axes.set_xticks([]), axes.set_yticks([])
    for axes, color in zip(grid[-1], palette, strict=True):
        axes.set_xlabel("■", color=color, fontsize="large")
    return figure
