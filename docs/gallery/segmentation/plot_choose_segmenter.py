"""
Choose a segmenter with 20 masks
================================

This example compares five segmenters. An expert has drawn masks on 20 images. The segmenters learn from these masks.
They are compared on 12 other images that have masks, too. The last section shows a comparison with the 20 masks alone.
"""

# %%
# Images with masks
# -----------------
#
# The images are difficult, with hair, dark corners, bubbles and uneven light. Each number is the fraction of images
# with this artifact.

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.metrics import mask_jaccard, mask_scores
from sklearn_melanoma.segmentation import (
    PixelClassifierSegmenter,
    SegmenterSelector,
    WatershedSegmenter,
    load_pretrained_segmenter,
)

artifacts = {"hair": 0.7, "light_hair": 0.5, "vignette": 0.5, "uneven_light": 0.5, "bubbles": 0.4}
data = make_lesions(32, image_size=(96, 128), random_state=1, **artifacts)
train_images, train_masks = data.images[:20], data.masks[:20]
test_images, test_masks = data.images[20:], data.masks[20:]

# %%
# The candidates
# --------------
#
# - The watershed needs no masks.
# - Its ``level`` moves the border: low values draw wide, high values draw tight. A grid search finds the best value.
# - The selector segments each image in eight ways, and learns which results are good.
# - The pixel classifier learns from the pixels of the masks.
# - The pretrained segmenter has learned from 600 images of ISIC 2017. It takes only its threshold from the masks. Its
#   scores on ISIC 2017 are too high, so do not compare it there.

candidates = {
    "watershed": WatershedSegmenter(),
    "watershed,\nlevel": GridSearchCV(WatershedSegmenter(), {"level": [0.4, 0.5, 0.6]}, cv=3),
    "selector": SegmenterSelector(random_state=0),
    "pixel\nclassifier": PixelClassifierSegmenter(random_state=0),
    "pretrained": load_pretrained_segmenter(),
}
scores = {}
for name, segmenter in candidates.items():
    segmenter.fit(train_images, train_masks)
    scores[name] = mask_scores(test_masks, segmenter.predict(test_images), mask_jaccard)
    failed = np.mean(scores[name] < 0.65)
    print(f"{' '.join(name.split()):16} mean {np.mean(scores[name]):.3f}, below 0.65: {failed:.0%}")

# %%
# Compare image by image
# ----------------------
#
# Each point is one image, each gray line connects the scores of one image. The bar is the mean. A mask below the dashed
# line counts as failed.

figure = Figure(figsize=(5, 3.4), layout="constrained")
axes = figure.subplots()
places = np.arange(len(scores))
table = np.array(list(scores.values()))
axes.plot(places, table, color="0.8", lw=0.8)
for place, row in zip(places, table, strict=True):
    axes.plot(np.full(len(row), place), row, "o", ms=4, alpha=0.6)
    axes.plot([place - 0.25, place + 0.25], [row.mean()] * 2, color="black", lw=2)
axes.axhline(0.65, color="C3", ls="--", lw=1)
axes.set(ylabel="Jaccard index", xticks=places, xticklabels=scores, ylim=(0.6, 1))

# %%
# Look at the hardest images
# --------------------------
#
# These are the four images with the lowest mean score, with the border of the pixel classifier.

hardest = np.argsort(table.mean(axis=0))[:4]
display = BorderDisplay.from_estimator(
    candidates["pixel\nclassifier"],
    [test_images[i] for i in hardest],
    [test_masks[i] for i in hardest],
    n_columns=2,
)

# %%
# Compare with 20 masks alone
# ---------------------------
#
# Without further masks, use cross-validation. In each of five folds, a segmenter learns from 16 masks and is scored on
# the other 4. The two slower segmenters are left out here. If several images show the same lesion, pass
# ``cv=GroupKFold(5)`` and ``groups=``.

for name in ("watershed", "watershed,\nlevel", "pretrained"):
    by_fold = cross_val_score(candidates[name], train_images, train_masks, cv=5)
    print(f"{' '.join(name.split()):16} mean {by_fold.mean():.3f}")

# %%
# **What to look at:** the points below the dashed line, not the means. The order of the segmenters differs between data
# sets, so compare them on your own masks.
#
# **Next:** if all segmenters fail on the same images, remove artifacts first (:doc:`/guide/preprocessing`).
# :doc:`plot_suspect_masks` checks the masks themselves. :doc:`/benchmarks/masks` has results on real images.
