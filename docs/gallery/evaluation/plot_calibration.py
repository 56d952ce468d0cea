"""
Calibration: check and correct the probabilities
================================================

This example checks whether probabilities are right: of images with a probability of 30 %, three of ten should be
melanomas. Often they are too high, because melanomas are rare and labels are balanced. The prevalence corrects this.
"""

# %%
# Balanced labels, rare melanomas
# -------------------------------
#
# Half of the 40 labeled images show a melanoma. Only one in eight of the 160 unseen images does.

from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import brier_score_loss, roc_auc_score

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.pipeline import make_melanoma_pipeline

artifacts = {"hair": 0, "vignette": 0}
labeled = make_lesions(40, image_size=(96, 128), melanoma_fraction=1 / 2, random_state=0, **artifacts)
unseen = make_lesions(160, image_size=(96, 128), melanoma_fraction=1 / 8, random_state=1, **artifacts)

# %%
# Fit with and without the prevalence
# -----------------------------------
#
# ``prevalence`` is the fraction of melanomas among the images that are to be scored. Take the number from the records
# of your clinic.

model = make_melanoma_pipeline()
table = model["features"].fit_transform(labeled.images)
unseen_table = model["features"].transform(unseen.images)
probability = {}
for name, prevalence in {"without prevalence": None, "with prevalence": 1 / 8}.items():
    fitted = model[1:].set_params(classify__prevalence=prevalence).fit(table, labeled.target)
    probability[name] = fitted.predict_proba(unseen_table)[:, 1]

# %%
# Compare the probabilities
# -------------------------
#
# The mean should be the prevalence. The Brier score is the mean squared error of the probabilities. The AUC stays the
# same, because the order of the images does.

for name, values in probability.items():
    print(
        f"{name:18}  mean {values.mean():.2f}  Brier score {brier_score_loss(unseen.target, values):.3f}  "
        f"ROC AUC {roc_auc_score(unseen.target, values):.2f}"
    )

# %%
# Draw the calibration curve
# --------------------------
#
# Each point is a fifth of the images. On the dotted line, the probability is the fraction of melanomas.

figure = Figure(figsize=(5, 4), layout="constrained")
axes = figure.subplots()
for name, values in probability.items():
    CalibrationDisplay.from_predictions(unseen.target, values, n_bins=5, strategy="quantile", name=name, ax=axes)
axes.set(xlabel="mean probability", ylabel="fraction of melanomas", xlim=(0, 1), ylim=(0, 1))
axes.legend(loc="upper left")

# %%
# **Next:** :doc:`/guide/labels` has a section about calibration, with other ways to correct probabilities. Choose the
# threshold after you have set the prevalence: :doc:`plot_threshold`.
