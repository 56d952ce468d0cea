"""Codes of a patch encoder from synthetic images, and where two of them are found."""

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage as ndi

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import PatchEncoder
from sklearn_melanoma.features._patches import STRIDE, Codes, encode

N_CODES, SIDE = 32, 6


def pictures(codes: Codes) -> np.ndarray:
    """Return the codes as small pictures, without whitening, each stretched to full contrast."""
    patches = np.linalg.solve(codes.whitening, codes.centers.T).T + codes.mean
    reach = abs(patches).max(axis=1, keepdims=True)
    return (0.5 + 0.5 * patches / reach).reshape(-1, SIDE, SIDE, 3)


def activity_map(image: np.ndarray, codes: Codes) -> np.ndarray:
    """Return how much of each code there is at each place of an image at the working size."""
    windows = np.lib.stride_tricks.sliding_window_view(image / 255, (SIDE, SIDE), axis=(0, 1))[::STRIDE, ::STRIDE]
    patches = windows.transpose(0, 1, 3, 4, 2).reshape(-1, 3 * SIDE**2)
    patches = patches - patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt((patches**2).mean(axis=1, keepdims=True) + (10 / 255) ** 2)
    return encode(patches, codes).reshape(*windows.shape[:2], -1)


def draw() -> Figure:
    data = make_lesions(40, image_size=(144, 192), hair=0, vignette=0, melanoma_fraction=0.5, random_state=3)
    lesions = [Lesion(*pair) for pair in zip(data.images, data.masks, strict=True)]
    encoder = PatchEncoder(n_codes=N_CODES, patch_side=SIDE, random_state=0).fit(lesions)
    codes, shown = encoder.codes_, lesions[int(np.argmax(data.target))]
    zoom = encoder.lesion_side / np.sqrt(shown.area_px)
    found = activity_map(ndi.zoom(shown.image, (zoom, zoom, 1), order=1), codes)
    core, _, border, _ = encoder.transform([shown])[0].reshape(4, N_CODES)

    figure = Figure(figsize=(10, 3.3), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1])
    left.suptitle(f"{N_CODES} learned codes", fontsize="medium")
    for axes, picture in zip(left.subplots(4, 8).flat, pictures(codes), strict=True):
        axes.imshow(picture)
    panels = right.subplots(2, 3, height_ratios=[2.2, 1])
    panels[0, 0].imshow(shown.image)
    panels[0, 0].set_title("image", fontsize="medium")
    inside = ndi.zoom(shown.mask.astype(float), np.divide(found.shape[:2], shown.mask.shape), order=1) > 0.5
    of_lesion = found[inside].mean(axis=0) - found[~inside].mean(axis=0)
    chosen = {"more of the lesion": of_lesion.argmax(), "more of the border": (border - core).argmax()}
    for column, (title, code) in enumerate(chosen.items(), start=1):
        panels[0, column].imshow(found[:, :, code], cmap="magma")
        panels[0, column].set_title(title, fontsize="medium")
        panels[1, column].imshow(pictures(codes)[code])
    for axes in (*left.axes, *panels.flat):
        axes.set_axis_off()
    return figure
