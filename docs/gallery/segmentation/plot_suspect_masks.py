"""
Find wrong masks
================

Some masks of a collection are wrong. This example finds them, shows them, and learns from the corrected ones.
"""

# %%
# Masks of which some are wrong
# -----------------------------
#
# Four of 32 masks are damaged: two were drawn around other lesions, one is shifted, one is far too wide.

import numpy as np
from scipy import ndimage

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.model_selection import find_suspect_masks
from sklearn_melanoma.segmentation import MaskCorrectingSegmenter, PixelClassifierSegmenter

data = make_lesions(32, image_size=(96, 128), hair=0.2, random_state=0)
masks = list(data.masks)
masks[0], masks[8] = data.masks[2], data.masks[1]
masks[15] = np.roll(masks[15], 20, axis=1)
masks[31] = ndimage.binary_dilation(masks[31], iterations=14)

# %%
# Find them
# ---------
#
# Two models predict each mask from the other images. A mask is suspect if the models agree with each other and not with
# the mask.

table = find_suspect_masks(data.images, masks, random_state=0)
print(table.drop(columns=["image", "proposed"])[table["suspect"]].round(2))

# %%
# Look at them
# ------------
#
# The title gives the position of the image, and the Jaccard index of the given and the proposed mask.

display = BorderDisplay.from_suspects(table, data.images, masks)

# %%
# Learn from the corrected masks
# ------------------------------
#
# The segmenter replaces suspect masks by the proposed ones before it learns. Masks that an expert has checked stay as
# they are with ``trusted=``.

segmenter = MaskCorrectingSegmenter(PixelClassifierSegmenter(random_state=0), random_state=0)
segmenter.fit(data.images, masks)
print("replaced:", segmenter.suspects_)

# %%
# **What to look at:** suspect masks are a list to check, not a verdict. A right mask can be suspect if both models make
# the same mistake, for example on hairs. Put such masks into ``trusted=``. :doc:`/benchmarks/masks` says how many of
# the suspect masks are wrong on real images.
