"""Dermoscopic criteria of PH² and melanoma scores without labels: agreement with experts, AUC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from sklearn.utils import Bunch

from benchmarks._data import describe_sets, load_sets
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import (
    RESULTS,
    SYNTHETIC,
    Section,
    interval,
    number,
    progress_bar,
    text,
    write_report,
)
from benchmarks._statistics import N_DRAWS, Values, auc_interval, bootstrap_interval
from benchmarks._tables import compute_table
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.features import AbcdFeatures

COLORS = ("white", "red", "light brown", "dark brown", "blue-gray", "black")
MIN_FRACTION = 0.02  # smallest fraction of the lesion for which `abcd_colors` counts a color

INTRO = (
    "Computed on the masks of `WatershedSegmenter()` of images read by `ImageReader()`. Brackets: 95 % percentile "
    f"interval of the bootstrap, {N_DRAWS} draws of lesions with all their images; AUCs are drawn within the two "
    "classes.",
    "The thresholds of asymmetry (a tenth of the area, ΔE 8) and of dark and black (two thirds and one third of the "
    "skin) were chosen on the images of PH² with an even position in the order of the loader. The odd half was not "
    "used for any choice.",
)
WITHOUT_EXPERTS = "Only PH² has the findings of experts. Without it, there is no comparison with them."
COUNT_NOTE = "Equal: fraction of the images with the experts' number. Kappa: Cohen's, with linear weights."
COLOR_NOTE = (
    f"AUC: of the color's fraction of the lesion. Equal: fraction of the images on which the experts saw the color and "
    f"it covers {MIN_FRACTION:.0%} or more, or neither. More frequent answer: accuracy of always yes or always no."
)
DIRECTION_NOTE = (
    "*All directions*: `make_melanoma_pipeline()` fitted on all images of the data set without a label. It ranks the "
    "features and weights them by `feature_directions()`. Images without a lesion are left out."
)

AGREEMENT_COLUMNS = {
    "count": text("what"),
    "images": text("images"),
    "equal": number("equal", ".2f"),
    "weighted kappa (95 %)": interval("kappa", ".2f"),
}
COLOR_COLUMNS = {
    "experts": text("criterion"),
    "images with it": number("n_present", "d"),
    "ROC AUC (95 %)": interval("auc", ".2f"),
    "odd half": number("odd", ".2f"),
    "equal at 2 %": number("equal", ".2f"),
    "equal, odd half": number("equal_odd", ".2f"),
    "more frequent answer": number("commoner", ".2f"),
}
STRUCTURE_COLUMNS = {
    "experts": text("criterion"),
    "images with it": number("n_present", "d"),
    "feature": text("feature"),
    "ROC AUC (95 %)": interval("auc", ".2f"),
    "odd half": number("odd", ".2f"),
}
MELANOMA_COLUMNS = {
    "images": text("images"),
    "score": text("score"),
    "ROC AUC for melanoma (95 %)": interval("auc"),
    "odd half": number("odd"),
}


def score_by_directions(table: pd.DataFrame) -> Values:
    """Return the score of the default pipeline, fitted on all images without a label."""
    return make_melanoma_pipeline()[1:].fit(table, np.full(len(table), -1)).decision_function(table)


def weighted_kappa(truth: Values, values: Values) -> float:
    """Return Cohen's kappa with linear weights."""
    return float(cohen_kappa_score(truth, values, weights="linear"))


def compare_counts(table: pd.DataFrame, experts: pd.DataFrame) -> list[dict[str, Any]]:
    """Compare the numbers of asymmetric axes and of colors with the numbers of the experts."""
    pairs = {
        "axes of asymmetry": (experts["asymmetry"].to_numpy(int), table["abcd_asymmetry"].to_numpy(int)),
        "number of colors": (experts["colors"].map(len).to_numpy(), table["abcd_colors"].to_numpy(int)),
    }
    records = []
    for what, (truth, values) in pairs.items():
        for images, part in (("all", slice(None)), ("even half", slice(0, None, 2)), ("odd half", slice(1, None, 2))):
            pair = truth[part], values[part]
            n_images = len(pair[0])
            kappa = bootstrap_interval(weighted_kappa, *pair, strata=np.zeros(n_images), groups=np.arange(n_images))
            equal = float(np.mean(pair[0] == pair[1]))
            records.append({"what": what, "images": images, "equal": equal, "kappa": kappa})
    return records


