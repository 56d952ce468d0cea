"""Importance of single features and of families for the default pipeline."""

from matplotlib.figure import Figure

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import FeatureImportanceDisplay
from sklearn_melanoma.model_selection import hide_labels


def draw() -> Figure:
    data = make_lesions(160, hair=0, vignette=0, ruler=0, random_state=0)
    labels = hide_labels(data.target[:80], 15, random_state=0)
    model = make_melanoma_pipeline().fit(data.images[:80], labels)
    return FeatureImportanceDisplay.from_estimator(
        model, data.images[80:], data.target[80:], n_repeats=5, random_state=0, max_features=12
    ).figure_
