"""Eight candidate borders of one synthetic image, and their vote."""

from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import SegmenterSelector
from sklearn_melanoma.segmentation._selector import default_segmenters


def draw() -> Figure:
    data = make_lesions(7, image_size=(144, 192), random_state=4)
    image, truth = data.images[6], data.masks[6]
    panels = {name: segmenter.predict([image])[0] for name, segmenter in default_segmenters()}
    (lesion,) = SegmenterSelector().transform([image])
    panels["vote"] = lesion.mask

    figure = Figure(figsize=(6, 5.8), layout="constrained")
    grid = figure.subplots(3, 3).ravel()
    for axes, (name, mask) in zip(grid, panels.items(), strict=True):
        axes.imshow(image)
        axes.contour(truth, levels=[0.5], colors="#00b4ff", linewidths=1.5)
        if mask.any():
            axes.contour(mask, levels=[0.5], colors="#ffd400", linewidths=1.5)
        axes.set_title(f"{name}\nJaccard {mask_jaccard(truth, mask):.2f}", fontsize="medium")
        axes.set_axis_off()
    figure.suptitle("Borders found (yellow) and true borders (blue)", fontsize="medium")
    return figure