def compare_colors(table: pd.DataFrame, experts: pd.DataFrame) -> list[dict[str, Any]]:
    """Compare the fraction of each color with the colors that the experts saw."""
    records = []
    for color in COLORS:
        seen = experts["colors"].map(lambda colors, color=color: color in colors).to_numpy()
        fraction = table[f"{color.replace(' ', '_').replace('-', '_')}_fraction"].fillna(0).to_numpy()
        equal = seen == (fraction >= MIN_FRACTION)
        records.append(
            {
                "criterion": color,
                "n_present": int(seen.sum()),
                "feature": "fraction",
                "auc": auc_interval(seen, fraction),
                "odd": _score_odd_half(seen, fraction),
                "equal": float(np.mean(equal)),
                "equal_odd": float(np.mean(equal[1::2])),
                "commoner": float(max(seen.mean(), 1 - seen.mean())),
            }
        )
    return records


def compare_structures(table: pd.DataFrame, experts: pd.DataFrame) -> list[dict[str, Any]]:
    """Compare features with the veil, atypical network, dots and streaks that the experts saw."""
    atypical, absent = "AT", "A"
    criteria = {
        "blue-whitish veil": (
            experts["blue_whitish_veil"] != absent,
            ["blue_white_veil_fraction", "blue_gray_fraction"],
        ),
        "atypical network": (experts["pigment_network"] == atypical, ["network_regularity", "line_fraction_2"]),
        "dots or globules": (experts["dots_globules"] != absent, ["n_dots", "n_globules"]),
        "streaks": (experts["streaks"] != absent, ["rim_line_fraction"]),
    }
    records = []
    for criterion, (present, names) in criteria.items():
        for name in names:
            truth, values = present.to_numpy(), table[name].fillna(0).to_numpy()
            record = {"criterion": criterion, "n_present": int(truth.sum()), "feature": f"`{name}`"}
            records.append(record | {"auc": auc_interval(truth, values), "odd": _score_odd_half(truth, values)})
    return records


def _score_odd_half(truth: Values, values: Values) -> float:
    """Return the ROC AUC on the images at odd positions."""
    return float("nan") if len(np.unique(truth[1::2])) < 2 else float(roc_auc_score(truth[1::2], values[1::2]))


def score_without_labels(name: str, table: pd.DataFrame, lesions: Bunch) -> list[dict[str, Any]]:
    """Return the AUC for melanoma of the scores that need no labels."""
    found = table["area"].notna().to_numpy()
    scores = {f"`{score}`": table[score].to_numpy()[found] for score in AbcdFeatures.FEATURES}
    scores["all directions"] = score_by_directions(table[found])
    melanoma, groups = (np.asarray(lesions.target) == 1)[found], np.asarray(lesions.groups)[found]
    label = f"{name}: {len(melanoma)}, {np.count_nonzero(melanoma)} melanomas"
    return [
        {
            "images": label,
            "score": score,
            "auc": auc_interval(melanoma, values, groups),
            "odd": _score_odd_half(melanoma, values) if name == "ph2" else float("nan"),
        }
        for score, values in scores.items()
    ]


def compare_with_experts(table: pd.DataFrame, experts: pd.DataFrame) -> list[Section]:
    """Return the tables of comparisons with the experts. An image without a lesion counts as without findings."""
    known = table.assign(abcd_asymmetry=table["abcd_asymmetry"].fillna(0), abcd_colors=table["abcd_colors"].fillna(1))
    counts, colors = compare_counts(known, experts), compare_colors(table, experts)
    return [
        Section("PH²: axes of asymmetry and number of colors", AGREEMENT_COLUMNS, counts, [COUNT_NOTE]),
        Section("PH²: the six colors", COLOR_COLUMNS, colors, [COLOR_NOTE]),
        Section("PH²: structures", STRUCTURE_COLUMNS, compare_structures(known, experts)),
    ]


def main(data: DataOption = None, results: ResultsOption = RESULTS) -> None:
    """Compare scores of the ABCD rule with the experts of PH², and score images without labels."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"))
    sections, scores = [], []
    with progress_bar() as progress:
        for name, lesions in sets.items():
            table = compute_table(lesions.images, progress=progress, description=name)
            scores += score_without_labels(name, table, lesions)
            if name == "ph2":
                sections = compare_with_experts(table, lesions.frame)
    sections.append(Section("Melanoma scores without labels", MELANOMA_COLUMNS, scores, [DIRECTION_NOTE]))
    intro = [*INTRO, *describe_sets(sets), *([WITHOUT_EXPERTS] if SYNTHETIC in sets else [])]
    write_report("dermoscopy", title="Dermoscopic criteria", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
