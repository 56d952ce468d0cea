"""
Feature importance: which features does a model use?
====================================================

This example finds a shortcut: the melanomas were photographed in warmer light, and the model has learned the light. The
importances of its features show this. A second model does without the color of the skin.
"""

# %%
# Images from two clinics
# -----------------------
#
# In the first 80 images, melanomas come from a clinic with warmer light. The last 40 images come from a third clinic,
# where all light is the same. The picture shows a melanoma in both lights.

import numpy as np
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import FeatureUnion

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import ColorFeatures, MorphologyFeatures
from sklearn_melanoma.inspection import FeatureImportanceDisplay
from sklearn_melanoma.pipeline import make_melanoma_pipeline

WARM = np.array([1.08, 1, 0.84])

synthetic = make_lesions(120, image_size=(96, 128), melanoma_fraction=0.5, hair=0, vignette=0, random_state=1)
images = [
    np.clip(image * WARM, 0, 255).astype(np.uint8) if is_melanoma and number < 80 else image
    for number, (image, is_melanoma) in enumerate(zip(synthetic.images, synthetic.target, strict=True))
]

first = np.flatnonzero(synthetic.target)[0]
figure = Figure(figsize=(5, 2.1), layout="constrained")
for axes, (name, image) in zip(
    figure.subplots(1, 2), {"usual light": synthetic.images[first], "warmer light": images[first]}.items(), strict=True
):
    axes.imshow(image)
    axes.set_title(name, fontsize="medium")
    axes.set_axis_off()

# %%
# Fit a model
# -----------
#
# Twelve features are enough to see what happens. Three of them describe the color of the skin around the lesion.

morphology = MorphologyFeatures(["area", "solidity", "compactness", "asymmetry_major", "asymmetry_minor"])
skin = ["skin_lightness", "skin_a", "skin_b"]
color = ColorFeatures(["n_colors", "color_entropy", "color_asymmetry_major", "lightness_contrast", *skin])
measure = FeatureUnion([("morphology", morphology), ("color", color)], verbose_feature_names_out=False)

model = make_melanoma_pipeline(classifier=LogisticRegression())
model.set_params(features__measure=measure.set_output(transform="pandas"))
table = model["features"].fit_transform(images)
train, test, elsewhere = slice(0, 50), slice(50, 80), slice(80, 120)


def fit_and_score(columns):
    """Return a model of these features, after printing its AUC."""
    fitted = model[1:].fit(table[columns][train], synthetic.target[train])
    for name, part in {"the same clinics": test, "the third clinic": elsewhere}.items():
        probability = fitted.predict_proba(table[columns][part])[:, 1]
        print(f"ROC AUC at {name}: {roc_auc_score(synthetic.target[part], probability):.2f}")
    return fitted


fitted = fit_and_score(list(table.columns))

# %%
# Ask which features it uses
# --------------------------
#
# Each feature is permuted among the images that the model has not seen. The bar is the loss of AUC. The lower panel
# permutes all features of a family at once, because features of a family can replace each other.

display = FeatureImportanceDisplay.from_estimator(
    fitted,
    table[test],
    synthetic.target[test],
    n_repeats=5,
    families=dict.fromkeys(skin, "skin"),
    max_features=6,
    random_state=0,
)

# %%
# Leave out the shortcut
# ----------------------
#
# Without the color of the skin, the AUC at the same clinics falls to its true value.

without_skin = fit_and_score([name for name in table.columns if name not in skin])

# %%
# **What to look at:** families that say nothing about the lesion. A model that needs them will fail at another clinic.
#
# **Next:** :doc:`plot_report` shows which criteria moved the score of a single image. :doc:`/guide/inspection` explains
# the importances. :doc:`/guide/preprocessing` corrects the color of the light.
