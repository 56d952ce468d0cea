"""The pipeline with learned features, the default and its peers, with few labels and with all labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from benchmarks._draws import Draw, draw_few_labels, weigh_lesions
from benchmarks._network import compute_network_features
from benchmarks._report import Section, interval, number, text
from benchmarks._simple_features import compute_simple_features
from benchmarks._statistics import gain_interval
from benchmarks._tables import segment_images
from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.features import FisherVectorEncoder
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.semi_supervised import LabeledOnlyClassifier

FOLDS = 5
ALL = "all"
LEARNED, DEFAULT, SIMPLE, NETWORK = "learned", "all", "simple", "network"
METHODS = (DEFAULT, LEARNED, SIMPLE, NETWORK)

NOTE = (
    "*Learned*: `make_melanoma_pipeline('learned')`. In every draw and fold, its encoder sees the same images as the "
    "classifier, without their labels. *Simple*: the 91 features in `_simple_features.py`. *Network*: the 1 280 "
    "features of EfficientNet-Lite0, trained on ImageNet and not changed, of whole images at 224 × 224 pixels. The "
    "columns of both are imputed and standardized on the same images, labeled or not. The classifier of both is a "
    "logistic regression with balanced classes. Its penalty is the number of columns, so that the log-odds have the "
    "same prior variance. All labels: {folds} folds, no lesion in two of them; brackets: 95 % interval over the folds."
)
COLUMNS = {
    "labels per class": text("labels"),
    "pipeline (95 %)": interval(DEFAULT),
    "learned (95 %)": interval(LEARNED),
    "learned minus pipeline (95 %)": interval("gain", "+.4f"),
    "simple (95 %)": interval(SIMPLE),
    "network (95 %)": interval(NETWORK),
    "draws": number("n_draws", "d"),
}


def add_learned(table: pd.DataFrame, segmented: list[Lesion], rest: NDArray[np.intp], n_jobs: int) -> pd.DataFrame:
    """Return the table with Fisher vectors that are learned from some of the images."""
    encoder = FisherVectorEncoder(random_state=0, n_jobs=n_jobs).set_output(transform="pandas")
    learned = encoder.fit([segmented[place] for place in rest]).transform(segmented)
    return pd.concat([table, learned.set_axis(table.index)], axis=1)


def make_peer(n_columns: int) -> Any:
    """Return the classifier of simple features and of the features of the network."""
    classifier = LogisticRegression(C=1 / n_columns, class_weight="balanced", max_iter=1000)
    imputer = SimpleImputer(keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), LabeledOnlyClassifier(classifier))


def score_methods(tables: dict[str, pd.DataFrame], drawn: Draw, truth: NDArray[Any]) -> list[float]:
    """Return the AUC of each method on held-out images; NaN for peers without labels."""
    scores = []
    for method in METHODS:
        rest, held_out = (tables[method].iloc[positions] for positions in (drawn.rest, drawn.held_out))
        is_peer = method not in (DEFAULT, LEARNED)
        if is_peer and (drawn.labels == -1).all():
            scores.append(np.nan)
            continue
        model = make_peer(rest.shape[1]) if is_peer else make_melanoma_pipeline(method)[1:]
        found = model.fit(rest, drawn.labels).decision_function(held_out)
        scores.append(float(roc_auc_score(truth, found, sample_weight=drawn.weights)))
    return scores


def draw_folds(lesions: Bunch) -> list[Draw]:
    """Return the folds of all labels."""
    labeled, groups = np.flatnonzero(lesions.target != -1), np.asarray(lesions.groups)
    target = lesions.target[labeled]
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(labeled, target, groups[labeled])
    return [
        Draw(labeled[train], labeled[test], target[train], weigh_lesions(groups[labeled[test]], target[test]))
        for train, test in folds
    ]


def run_learned(
    name: str,
    lesions: Bunch,
    table: pd.DataFrame,
    labels_per_class: tuple[int, ...],
    *,
    repeats: int,
    n_jobs: int,
    progress: Progress,
) -> Section:
    """Return the table of one data set."""
    segmented = segment_images(lesions.images, progress=progress, description=f"{name}: masks")
    simple = progress.track(segmented, description=f"{name}: simple features")
    network = compute_network_features(segmented, progress=progress, description=f"{name}: network")
    tables = {
        DEFAULT: table,
        SIMPLE: pd.DataFrame([compute_simple_features(lesion) for lesion in simple]),
        NETWORK: pd.DataFrame(network),
    }
    scores: dict[str, list[list[float]]] = {}
    for seed in progress.track(range(repeats), description=f"{name}: learned features"):
        drawn = {n: found for n in labels_per_class if (found := draw_few_labels(lesions, n, seed)) is not None}
        for n_per_class, draw in drawn.items():
            if n_per_class == min(drawn):  # all numbers of labels have the same images to learn from
                tables[LEARNED] = add_learned(table, segmented, draw.rest, n_jobs)
            found = score_methods(tables, draw, lesions.target[draw.held_out])
            scores.setdefault(str(n_per_class), []).append(found)
    for draw in progress.track(draw_folds(lesions), description=f"{name}: all labels"):
        tables[LEARNED] = add_learned(table, segmented, draw.rest, n_jobs)
        scores.setdefault(ALL, []).append(score_methods(tables, draw, lesions.target[draw.held_out]))
    return Section(f"{name}: learned features", COLUMNS, summarize_methods(scores), [NOTE.format(folds=FOLDS)])


def summarize_methods(scores: dict[str, list[list[float]]]) -> list[dict[str, Any]]:
    """Return one record for each number of labels, with means and intervals over the draws."""
    records = []
    for labels, draws in scores.items():
        if len(draws) < 2:
            continue
        columns = dict(zip(METHODS, np.array(draws).T, strict=True))
        record: dict[str, Any] = {
            method: None if np.isnan(column).any() else mean_interval(column) for method, column in columns.items()
        }
        record |= {"labels": labels, "gain": gain_interval(columns[LEARNED], columns[DEFAULT]), "n_draws": len(draws)}
        records.append(record)
    return records
