"""
Predict without labels by prior knowledge
=========================================

This example predicts melanoma without a single label, from what the literature says about the features. It then adds
ten labels and shows what they change, and writes a prior of its own.
"""

# %%
# What the literature says
# ------------------------
#
# :func:`~sklearn_melanoma.features.feature_directions` has a row for each feature. The direction is 1 if more is worse,
# -1 if less is worse, and 0 if it is unknown.

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

directions = feature_directions()
directions.loc[["max_span", "asymmetry_major", "solidity"], ["criterion", "direction", "source"]]

# %%
# Predict without labels
# ----------------------
#
# The features are computed once. The classifier is fitted with -1 for every image: no image has a label.

synthetic = make_lesions(60, image_size=(120, 160), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)
model = make_melanoma_pipeline()
table = model["features"].fit_transform(synthetic.images)

few = hide_labels(synthetic.target, 5, random_state=1)
unlabeled = few == -1


def print_auc(name, fitted):
    """Print the AUC on the unlabeled images."""
    scores = fitted.decision_function(table)[unlabeled]
    print(f"{name}: ROC AUC {roc_auc_score(synthetic.target[unlabeled], scores):.2f}")


def add_by_criterion(fitted):
    """Return the sum of the weights of each criterion, along the expected directions."""
    weights = pd.Series(fitted["classify"].coef_[0], fitted["classify"].feature_names_in_)
    known = directions.loc[directions.index.isin(weights.index) & (directions["weight"] != 0)]
    along = weights[known.index] * np.sign(known["weight"])
    return along.groupby(known["criterion"], sort=False).sum()


fitted = model[1:].fit(table, np.full(60, -1))
print_auc("no label", fitted)
weights = {"no label": add_by_criterion(fitted)}

# %%
# Correct the prior by ten labels
# -------------------------------

fitted = model[1:].fit(table, few)
print_auc("five labels per class", fitted)
weights["ten labels"] = add_by_criterion(fitted)

# %%
# Without labels, each criterion has the same weight. Labels raise the weight of criteria that agree with them.

figure = Figure(figsize=(5, 3.6), layout="constrained")
axes = figure.subplots()
places = np.arange(len(weights["no label"]))
for shift, (name, values) in zip((-0.2, 0.2), weights.items(), strict=True):
    axes.barh(places + shift, values, 0.4, label=name)
axes.set(yticks=places, yticklabels=weights["no label"].index, xlabel="sum of the weights", xlim=(0, 0.44))
axes.invert_yaxis()
axes.legend(loc="lower right")

# %%
# Write a prior of your own
# -------------------------
#
# A dictionary names features and their weights. A positive weight suggests melanoma. Only the ratios of the weights
# count. To change the weights of the literature, start from ``feature_directions()["weight"]``. With
# ``alpha="evidence"``, labels that contradict the prior can weaken or drop it, as in the default pipeline.

own = PriorLogisticRegression({"asymmetry_major": 2, "n_colors": 1, "solidity": -1}, alpha="evidence", classes=(0, 1))
fitted = make_melanoma_pipeline(classifier=own)[1:].fit(table, np.full(60, -1))
print_auc("three features, no label", fitted)

# %%
# **Next:** :doc:`plot_label_efficiency` shows how many labels are needed without a prior. :doc:`/guide/few_labels`
# explains the prior, and what happens if the labels contradict it.
