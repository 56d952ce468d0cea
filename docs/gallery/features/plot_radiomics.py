"""
Radiomics features in a table
=============================

This example computes the 2-D features of PyRadiomics for color images, without PyRadiomics. It draws the gray levels
that they are computed from, and saves the table under the names of PyRadiomics.
"""

# %%
# Segment the images
# ------------------
#
# The images here are synthetic. With masks of your own, make each lesion by ``Lesion(image, mask)``.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import RadiomicsFeatures
from sklearn_melanoma.segmentation import WatershedSegmenter

synthetic = make_lesions(12, melanoma_fraction=0.5, random_state=0)
lesions = WatershedSegmenter().transform(synthetic.images)

# %%
# Compute the features
# --------------------
#
# :class:`~sklearn_melanoma.features.RadiomicsFeatures` takes names of classes and of features. The gray levels are 25
# units wide, as in PyRadiomics by default.

radiomics = RadiomicsFeatures(["shape2D", "firstorder", "glcm"], channels=["gray", "blue"])
table = radiomics.set_output(transform="pandas").fit_transform(lesions)
print(*table.shape, sep=" × ")
table[["shape2D_Sphericity", "gray_firstorder_Mean", "gray_glcm_Contrast", "blue_glcm_Contrast"]].round(2)

# %%
# Draw the gray levels
# --------------------
#
# Texture features are computed from gray levels. The picture shows those of the blue channel for two bin widths.

lesion = lesions[0]
blue = np.ma.masked_array(lesion.image[..., 2], ~lesion.mask)[lesion.box]

figure = Figure(figsize=(5, 2.2), layout="constrained")
axes = figure.subplots(1, 3)
axes[0].imshow(lesion.image[lesion.box])
axes[0].set_title("image", fontsize="medium")
for panel, width in zip(axes[1:], (25, 5), strict=True):
    levels = blue // width - blue.min() // width + 1
    panel.imshow(levels, interpolation="nearest")
    panel.set_title(f"bin width {width}:\n{levels.max()} levels", fontsize="medium")
for panel in axes:
    panel.set(xticks=[], yticks=[])

# %%
# Save the table
# --------------
#
# PyRadiomics writes ``original`` where this table has a channel.

with TemporaryDirectory() as folder:
    path = Path(folder) / "radiomics.csv"
    table.filter(regex="^(gray|shape2D)").rename(columns=lambda name: f"original_{name.removeprefix('gray_')}").to_csv(
        path
    )
    columns = list(pd.read_csv(path, index_col=0).columns)
print(len(columns), "columns, such as", columns[0], "and", columns[-1])

# %%
# **What to look at:** the number of gray levels. Texture features change with it, so compare only tables that were made
# with the same bin width.
#
# **Next:** :doc:`plot_feature_table` computes the features of this package. :doc:`/guide/radiomics` lists all names,
# and the differences from PyRadiomics.
