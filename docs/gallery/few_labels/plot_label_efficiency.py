"""
Label efficiency: how many labels are needed?
=============================================

This example draws the AUC of three classifiers against the number of labels. It hides most labels of labeled images,
and repeats this with other labels. Do the same with your own images before you label more of them.
"""

# %%
# Compute the features
# --------------------
#
# The features need no label, so they are computed once.

from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import LabelEfficiencyDisplay
from sklearn_melanoma.model_selection import summarize_efficiency
from sklearn_melanoma.pipeline import make_melanoma_pipeline
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

synthetic = make_lesions(80, image_size=(120, 160), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)
model = make_melanoma_pipeline()
table = model["features"].fit_transform(synthetic.images)

# %%
# Choose the classifiers
# ----------------------
#
# The first one is the default, which starts from prior knowledge. The second one is the same without prior knowledge.
# The third one is scikit-learn's self-training, which also learns from its own predictions.

self_training = SelfTrainingClassifier(LogisticRegression(class_weight="balanced", max_iter=1000))
methods = {
    "prior knowledge": model[1:],
    "labels alone": make_melanoma_pipeline(classifier=PriorLogisticRegression())[1:],
    "self-training": make_melanoma_pipeline(classifier=self_training)[1:],
}

# %%
# Draw the curves
# ---------------
#
# In each repeat, a third of the images is held out. All methods get the same labels. The bands are 95 % intervals over
# the repeats. With ``results="scores.csv"``, a stopped run continues from the file.

figure = Figure(figsize=(5, 3.4), layout="constrained")
display = LabelEfficiencyDisplay.from_estimators(
    methods,
    table,
    synthetic.target,
    groups=synthetic.groups,
    labels_per_class=(0, 3, 10, 20),
    n_repeats=8,
    random_state=0,
    ax=figure.subplots(),
)

# %%
# Compare the methods
# -------------------
#
# Repeats differ more than methods do. So compare the methods within each repeat: the columns of the difference say how
# far a method is from the baseline, with its interval.

summarize_efficiency(display.scores, baseline="labels alone").round(2)

# %%
# **What to look at:** the left end of the curves. Only the classifier with prior knowledge has a score without labels.
# Where two curves meet, prior knowledge no longer helps.
#
# **Next:** :doc:`plot_which_to_label` chooses the images to label. :doc:`/benchmarks/few_labels` has the results on
# real images.
