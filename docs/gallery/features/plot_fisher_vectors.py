"""
Fisher vectors: features learned without labels
===============================================

This example learns from images without labels what small patches of lesions look like. It draws the learned patches,
and uses them as features of a model.
"""

# %%
# Learn from images without labels
# --------------------------------
#
# :class:`~sklearn_melanoma.features.FisherVectorEncoder` takes segmented lesions. It describes their patches of 6 × 6
# pixels by Gaussians, eight at each of three scales.

import numpy as np
from matplotlib.figure import Figure
from scipy.fft import idctn
from sklearn.metrics import roc_auc_score

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import FisherVectorEncoder
from sklearn_melanoma.inspection import ContributionDisplay
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline
from sklearn_melanoma.segmentation import WatershedSegmenter

synthetic = make_lesions(
    40,
    image_size=(120, 160),
    melanoma_fraction=0.5,
    hair=0,
    vignette=0,
    random_state=0,
)
lesions = WatershedSegmenter().transform(synthetic.images)
encoder = FisherVectorEncoder(random_state=0).fit(lesions)
print(*encoder.transform(lesions).shape, sep=" × ")

# %%
# Draw the mean patches
# ---------------------
#
# The mean of a Gaussian has 24 principal components. Undoing their computation gives cosine coefficients, and the
# inverse cosine transform gives the logarithms of levels. Their mean was left out, so all patches get the same color.
# Here the contrast is doubled. Each row shows the six patches with the largest weights at one scale.

COLOR = np.array([166, 112, 84])
down, across = np.indices((6, 6))
kept = (down + across > 0) & (down + across <= 4) & (np.maximum(down, across) <= 3)

figure = Figure(figsize=(5, 2.9), layout="constrained")
for row, (scale, mixture) in zip(figure.subplots(3, 6), zip((20, 40, 80), encoder.mixtures_, strict=True), strict=True):
    order = np.argsort(-mixture.weights)[:6]
    values = mixture.center + mixture.means[order] @ np.linalg.pinv(mixture.components)
    coefficients = np.zeros((len(order), 3, 6, 6))
    coefficients[:, :, kept] = values.reshape(len(order), 3, -1)
    logarithms = idctn(coefficients, axes=(2, 3), norm="ortho").transpose(0, 2, 3, 1)
    patches = np.clip(COLOR * np.exp(2 * logarithms), 0, 255).astype(np.uint8)
    for axes, patch, weight in zip(row, patches, mixture.weights[order], strict=True):
        axes.imshow(patch)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{weight:.0%}", fontsize="medium")
    row[0].set_ylabel(f"scale {scale}")

# %%
# A model with and without
# ------------------------
#
# ``"learned"`` puts these features beside the 181 others. Ten of the first 25 images have a label. The encoder learns
# from all 25. The other 15 images are scored.

few = hide_labels(synthetic.target[:25], 5, random_state=0)
models = {}
for name in ("all", "learned"):
    models[name] = make_melanoma_pipeline(name).fit(synthetic.images[:25], few)
    scores = models[name].predict_proba(synthetic.images[25:])[:, 1]
    print(f"{name}: ROC AUC {roc_auc_score(synthetic.target[25:], scores):.2f}")

# %%
# What they add to a score
# ------------------------
#
# Single columns of a Fisher vector mean little. The displays and reports therefore show all of them as one criterion,
# "learned patterns".

display = ContributionDisplay.from_estimator(models["learned"], synthetic.images[25])

# %%
# **What to look at:** the mean patches. The Gaussians with the largest weights describe smooth skin and pigment, the
# others edges that differ in strength and color. All edges have the same direction, because each patch is mirrored and
# transposed into one orientation.
#
# **Next:** :doc:`../evaluation/plot_report` explains scores. :doc:`/guide/fisher_vectors` lists the options, and
# :doc:`/benchmarks/features` has the results on real images.
