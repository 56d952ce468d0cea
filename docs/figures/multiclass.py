"""Picture of the page on several diagnoses: probabilities of three synthetic lesions without any label."""

import numpy as np
from matplotlib.figure import Figure

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions

RED = np.array([170, 45, 60])
CLASSES = ("nevus", "melanoma", "vascular lesion")


def draw() -> Figure:
    data = make_lesions(45, image_size=(144, 192), melanoma_fraction=0.5, hair=0, vignette=0, random_state=0)
    truth = np.where(data.target == 1, "melanoma", "nevus").astype(object)
    images = list(data.images)
    for number in range(0, len(images), 3):
        truth[number] = "vascular lesion"
        images[number] = redden(images[number], data.masks[number])
    model = make_melanoma_pipeline().set_params(classify__classes=CLASSES)
    probabilities = model.fit(images, np.full(len(images), -1)).predict_proba(images)

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots(2, 3, height_ratios=[1.5, 1])
    for (top, bottom), name in zip(axes.T, CLASSES, strict=True):
        own = np.flatnonzero(truth == name)
        ranked = own[np.argsort(probabilities[own, model.classes_.tolist().index(name)])]
        number = ranked[len(ranked) // 2]
        top.imshow(images[number])
        top.set_title(name, fontsize="medium")
        top.set_axis_off()
        bottom.barh(model.classes_.astype(str), probabilities[number], color="C0")
        bottom.set(xlim=(0, 1))
        bottom.invert_yaxis()
    axes[1, 1].set_xlabel("probability")
    for panel in axes[1, 1:]:
        panel.set_yticklabels([])
    return figure


def redden(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give the lesion the color of a vascular lesion, with its own lightness."""
    image = image.copy()
    lightness = image[mask].mean(axis=1, keepdims=True)
    image[mask] = np.clip(RED * lightness / lightness.mean(), 0, 255)
    return image
