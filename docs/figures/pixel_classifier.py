"""The probability and the border of a pixel classifier, on three synthetic images."""

from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import PixelClassifierSegmenter


def draw() -> Figure:
    data = make_lesions(23, image_size=(144, 192), random_state=3)
    segmenter = PixelClassifierSegmenter(random_state=0).fit(data.images[:20], data.masks[:20])
    images, masks = data.images[20:], data.masks[20:]

    figure = Figure(figsize=(6, 4), layout="constrained")
    grid = figure.subplots(2, 3)
    for column, lesion in enumerate(segmenter.transform(images)):
        top, bottom = grid[:, column]
        top.imshow(images[column])
        top.contour(masks[column], levels=[0.5], colors="#00b4ff", linewidths=1.5)
        top.contour(lesion.mask, levels=[0.5], colors="#ffd400", linewidths=1.5)
        top.set_title(f"Jaccard {mask_jaccard(masks[column], lesion.mask):.2f}", fontsize="medium")
        bottom.imshow(lesion.probability, cmap="gray", vmin=0, vmax=1)
        bottom.set_title("probability", fontsize="medium")
    for axes in grid.ravel():
        axes.set_axis_off()
    figure.suptitle("Borders found (yellow) and true borders (blue)", fontsize="medium")
    return figure
