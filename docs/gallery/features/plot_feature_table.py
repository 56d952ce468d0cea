"""
Compute features as a table
===========================

This example turns a folder of images into a table with one row of features for each image. It saves the table for other
programs, and compares nevi and melanomas.
"""

# %%
# A folder of images
# ------------------
#
# The folder has a subfolder for each diagnosis. The images here are synthetic.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from sklearn_melanoma.datasets import load_folder, make_lesions
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.pipeline import make_melanoma_pipeline

temporary = TemporaryDirectory()
folder = Path(temporary.name)

synthetic = make_lesions(40, image_size=(144, 192), melanoma_fraction=0.5, hair=0, vignette=0, random_state=3)
for number, (image, diagnosis) in enumerate(zip(synthetic.images, synthetic.diagnosis, strict=True)):
    (folder / diagnosis).mkdir(exist_ok=True)
    Image.fromarray(image).save(folder / diagnosis / f"{number:02d}.png")

data = load_folder(folder)
print(pd.Series(data.diagnosis).value_counts().to_string())

# %%
# Compute all features
# --------------------
#
# The first step of the default pipeline reads and segments each image, and computes its features. The index of the
# table is the path.

steps = make_melanoma_pipeline()["features"]
table = steps.fit_transform(data.images)
table.index = [Path(path).name for path in table.index]
print(*table.shape, sep=" × ")
table[["area", "asymmetry_major", "solidity", "n_colors", "lightness_contrast"]].head().round(2)

# %%
# Save the table
# --------------
#
# A CSV file opens in R, SPSS or a spreadsheet.

table.assign(diagnosis=data.diagnosis).to_csv(folder / "features.csv", index_label="image")
saved = pd.read_csv(folder / "features.csv", index_col="image")
print(saved.shape[1] - 1, "features and the diagnosis of", len(saved), "images")
temporary.cleanup()

# %%
# What each feature means
# -----------------------
#
# For 77 features, the literature says whether a higher value is worse (1) or better (-1).

names = ["asymmetry_major", "n_colors", "solidity"]
feature_directions().loc[names, ["criterion", "direction", "source"]]

# %%
# Compare nevi and melanomas
# --------------------------

figure = Figure(figsize=(5, 2.8), layout="constrained")
melanoma = np.array(data.diagnosis) == "melanoma"
for axes, name in zip(figure.subplots(1, 3), names, strict=True):
    axes.boxplot([table.loc[~melanoma, name], table.loc[melanoma, name]], widths=0.6)
    axes.set_xticklabels(["nevi", "melanomas"], rotation=30)
    axes.set_title(name, fontsize="medium")

# %%
# **Next:** :doc:`/guide/features` lists all features, :doc:`plot_own_feature` adds one, and
# :doc:`../few_labels/plot_few_labels` trains a classifier on the table.
