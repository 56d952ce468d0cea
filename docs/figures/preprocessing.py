"""Hair found and filled in on synthetic images, and an image in colored light."""

import numpy as np
from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.preprocessing import detect_hair, normalize_color, remove_hair


def make_image(seed: int, **options: float) -> np.ndarray:
    return make_lesions(1, image_size=(216, 288), vignette=0, ruler=0, random_state=seed, **options).images[0]


def draw() -> Figure:
    rows = []
    for name, hairy in {
        "dark hair": make_image(36, hair=1, light_hair=0),
        "light hair": make_image(38, hair=1, light_hair=1),
    }.items():
        found = hairy.copy()
        found[detect_hair(hairy)] = (0, 180, 255)
        rows.append({name: hairy, "found": found, "filled in": remove_hair(hairy)})
    neutral = make_image(22, hair=0)
    warm = np.rint(neutral * np.array([1, 0.8, 0.5])).astype(np.uint8)
    rows.append({"neutral light": neutral, "in warm light": warm, "shades of gray": normalize_color(warm)})

    figure = Figure(figsize=(6, 5.2), layout="constrained")
    for row, panels in zip(figure.subplots(3, 3), rows, strict=True):
        for axes, (title, image) in zip(row, panels.items(), strict=True):
            axes.imshow(image)
            axes.set_title(title, fontsize="medium")
            axes.set_axis_off()
    return figure
