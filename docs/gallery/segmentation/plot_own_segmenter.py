"""
Write a segmenter of your own
=============================

This example wraps a method of scikit-image as a segmenter, and compares it with the segmenter of the package. It then
replaces the segmenter of the default pipeline.
"""

# %%
# Write the segmenter
# -------------------
#
# A segmenter takes images and returns lesions with a mask. :class:`~sklearn_melanoma.images.ImageReader` turns paths
# and arrays into lesions. The method here is the active contour without edges of Chan and Vese, on the blue channel.
# The largest of its dark regions is the lesion. ``auto_wrap_output_keys=None`` says that lesions are not rows of a
# table.

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage
from skimage.measure import label
from skimage.segmentation import disk_level_set, morphological_chan_vese
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.metrics import make_mask_scorer, mask_jaccard, mask_scores
from sklearn_melanoma.pipeline import make_melanoma_pipeline
from sklearn_melanoma.segmentation import WatershedSegmenter


class ChanVeseSegmenter(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Segment by morphological active contours without edges."""

    def __init__(self, *, n_iterations=40):
        self.n_iterations = n_iterations

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return [lesion.with_mask(self.segment(lesion.image)) for lesion in ImageReader().transform(X)]

    def segment(self, image):
        blue = ndimage.gaussian_filter(image[..., 2] / 255, 2)
        start = disk_level_set(blue.shape, radius=min(blue.shape) / 4)
        inside = morphological_chan_vese(blue, self.n_iterations, init_level_set=start, smoothing=2).astype(bool)
        if blue[inside].mean() > blue[~inside].mean():  # the lesion is the darker side
            inside = ~inside
        regions = label(inside)
        sizes = np.bincount(regions.ravel())
        sizes[0] = 0  # the background
        return ndimage.binary_fill_holes(regions == sizes.argmax())


# %%
# Compare it with the watershed
# -----------------------------
#
# The true masks of the synthetic images are known. In three of ten images, the light falls off to one side.

synthetic = make_lesions(24, image_size=(96, 128), hair=0, vignette=0, uneven_light=0.3, random_state=0)
lesions, scores = {}, {}
for name, segmenter in {"Chan-Vese": ChanVeseSegmenter(), "watershed": WatershedSegmenter()}.items():
    lesions[name] = segmenter.transform(synthetic.images)
    scores[name] = mask_scores(synthetic.masks, lesions[name], mask_jaccard)
    print(f"{name}: mean Jaccard index {scores[name].mean():.2f}, below 0.65: {np.mean(scores[name] < 0.65):.0%}")

# %%
# Each point is one image. Above the line, the watershed is better.

figure = Figure(figsize=(4, 3.6), layout="constrained")
axes = figure.subplots()
axes.plot(scores["Chan-Vese"], scores["watershed"], "o", alpha=0.7)
axes.axline((0, 0), slope=1, color="0.6", lw=1)
axes.set(xlabel="Jaccard index, Chan-Vese", ylabel="Jaccard index, watershed", xlim=(0, 1.02), ylim=(0, 1.02))

# %%
# Look at the failures
# --------------------
#
# The contour takes dark skin for the lesion where the light is uneven.

worst = np.argsort(scores["Chan-Vese"])[:4]
display = BorderDisplay.from_lesions(
    [lesions["Chan-Vese"][i] for i in worst], [synthetic.masks[i] for i in worst], n_columns=2
)

# %%
# Tune it with masks
# ------------------
#
# A search finds the best number of iterations. ``make_mask_scorer`` compares the lesions with the true masks.

search = GridSearchCV(
    ChanVeseSegmenter(), {"n_iterations": [20, 40]}, scoring=make_mask_scorer(mask_jaccard), cv=3, error_score="raise"
)
search.fit(synthetic.images[:12], synthetic.masks[:12])
print(f"best number of iterations: {search.best_params_['n_iterations']}")

# %%
# Put it into the pipeline
# ------------------------
#
# All other steps stay the same.

model = make_melanoma_pipeline().set_params(features__segment=ChanVeseSegmenter())
model.fit(synthetic.images, synthetic.target)
print(f"probability of melanoma: {model.predict_proba(synthetic.images[:1])[0, 1]:.2f}")

# %%
# **Next:** :doc:`plot_choose_segmenter` compares the segmenters of the package. :doc:`/guide/networks` runs a neural
# network as a segmenter. If a segmenter learns from masks, freeze it before it goes into the pipeline
# (:doc:`/guide/pipeline`).
