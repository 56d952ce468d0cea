"""Twelve synthetic images with the true borders of their lesions."""

from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions


def draw() -> Figure:
    lesions = make_lesions(12, melanoma_fraction=0.5, hair=0.3, vignette=0.25, random_state=4)
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    for axes, image, mask, diagnosis in zip(
        figure.subplots(4, 3).flat, lesions.images, lesions.masks, lesions.diagnosis, strict=True
    ):
        axes.imshow(image)
        axes.contour(mask, levels=[0.5], colors="white", linewidths=1)
        axes.set_title(diagnosis, fontsize="medium")
        axes.set_axis_off()
    return figure
