"""Weights and scores of synthetic images without labels, and how labels correct them."""

import warnings

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.model_selection import hide_labels

LABELS = (0, 3, 10)


def draw() -> Figure:
    data = make_lesions(80, melanoma_fraction=0.5, random_state=0)
    model = make_melanoma_pipeline()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        table = model["features"].fit_transform(data.images)
    known = feature_directions()
    known = known[known["weight"] != 0].drop("age")  # there are images alone
    weights, scores = {}, {}
    for n_labels in LABELS:
        few = hide_labels(data.target, n_labels, random_state=1) if n_labels else np.full(80, -1)
        fitted = model[1:].fit(table, few)
        found = pd.Series(fitted["classify"].coef_[0], fitted["classify"].feature_names_in_)
        weights[n_labels] = (
            (np.sign(known["weight"]) * found[known.index]).groupby(known["criterion"], sort=False).sum()
        )
        scores[n_labels] = fitted.decision_function(table), few == -1

    figure = Figure(figsize=(6, 6), layout="constrained")
    top, *panels = figure.subplot_mosaic("aaa;bcd", height_ratios=[1.6, 1]).values()
    places = np.arange(len(weights[0]))
    for i, n_labels in enumerate(LABELS):
        top.barh(places + 0.25 * (i - 1), weights[n_labels], 0.25, color=f"C{i}", label=f"{n_labels} labels")
    top.set(yticks=places, yticklabels=weights[0].index, xlabel="sum of the weights along the direction")
    top.axvline(0, color="black", lw=0.8)
    top.invert_yaxis()
    top.legend(fontsize=9)
    for axes, n_labels in zip(panels, LABELS, strict=True):
        score, unlabeled = scores[n_labels]
        bins = np.linspace(*np.percentile(score, [0, 100]), 16)
        for target, color, name in ((0, "C7", "nevi"), (1, "C3", "melanomas")):
            axes.hist(score[unlabeled & (data.target == target)], bins, color=color, alpha=0.6, label=name)
        axes.set(title=f"{n_labels} labels", xlabel="log-odds", yticks=[])
        axes.title.set_fontsize("medium")
    panels[0].set_ylim(0, 1.5 * panels[0].get_ylim()[1])
    panels[0].legend(fontsize=9)
    return figure
