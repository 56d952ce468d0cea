"""Probabilities of synthetic images with and without the prevalence; trust of the views in right and wrong labels."""

import warnings

import numpy as np
from matplotlib.figure import Figure

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import (
    AbcdFeatures,
    ColorFeatures,
    MorphologyFeatures,
    TextureFeatures,
    feature_directions,
)
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    PriorLogisticRegression,
)

FAMILIES = {"morphology": MorphologyFeatures, "color": ColorFeatures, "texture": TextureFeatures, "abcd": AbcdFeatures}


def draw() -> Figure:
    data = make_lesions(100, melanoma_fraction=0.2, random_state=0)
    prior = PriorLogisticRegression(feature_directions()["weight"], classes=(0, 1))
    model = make_melanoma_pipeline(classifier=prior)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        table = model["features"].fit_transform(data.images)
    rows = model[1:-1].fit_transform(table)
    few = hide_labels(data.target, 10, random_state=0)
    unlabeled = few == -1

    figure = Figure(figsize=(6, 5.6), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    balanced = BalancedSelfTrainingClassifier(prior, prevalence=float(data.target[unlabeled].mean()))
    for classifier, name, color in ((prior, "the default", "C7"), (balanced, "with self-training", "C0")):
        probability = np.sort(classifier.fit(rows, few).predict_proba(rows)[unlabeled, 1])[::-1]
        top.plot(probability, color=color, label=f"{name}: mean {probability.mean():.2f}")
    top.axvline(data.target[unlabeled].sum(), color="black", lw=0.8, ls="--", label="number of melanomas")
    top.set(xlabel="images without a label, the likeliest melanomas first", ylabel="probability", ylim=(0, 1))
    top.legend(fontsize=9)

    wrong = np.zeros(len(few), dtype=bool)
    for target in (0, 1):
        wrong[np.flatnonzero(few == target)[:2]] = True
    given = np.where(wrong, 1 - few, few)
    views = {name: family.FEATURES for name, family in FAMILIES.items()}
    trust = CoTrainingClassifier(prior, views).fit(rows, given).label_trust_
    order = np.flatnonzero(~unlabeled)[np.argsort(trust[~unlabeled])]
    bottom.bar(np.arange(len(order)), trust[order], color=np.where(wrong[order], "C3", "C0"))
    bottom.bar([0], [0], color="C3", label="wrong labels")
    bottom.set(xlabel="the 20 labels", ylabel="trust of the views", ylim=(0, 1), xticks=[])
    bottom.legend(fontsize=9, loc="upper left")
    return figure
