"""Scores of the ABCD rule, colors and structures beside what experts saw, and what they tell without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.utils import Bunch

from benchmarks._data import DRAWN, describe, load_sets
from benchmarks._lesions import FAMILIES
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.features import AbcdFeatures, feature_directions
from sklearn_melanoma.features._color import COUNTED_SHARE
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.segmentation import WatershedSegmenter

COLORS = ("white", "red", "light brown", "dark brown", "blue-gray", "black")
DRAWS = 1000  # of the bootstrap

AGREEMENT = {
    "what": text("what"),
    "images": text("images"),
    "equal": number("equal", ".2f"),
    "weighted kappa (95 %)": interval("kappa", ".2f"),
}
CRITERIA = {
    "experts": text("criterion"),
    "images with it": number("n_present", "d"),
    "measure": text("measure"),
    "ROC AUC (95 %)": interval("auc", ".2f"),
    "the same, odd half": number("odd", ".2f"),
}
WITHOUT_LABELS = {
    "images": text("images"),
    "score": text("score"),
    "ROC AUC for melanoma (95 %)": interval("auc"),
    "the same, odd half": number("odd"),
}

Values = NDArray[Any]


def measure(images: Sequence[Any], *, progress: Progress, description: str) -> pd.DataFrame:
    """Return the features of all hand-made families, on the masks of `WatershedSegmenter`; NaN without a lesion."""
    steps = make_pipeline(ImageReader(), WatershedSegmenter(), make_union(*FAMILIES.values()))
    rows = [steps.fit_transform([image])[0] for image in progress.track(images, description=description)]
    return pd.DataFrame(rows, columns=feature_directions().index)


def score_by_directions(table: pd.DataFrame) -> Values:
    """Return the score of the default pipeline, fitted on all images without a label."""
    return make_melanoma_pipeline()[1:].fit(table, np.full(len(table), -1)).decision_function(table)


def bootstrap(
    score: Callable[[Values, Values], float], truth: Values, values: Values, *, strata: Values, groups: Values
) -> list[float]:
    """Return a score and its 95 % percentile interval over draws of whole groups of images, within strata."""
    random = np.random.default_rng(0)
    units = [_split(np.flatnonzero(strata == stratum), groups) for stratum in np.unique(strata)]
    found = []
    for _ in range(DRAWS):
        drawn = np.concatenate([some[i] for some in units for i in random.integers(len(some), size=len(some))])
        found.append(score(truth[drawn], values[drawn]))
    low, high = np.percentile(found, [2.5, 97.5])
    return [float(score(truth, values)), float(low), float(high)]


def _split(places: Values, groups: Values) -> list[Values]:
    """Return the places of each group."""
    numbers = np.unique(groups[places], return_inverse=True)[1]
    return np.split(places[np.argsort(numbers, kind="stable")], np.cumsum(np.bincount(numbers))[:-1])


def auc(truth: Values, values: Values, groups: Values | None = None) -> list[float] | None:
    """Return the ROC AUC with its interval, drawn within the classes; None where one class is missing."""
    if len(np.unique(truth)) < 2:
        return None
    groups = np.arange(len(truth)) if groups is None else groups
    return bootstrap(roc_auc_score, truth, values, strata=truth, groups=groups)


def weighted_kappa(truth: Values, values: Values) -> float:
    """Return Cohen's kappa with linear weights."""
    return float(cohen_kappa_score(truth, values, weights="linear"))


