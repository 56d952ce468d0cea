"""Two synthetic images with the border that was found, the score, and the criteria that add most to it."""

from matplotlib.figure import Figure

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import ContributionDisplay
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.segmentation import segment_watershed

SHOWN = (0, 3)
N_CRITERIA = 5


def draw() -> Figure:
    data = make_lesions(100, random_state=0)
    labels = hide_labels(data.target, 5, random_state=0)
    model = make_melanoma_pipeline().fit(data.images, labels)
    images = [data.images[i] for i in SHOWN]
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots(2, len(SHOWN))
    for image, score, top, bottom in zip(images, model.predict_proba(images)[:, 1], *axes, strict=True):
        top.imshow(image)
        top.contour(segment_watershed(image), levels=[0.5], colors="#ffd400", linewidths=2)
        top.set_title(f"score {score:.2f}", weight="bold")
        top.set_axis_off()
        ContributionDisplay.from_estimator(model, image, ax=bottom)
        bottom.set_title("", loc="left")
        bottom.set(xlabel="contribution", xlim=(-1, 1), xticks=[-0.5, 0, 0.5], ylim=(N_CRITERIA - 0.5, -0.5))
    return figure
