"""The steps of the watershed segmenter, on one synthetic image."""

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage as ndi

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import _regions, _watershed, segment_watershed
from sklearn_melanoma.segmentation._artifacts import erase_dark_lines, find_artifacts


def draw() -> Figure:
    data = make_lesions(1, image_size=(144, 192), hair=1, vignette=1, random_state=6)
    image, truth = data.images[0], data.masks[0]
    surround = find_artifacts(image)
    cleaned = erase_dark_lines(image)
    channel = _regions.make_channel(
        lambda i: _regions.smooth_levels(cleaned[:, :, i]), "blue", surround, even_light=True
    )
    gray, binary = channel.gray, channel.dark
    core = _regions.choose_region(binary)
    side = max(core.shape)
    band = ~core & (ndi.distance_transform_edt(~core) <= _watershed._BAND * side)
    slope = ndi.gaussian_gradient_magnitude(gray, _regions.SMOOTHING * side, truncate=3)
    found = segment_watershed(image)

    figure = Figure(figsize=(6, 3.8), layout="constrained")
    panels = {
        "image": image,
        "1, 2  blue channel, smooth,\neven light, no artifacts": np.ma.masked_array(gray, surround),
        "3  darker than\nOtsu's threshold": binary,
        "4  chosen region,\nholes filled": core,
        "5  watershed on the\ngradient, in the red band": slope,
        f"6  border at level 0.5,\nJaccard {mask_jaccard(truth, found):.2f} (blue: true)": image,
    }
    grid = figure.subplots(2, 3).ravel()
    for axes, (title, shown) in zip(grid, panels.items(), strict=True):
        axes.imshow(shown, cmap="gray")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    grid[4].imshow(np.where(band, 1.0, np.nan), cmap="autumn", alpha=0.35)
    grid[4].contour(segment_watershed(image, level=None), levels=[0.5], colors="#ffd400", linewidths=1.5)
    grid[5].contour(found, levels=[0.5], colors="#ffd400", linewidths=1.5)
    grid[5].contour(truth, levels=[0.5], colors="#00b4ff", linewidths=1.5)
    return figure
