"""
Distinguish several diagnoses
=============================

This example distinguishes nevi, melanomas and vascular lesions. It begins without any label, and then adds two labels
per class.
"""

# %%
# Images of three diagnoses
# -------------------------
#
# The synthetic images show nevi and melanomas. Every third lesion is recolored in red, as a vascular lesion.

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.metrics import score_report
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline

RED = np.array([170, 45, 60])

synthetic = make_lesions(60, image_size=(144, 192), melanoma_fraction=0.5, hair=0, vignette=0, random_state=0)
images = []
truth = np.where(synthetic.target == 1, "melanoma", "nevus").astype(object)
for number, (image, mask) in enumerate(zip(synthetic.images, synthetic.masks, strict=True)):
    image = image.copy()
    if number % 3 == 0:
        truth[number] = "vascular lesion"
        lightness = image[mask].mean(axis=1, keepdims=True)
        image[mask] = np.clip(RED * lightness / lightness.mean(), 0, 255)
    images.append(image)

figure = Figure(figsize=(5, 1.7), layout="constrained")
for axes, name in zip(figure.subplots(1, 3), ("nevus", "melanoma", "vascular lesion"), strict=True):
    axes.imshow(images[np.flatnonzero(truth == name)[0]])
    axes.set_title(name, fontsize="medium")
    axes.set_axis_off()

# %%
# What the literature says
# ------------------------
#
# The classifier starts from the expected direction of each feature. These are the criteria of a vascular lesion.

directions = feature_directions("vascular lesion")
directions[directions["direction"] != 0].groupby("criterion")["meaning"].agg(["size", "first"])

# %%
# Predict without labels
# ----------------------
#
# ``classes`` names the diagnoses that occur. No image is labeled.

classes = ("nevus", "melanoma", "vascular lesion")
model = make_melanoma_pipeline().set_params(classify__classes=classes)
features = model["features"].fit_transform(images)
unlabeled = model[1:].fit(features, np.full(60, -1))

# %%
# Learn from two labels per class
# -------------------------------
#
# The confusion matrices show the unlabeled images. A row is a true diagnosis, a column a predicted one.

few = hide_labels(truth, 2, random_state=0)
learned = make_melanoma_pipeline()[1:].fit(features, few)

figure = Figure(figsize=(5, 2.7), layout="constrained")
scored = few == -1
for axes, (title, fitted) in zip(
    figure.subplots(1, 2, sharey=True), {"no label": unlabeled, "two labels per class": learned}.items(), strict=True
):
    predicted = fitted.predict(features)[scored]
    matrix = confusion_matrix(truth[scored].astype(str), predicted.astype(str), labels=classes)
    ConfusionMatrixDisplay(matrix, display_labels=["nevus", "melanoma", "vascular"]).plot(
        ax=axes, colorbar=False, xticks_rotation=45
    )
    axes.set(xlabel="predicted", ylabel="")
    axes.set_title(title, fontsize="medium")

# %%
# Report the results
# ------------------
#
# The report scores each class against the rest, on the unlabeled images.

score_report(truth[scored], learned.predict_proba(features)[scored]).round(2)

# %%
# **Next:** :doc:`/guide/multiclass` explains priors, thresholds and the prevalence of several classes.
# :doc:`plot_patient_metadata` adds the age and sex of the patient.
