"""
Choose a threshold at 95 % sensitivity
======================================

This example turns probabilities into decisions. It chooses the threshold at which 95 % of unseen melanomas are to be
found, and checks the decisions on images that were not used for the choice.
"""

# %%
# Labeled and unseen images
# -------------------------
#
# A sensitivity of 95 % needs at least 19 labeled melanomas. With fewer, no threshold can promise it. Here, 25 images of
# each class have a label. The last 60 images are unseen.

import numpy as np
from matplotlib.figure import Figure
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import FixedThresholdClassifier

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import score_report, threshold_at_sensitivity
from sklearn_melanoma.model_selection import hide_labels, out_of_fold_scores
from sklearn_melanoma.pipeline import make_melanoma_pipeline

synthetic = make_lesions(160, image_size=(120, 160), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)
model = make_melanoma_pipeline()
table = model["features"].fit_transform(synthetic.images)
rows, unseen = table[:100], table[100:]
lesions = synthetic.groups[:100]  # the lesion of each image; here, each lesion has one image
truth = synthetic.target[100:]
labels = hide_labels(synthetic.target[:100], 25, random_state=0)

# %%
# Choose the threshold
# --------------------
#
# The model must not have seen the images that the threshold is chosen on.
# :func:`~sklearn_melanoma.model_selection.out_of_fold_scores` scores each labeled image by a model that was fitted
# without it. ``groups`` are the lesions: a model that has seen one image of a lesion does not score the others.

scores = out_of_fold_scores(model[1:], rows, labels, groups=lesions)
found = threshold_at_sensitivity(labels, scores, sensitivity=0.95, groups=lesions)
print(f"threshold {found.threshold:.2f}, expected sensitivity {found.expected_sensitivity:.2f}")

# %%
# Predict by the threshold
# ------------------------
#
# scikit-learn's :class:`~sklearn.model_selection.FixedThresholdClassifier` replaces the usual threshold of 0.5. The
# frozen model is not fitted again.

fitted = model[1:].fit(rows, labels)
labeled = labels != -1
cut = FixedThresholdClassifier(FrozenEstimator(fitted), threshold=found.threshold)
cut.fit(rows[labeled], labels[labeled])
for name, classifier in {"0.5": fitted, "chosen": cut}.items():
    (true_negative, false_positive), (missed, hits) = confusion_matrix(truth, classifier.predict(unseen))
    print(f"threshold {name}: {missed} of {missed + hits} melanomas missed, {false_positive} false alarms")

# %%
# Look at all thresholds
# ----------------------
#
# A lower threshold finds more melanomas and raises more false alarms.

probability = fitted.predict_proba(unseen)[:, 1]
thresholds = np.linspace(0, 1, 201)
sensitivity = [np.mean(probability[truth == 1] >= threshold) for threshold in thresholds]
specificity = [np.mean(probability[truth == 0] < threshold) for threshold in thresholds]

figure = Figure(figsize=(5, 3.2), layout="constrained")
axes = figure.subplots()
axes.plot(thresholds, sensitivity, label="sensitivity")
axes.plot(thresholds, specificity, label="specificity")
axes.axvline(found.threshold, color="black", ls="--", label="chosen threshold")
axes.set(xlabel="threshold", ylabel="fraction of unseen images")
axes.legend(loc=(0.33, 0.03))

# %%
# Report the result
# -----------------
#
# The intervals are wide, because there are only 60 unseen images.

score_report(truth, probability, threshold=found.threshold).loc[["ROC AUC", "sensitivity", "specificity"]].round(2)

# %%
# **Next:** :doc:`plot_calibration` checks the probabilities, and :doc:`../deployment/plot_save_and_serve` saves the
# threshold with the model. :doc:`/guide/labels` explains how the threshold is computed. After a change of the
# prevalence or the calibration, choose a new threshold.
