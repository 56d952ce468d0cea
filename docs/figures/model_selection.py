"""Which samples are trained on and which are scored, fold by fold."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from sklearn.model_selection import StratifiedKFold

from sklearn_melanoma.model_selection import SemiSupervisedSplit

ROLES = {
    "unlabeled, trained on": "#c6dbef",
    "labeled, trained on": "#3182bd",
    "labeled, scored": "#e6550d",
    "unlabeled, scored": "#fdae6b",
    "left out: its lesion is scored": "#ffffff",
}
N_FOLDS = 3


def roles(y, splits):
    """Return the row of every fold: the position in ROLES of every sample's role."""
    rows = np.full((N_FOLDS, len(y)), 4)
    for row, (train, test) in zip(rows, splits, strict=True):
        row[train] = y[train] != -1
        row[test] = np.where(y[test] == -1, 3, 2)
    return rows


def draw() -> Figure:
    # Two images of each of 18 lesions; every third lesion has a label, on its first image only.
    groups = np.repeat(np.arange(18), 2)
    y = np.full(36, -1)
    y[::6] = [0, 1, 0, 1, 0, 1]
    X = np.zeros((36, 1))
    panels = {
        "StratifiedKFold(3)": StratifiedKFold(N_FOLDS).split(X, y),
        "SemiSupervisedSplit(3)": SemiSupervisedSplit(N_FOLDS).split(X, y),
        "SemiSupervisedSplit(3), groups=lesion": SemiSupervisedSplit(N_FOLDS).split(X, y, groups),
    }
    figure = Figure(figsize=(6, 5), layout="constrained")
    for axes, (title, splits) in zip(figure.subplots(3, 1, sharex=True), panels.items(), strict=True):
        axes.pcolormesh(roles(y, splits), cmap=ListedColormap(list(ROLES.values())), vmin=0, vmax=4, edgecolor="gray")
        axes.set(yticks=np.arange(N_FOLDS) + 0.5, yticklabels=range(N_FOLDS), ylabel="fold")
        axes.set_title(title, fontsize=10, loc="left", family="monospace")
        axes.invert_yaxis()
    axes.set_xlabel("image; two in a row show one lesion")
    figure.legend(
        handles=[Patch(facecolor=color, edgecolor="gray", label=role) for role, color in ROLES.items()],
        loc="outside lower center",
        ncols=2,
    )
    return figure
