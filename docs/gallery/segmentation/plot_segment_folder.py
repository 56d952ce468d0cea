"""
Segment a folder of images
==========================

This example segments all images of a folder without any label. It saves the masks, puts three features of each lesion
into a table, and finds the images to check by eye.
"""

# %%
# A folder of images
# ------------------
#
# The images here are synthetic, so the true masks are known. The steps after this one are the same for your own folder.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from sklearn_melanoma.datasets import load_folder, make_lesions
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.metrics import mask_jaccard, mask_scores
from sklearn_melanoma.segmentation import WatershedSegmenter

temporary = TemporaryDirectory()
folder = Path(temporary.name)
for name in ("images", "masks"):
    (folder / name).mkdir()

synthetic = make_lesions(12, random_state=0)
for number, image in enumerate(synthetic.images):
    Image.fromarray(image).save(folder / "images" / f"{number:02d}.png")
    Image.fromarray(synthetic.masks[number]).save(folder / "masks" / f"{number:02d}_mask.png")

diagnoses = pd.Series(synthetic.diagnosis, index=[f"{number:02d}" for number in range(12)])
data = load_folder(folder / "images", labels=diagnoses)
print(len(data.images), "images, the first one is", Path(data.images[0]).name)

# %%
# Segment the images
# ------------------
#
# The segmenter takes the paths. It returns one :class:`~sklearn_melanoma.Lesion` per image, with the image and its
# mask.

segmenter = WatershedSegmenter()
lesions = segmenter.fit_transform(data.images)
display = BorderDisplay.from_lesions(lesions, data.masks)

# %%
# Yellow borders were found, blue borders are true. The number is the Jaccard index of the two masks: 1 for equal masks,
# 0 for masks without a common pixel.
#
# Save the masks
# --------------

found = folder / "found"
found.mkdir()
masks = segmenter.predict(data.images)
for path, mask in zip(data.images, masks, strict=True):
    Image.fromarray(mask).save(found / Path(path).name)
print(len(list(found.iterdir())), "masks saved")

# %%
# Compute features
# ----------------
#
# Each lesion becomes one row with three features: the area in pixels, the perimeter divided by that of the smallest
# circle around the lesion, and the largest diameter in pixels.

features = MorphologyFeatures("survey").set_output(transform="pandas")
table = features.fit_transform(lesions)
table.round(2)

# %%
# Find the images to check
# ------------------------
#
# With true masks, the Jaccard index shows which masks are poor. Without true masks, unusual features do: a very small
# area or a very long border is often a wrong mask.

scores = mask_scores(data.masks, masks, mask_jaccard)

figure = Figure(figsize=(7, 3.5), layout="constrained")
axes = figure.subplots()
points = axes.scatter(table["area"], table["perimeter_ratio"], c=scores, s=60, vmin=0.5, vmax=1)
for number, (x, y) in enumerate(zip(table["area"], table["perimeter_ratio"], strict=True)):
    axes.annotate(f"{number:02d}", (x, y), xytext=(5, 5), textcoords="offset points")
axes.set(xlabel="area in pixels", ylabel="perimeter_ratio")
figure.colorbar(points, label="Jaccard index")

print(f"mean Jaccard index {np.mean(scores):.2f}, lowest {np.min(scores):.2f}")
temporary.cleanup()

# %%
# **What to look at:** the images with the lowest Jaccard index in the first figure. Check what went wrong there, for
# example hair, a dark corner or a pale lesion, before you use the features. :doc:`/guide/segmentation` explains the
# steps, and :doc:`plot_choose_segmenter` compares segmenters.