def compare_counts(table: pd.DataFrame, experts: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how far the number of asymmetric axes, and that of colors, are those of the experts."""
    pairs = {
        "axes of asymmetry": (experts["asymmetry"].to_numpy(int), table["abcd_asymmetry"].to_numpy(int)),
        "number of colors": (experts["colors"].map(len).to_numpy(), table["abcd_colors"].to_numpy(int)),
    }
    records = []
    for what, (truth, values) in pairs.items():
        for photos, part in (("all", slice(None)), ("even half", slice(0, None, 2)), ("odd half", slice(1, None, 2))):
            pair = truth[part], values[part]
            kappa = bootstrap(weighted_kappa, *pair, strata=np.zeros(len(pair[0])), groups=np.arange(len(pair[0])))
            records.append(
                {"what": what, "images": photos, "equal": float(np.mean(pair[0] == pair[1])), "kappa": kappa}
            )
    return records


def compare_colors(table: pd.DataFrame, experts: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how well the share of each color tells whether the experts saw it."""
    records = []
    for color in COLORS:
        seen = experts["colors"].map(lambda colors, color=color: color in colors).to_numpy()
        share = table[f"{color.replace(' ', '_').replace('-', '_')}_fraction"].fillna(0).to_numpy()
        records.append(
            {
                "criterion": color,
                "n_present": int(seen.sum()),
                "measure": "share",
                "auc": auc(seen, share),
                "odd": _odd_auc(seen, share),
                "equal": float(np.mean(seen == (share >= COUNTED_SHARE))),
                "equal_odd": float(np.mean((seen == (share >= COUNTED_SHARE))[1::2])),
                "commoner": float(max(seen.mean(), 1 - seen.mean())),
            }
        )
    return records


def compare_structures(table: pd.DataFrame, experts: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how well measures tell whether the experts saw a veil, an atypical network, dots or streaks."""
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
            record = {"criterion": criterion, "n_present": int(truth.sum()), "measure": f"`{name}`"}
            records.append(record | {"auc": auc(truth, values), "odd": _odd_auc(truth, values)})
    return records


def _odd_auc(truth: Values, values: Values) -> float:
    return float("nan") if len(np.unique(truth[1::2])) < 2 else float(roc_auc_score(truth[1::2], values[1::2]))


def score_without_labels(name: str, table: pd.DataFrame, photos: Bunch) -> list[dict[str, Any]]:
    """Return how well the scores that need no label tell melanomas."""
    found = table["area"].notna().to_numpy()
    scores = {f"`{score}`": table[score].to_numpy()[found] for score in AbcdFeatures.FEATURES}
    scores["all directions"] = score_by_directions(table[found])
    melanoma, groups = (np.asarray(photos.target) == 1)[found], np.asarray(photos.groups)[found]
    label = f"{name}: {len(melanoma)}, {np.count_nonzero(melanoma)} melanomas"
    return [
        {
            "images": label,
            "score": score,
            "auc": auc(melanoma, values, groups),
            "odd": _odd_auc(melanoma, values) if name == "ph2" else float("nan"),
        }
        for score, values in scores.items()
    ]


def main(data: DataOption = None, results: ResultsOption = RESULTS) -> None:
    """Compare scores of the ABCD rule with what experts noted on PH², and score images without any label."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"))
    sections, scores = [], []
    with progress_bar() as progress:
        for name, photos in sets.items():
            table = measure(photos.images, progress=progress, description=name)
            scores += score_without_labels(name, table, photos)
            if name == "ph2":
                sections = compare_with_experts(table, photos.frame)
    sections.append(
        Section(
            "Melanomas told without a label",
            WITHOUT_LABELS,
            scores,
            notes=[
                "*All directions*: `make_melanoma_pipeline()` fitted on all images of the set without a label: the "
                "measures by their ranks, weighted by `feature_directions()`. Images without a lesion are left out."
            ],
        )
    )
    intro = [
        "Measured on the masks of `WatershedSegmenter()`, images read by `ImageReader()`. Brackets: 95 % percentile "
        f"interval of the bootstrap, {DRAWS} draws of lesions with all their images, for AUCs within the two classes.",
        "The thresholds of asymmetry (a tenth of the area, ΔE 8) and of dark and black (two thirds and one third of "
        "the skin) were chosen on the half of the images of PH² with an even place in the order of the loader. So "
        "the odd half is the one to believe.",
        *describe(sets),
    ]
    if DRAWN in sets:
        intro.append("Only PH² says what experts saw; without it there is nothing to compare with.")
    write_report("dermoscopy", title="Dermoscopic criteria", intro=intro, sections=sections, folder=results)


def compare_with_experts(table: pd.DataFrame, experts: pd.DataFrame) -> list[Section]:
    """Return the tables that compare with what the experts noted; no lesion counts as none of what they saw."""
    colors = compare_colors(table, experts)
    shares = {
        **{heading: cell for heading, cell in CRITERIA.items() if heading != "measure"},
        "equal at 2 %": number("equal", ".2f"),
        "equal, odd half ": number("equal_odd", ".2f"),
        "the commoner answer": number("commoner", ".2f"),
    }
    known = table.assign(abcd_asymmetry=table["abcd_asymmetry"].fillna(0), abcd_colors=table["abcd_colors"].fillna(1))
    return [
        Section(
            "PH²: axes of asymmetry and number of colors",
            AGREEMENT,
            compare_counts(known, experts),
            notes=["Equal: share of the images with the experts' number. Kappa: Cohen's, with linear weights."],
        ),
        Section(
            "PH²: the six colors",
            shares,
            colors,
            notes=[
                "AUC: of the color's share in the lesion. Equal: share of the images on which experts saw the color and"
                " it covers 2 % or more, or neither. The commoner answer: how often always yes, or always no, is right."
            ],
        ),
        Section("PH²: structures", CRITERIA, compare_structures(known, experts)),
    ]


if __name__ == "__main__":
    typer.run(main)
