"""
Choose a segmenter
==================

This example compares three segmenters on images that were not used to fit them. One needs no mask, one combines
several borders, and one learns from a few masks.
"""

# %%
# Images with a few masks
# -----------------------
#
# The folder holds 30 difficult synthetic images, with hair, dark corners, bubbles and uneven light. The first ten are
# used to learn, the other twenty to compare.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from sklearn.model_selection import GridSearchCV

from sklearn_melanoma.datasets import load_folder, make_lesions
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.metrics import mask_jaccard, mask_scores
from sklearn_melanoma.segmentation import (
    PixelClassifierSegmenter,
    SegmenterSelector,
    WatershedSegmenter,
)

temporary = TemporaryDirectory()
folder = Path(temporary.name)
for name in ("images", "masks"):
    (folder / name).mkdir()

# Each number is the fraction of images with this artifact.
artifacts = {
    "hair": 0.7,
    "light_hair": 0.5,
    "vignette": 0.5,
    "uneven_light": 0.5,
    "bubbles": 0.4,
}
synthetic = make_lesions(30, image_size=(96, 128), random_state=1, **artifacts)
for number, image in enumerate(synthetic.images):
    Image.fromarray(image).save(folder / "images" / f"{number:02d}.png")
    Image.fromarray(synthetic.masks[number]).save(folder / "masks" / f"{number:02d}_mask.png")

diagnoses = pd.Series(synthetic.diagnosis, index=[f"{number:02d}" for number in range(30)])
data = load_folder(folder / "images", labels=diagnoses)
train_images, train_masks = data.images[:10], data.masks[:10]
test_images, test_masks = data.images[10:], data.masks[10:]

# %%
# The candidates
# --------------
#
# ``level`` moves the border of the watershed segmenter: low values draw wide, high values draw tight. A grid search
# finds the value that fits the masks best. :class:`~sklearn_melanoma.segmentation.SegmenterSelector` combines eight
# borders per image. :class:`~sklearn_melanoma.segmentation.PixelClassifierSegmenter` learns from the pixels of the
# masks.

levels = {"level": [0.35, 0.5, 0.65]}
candidates = {
    "watershed": WatershedSegmenter(),
    "watershed, level searched": GridSearchCV(WatershedSegmenter(), levels, cv=3),
    "selector": SegmenterSelector(random_state=0),
    "pixel classifier": PixelClassifierSegmenter(random_state=0),
}
scores = {}
for name, segmenter in candidates.items():
    segmenter.fit(train_images, train_masks)
    scores[name] = mask_scores(test_masks, segmenter.predict(test_images), mask_jaccard)
    failed = np.mean(scores[name] < 0.65)
    print(f"{name:27} mean {np.mean(scores[name]):.3f}, below 0.65: {failed:.0%}")

# %%
# Compare image by image
# ----------------------
#
# Each point is one image, each line connects the scores of one image. The bar is the mean.

figure = Figure(figsize=(8, 4), layout="constrained")
axes = figure.subplots()
places = np.arange(len(scores))
table = np.array(list(scores.values()))
axes.plot(places, table, color="0.8", lw=0.8)
for place, row in zip(places, table, strict=True):
    axes.plot(np.full(len(row), place), row, "o", ms=4, alpha=0.6)
    axes.plot([place - 0.2, place + 0.2], [row.mean()] * 2, color="black", lw=2)
axes.axhline(0.65, color="C3", ls="--", lw=1)
axes.set(ylabel="Jaccard index", xticks=places, xticklabels=scores, ylim=(0.5, 1))

# %%
# Look at the hardest images
# --------------------------
#
# These are the four images with the lowest mean score, with the border of the pixel classifier.

hardest = np.argsort(table.mean(axis=0))[:4]
display = BorderDisplay.from_estimator(
    candidates["pixel classifier"],
    [test_images[i] for i in hardest],
    [test_masks[i] for i in hardest],
)
temporary.cleanup()

# %%
# **What to look at:** the points below the dashed line, not the means. Below a Jaccard index of 0.65 a mask counts as
# failed. If all segmenters fail on the same images, remove artifacts first (:doc:`/guide/preprocessing`). If they fail
# on different images, an ensemble helps (:doc:`/guide/selector`). On real images, the order differs between data sets:
# :doc:`/benchmarks/masks` has a table.
