"""ROC AUC of two classifiers on synthetic images against the number of labels."""

import warnings

from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import LabelEfficiencyDisplay


def draw() -> Figure:
    data = make_lesions(100, random_state=0)
    model = make_melanoma_pipeline()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        table = model["features"].fit_transform(data.images)
    self_training = SelfTrainingClassifier(LogisticRegression(class_weight="balanced", max_iter=1000))
    methods = {"default": model[1:], "self-training": make_melanoma_pipeline(classifier=self_training)[1:]}
    display = LabelEfficiencyDisplay.from_estimators(
        methods, table, data.target, labels_per_class=(0, 3, 5, 10), n_repeats=12, random_state=0
    )
    return display.figure_
