"""
From a public data set to a score
=================================

This example goes from the files of a public data set to a cross-validated score with an interval. The folder has the
official layout of ISIC 2017, but holds synthetic images.
"""

# %%
# Get the data set
# ----------------
#
# One call downloads ISIC 2017 and loads it, here its 150 validation images::
#
#     from sklearn_melanoma.datasets import fetch_isic_2017
#
#     data = fetch_isic_2017("data/isic2017", splits=["validation"])
#
# This page is built without a network. So the next lines write synthetic images, borders and diagnoses to the same
# folders. The last two images are copies of the first two, as happens when data sets are merged.

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from sklearn_melanoma.datasets import find_duplicates, load_isic_2017, make_lesions
from sklearn_melanoma.metrics import score_report
from sklearn_melanoma.model_selection import hide_labels, out_of_fold_scores
from sklearn_melanoma.pipeline import make_melanoma_pipeline

temporary = TemporaryDirectory()
folder = Path(temporary.name)
images = folder / "ISIC-2017_Validation_Data"
masks = folder / "ISIC-2017_Validation_Part1_GroundTruth"
images.mkdir()
masks.mkdir()

synthetic = make_lesions(40, image_size=(96, 128), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)
order = [*range(40), 0, 1]
names = [f"ISIC_{number:07d}" for number in range(len(order))]
for name, number in zip(names, order, strict=True):
    Image.fromarray(synthetic.images[number]).save(images / f"{name}.jpg", quality=90)
    Image.fromarray(synthetic.masks[number]).save(masks / f"{name}_segmentation.png")
table = pd.DataFrame({"image_id": names, "melanoma": synthetic.target[order], "seborrheic_keratosis": 0})
table.to_csv(folder / "ISIC-2017_Validation_Part3_GroundTruth.csv", index=False)

# %%
# Load it
# -------
#
# The loader finds images, masks and diagnoses by their official names. ``DESCR`` names the source and the terms, and
# counts what was found.

data = load_isic_2017(folder)
print(data.DESCR)

# %%
# Find duplicates
# ---------------
#
# A copy of a training image in the test fold would make the score too high. Images in the same group stay on the same
# side of each split.

groups = find_duplicates(data.images, groups=data.groups)
print(len(data.images), "images in", len(set(groups)), "groups")

# %%
# Cross-validate with few labels
# ------------------------------
#
# Only 12 labels per class are kept. The images without a label help to scale the features, but are never scored. The
# image steps learn nothing, so they run once.

few = hide_labels(data.target, 12, random_state=0, groups=groups)
model = make_melanoma_pipeline()
features = model["features"].fit_transform(data.images)

probability = out_of_fold_scores(model[1:], features, few, cv=5, groups=groups)
report = score_report(few, probability, groups=groups)
report.loc[["ROC AUC", "sensitivity", "specificity"]].round(2)

# %%
# The picture shows each score with its 95 % interval. Each group counts once.

shown = report.loc[["ROC AUC", "balanced accuracy", "sensitivity", "specificity"]]
figure = Figure(figsize=(5, 2), layout="constrained")
axes = figure.subplots()
axes.hlines(shown.index, shown["low"], shown["high"], color="C0")
axes.plot(shown["value"], shown.index, "o", color="C0")
axes.margins(y=0.15)
axes.invert_yaxis()
axes.set(xlim=(0, 1), xlabel="score and 95 % interval")
temporary.cleanup()

# %%
# **What to look at:** the width of the intervals. 24 labels can't distinguish a good classifier from a slightly better
# one.
#
# **Next:** :doc:`/guide/datasets` lists the public data sets and their loaders.
# :doc:`../few_labels/plot_label_efficiency` compares classifiers by the number of labels.
