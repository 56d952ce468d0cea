"""
Find wrong masks
================

Some masks of a collection are wrong: of another image, shifted, or far too wide. This example finds them, shows them,
and learns from the corrected ones.
"""

# %%
# Masks of which some are wrong
# -----------------------------
#
# Four of 24 masks are damaged: two were drawn around other lesions, one is shifted, and one is far too wide.

import numpy as np
from scipy import ndimage

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.model_selection import find_suspect_masks
from sklearn_melanoma.segmentation import PixelClassifierSegmenter

data = make_lesions(24, image_size=(96, 128), hair=0.2, random_state=0)
masks = list(data.masks)
masks[0], masks[8] = data.masks[2], data.masks[1]
masks[15] = np.roll(masks[15], 20, axis=1)
masks[23] = ndimage.binary_dilation(masks[23], iterations=14)

# %%
# Find them
# ---------
#
# Two models predict each mask from the other images. A mask is suspect if the models agree with each other and not with
# the mask.

table = find_suspect_masks(data.images, masks, random_state=0)
table.loc[table["suspect"], ["color_jaccard", "place_jaccard"]].round(2)

# %%
# Look at them
# ------------
#
# The title gives the position of the image, and the Jaccard index of the given and the proposed mask.

display = BorderDisplay.from_suspects(table, data.images, masks, n_columns=2)

# %%
# Learn from the corrected masks
# ------------------------------
#
# The four damaged masks are found. The last suspect mask is right, so only the other four are replaced by the proposed
# ones. :class:`~sklearn_melanoma.segmentation.MaskCorrectingSegmenter` replaces all suspect masks in its ``fit``.

for number in (0, 8, 15, 23):
    masks[number] = table.loc[number, "proposed"]
segmenter = PixelClassifierSegmenter(random_state=0).fit(data.images, masks)
print(f"expected Jaccard index on other images: {segmenter.out_of_fold_jaccard_:.2f}")

# %%
# **What to look at:** each suspect mask, by eye. A right mask is suspect if both models make the same mistake. Mark
# masks that you have checked by ``trusted=``, then they are never suspect.
#
# **Next:** :doc:`/guide/suspect_masks` lists the options. :doc:`/benchmarks/masks` tells how many suspect masks are
# wrong on real images.
