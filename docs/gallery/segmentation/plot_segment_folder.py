"""
Segment a folder of images
==========================

This example segments all images of a folder, without any mask to learn from. It saves the masks, and finds the images
to check by eye.
"""

# %%
# A folder of images
# ------------------
#
# The images here are synthetic, so the true masks are known. The steps after this one are the same for your own folder.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from sklearn_melanoma.datasets import find_images, make_lesions, name_masks
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.metrics import mask_jaccard, mask_scores
from sklearn_melanoma.pipeline import write_masks
from sklearn_melanoma.segmentation import WatershedSegmenter

temporary = TemporaryDirectory()
folder = Path(temporary.name)
(folder / "images").mkdir()

synthetic = make_lesions(12, random_state=0)
for number, image in enumerate(synthetic.images):
    Image.fromarray(image).save(folder / "images" / f"{number:02d}.png")

paths = find_images(folder / "images")
print(len(paths), "images, the first one is", Path(paths[0]).name)

# %%
# Segment the images
# ------------------
#
# The segmenter takes the paths. It returns one :class:`~sklearn_melanoma.Lesion` per image, with the image and its
# mask. The border is drawn in yellow.

segmenter = WatershedSegmenter()
lesions = segmenter.fit_transform(paths)
display = BorderDisplay.from_lesions(lesions[:4], n_columns=2)

# %%
# Save the masks
# --------------
#
# :func:`~sklearn_melanoma.pipeline.write_masks` writes one PNG file per image, at the size of the image. White pixels
# are the lesion. For thousands of images, this call is enough: it has only a few images in memory at a time.

written = write_masks(segmenter, paths, name_masks(paths, folder / "masks"))
written.index = [Path(path).stem for path in paths]
written["mask"] = [Path(path).name for path in written["mask"]]
written.head()

# %%
# Find the images to check
# ------------------------
#
# Unusual features often mean a wrong mask. Three features are enough here: the area in pixels, the perimeter divided by
# that of the smallest circle around the lesion, and the largest diameter in pixels.

features = MorphologyFeatures("survey").set_output(transform="pandas")
table = features.fit_transform(lesions)
table.index = written.index
table.round(2)

# %%
# The true masks show which masks are poor: the Jaccard index is 1 for equal masks, and 0 for masks without a common
# pixel. Each lesion has a smaller mask than its photograph. ``mask_scores`` resizes it to the photograph.

scores = mask_scores(synthetic.masks, lesions, mask_jaccard)
print(f"mean Jaccard index {np.mean(scores):.2f}, lowest {np.min(scores):.2f}")

figure = Figure(figsize=(5, 3.2), layout="constrained")
axes = figure.subplots()
points = axes.scatter(table["area"], table["perimeter_ratio"], c=scores, s=60, vmin=0.5, vmax=1)
for name, x, y in zip(table.index, table["area"], table["perimeter_ratio"], strict=True):
    axes.annotate(name, (x, y), xytext=(5, 5), textcoords="offset points")
axes.set(xlabel="area in pixels", ylabel="perimeter_ratio")
axes.margins(0.1)
figure.colorbar(points, label="Jaccard index")
temporary.cleanup()

# %%
# **What to look at:** the points that are far from the others. Look at these images, for example for hair, a dark
# corner or a pale lesion, before you use their features.
#
# **Next:** :doc:`plot_choose_segmenter` compares segmenters by a few masks. :doc:`../features/plot_feature_table`
# computes all features. :doc:`/guide/segmentation` explains the steps.
