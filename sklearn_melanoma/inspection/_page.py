"""Page of a report: data as compact JSON, tables and HTML."""

from __future__ import annotations

from base64 import b64encode
from datetime import date
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation import remove_position
from sklearn_melanoma.inspection._charts import draw_calibration, draw_histogram, draw_roc
from sklearn_melanoma.inspection._contributions import rank_values
from sklearn_melanoma.inspection._families import LEARNED
from sklearn_melanoma.inspection._quality import RULES
from sklearn_melanoma.inspection._report_data import ReportData
from sklearn_melanoma.inspection._summary import Summary, name_skin_tones
from sklearn_melanoma.inspection._thumbnails import PATH_SCALE, THUMBNAIL_SIDE

if TYPE_CHECKING:
    import pandas as pd

N_STRONGEST = 3  # number of features on a card


def import_jinja2() -> Any:
    """Import Jinja2, or raise an error that says how to install it."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            "make_report needs Jinja2. Install it with: pip install 'sklearn-melanoma[report]'"
        ) from error
    return jinja2


def render_page(data: ReportData, summary: Summary, names: list[str], metadata: pd.DataFrame | None, title: str) -> str:
    """Return the report as one HTML file without external files.

    Parameters
    ----------
    data : ReportData
        The numbers of the images.
    summary : Summary
        Their summary.
    names : list of str
        Name of each image, including unreadable ones.
    metadata : DataFrame or None
        One row for each image that could be read.
    title : str
        Title of the page.

    Returns
    -------
    str
        The page. All texts of the user are escaped.
    """
    jinja2 = import_jinja2()
    from markupsafe import Markup  # class of Jinja2 for text that is already HTML

    # Autoescaping covers all texts, and the filter tojson covers the data.
    loader = jinja2.PackageLoader("sklearn_melanoma.inspection", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    script, style = (loader.get_source(environment, name)[0] for name in ("report.js", "report.css"))
    # The browser runs only this script.
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        title=title,
        version=import_module("sklearn_melanoma").__version__,
        day=date.today().isoformat(),
        style=Markup(style),
        script=Markup(script),
        digest=digest,
        data=make_payload(data, [names[i] for i in data.readable], metadata),
        decision=data.decision,
        is_calibrated=data.is_calibrated,
        is_linear=data.contributions is not None,
        classifier=type(data.parts[0].classifier).__name__,
        tiles=count_images(data),
        charts=[(caption, Markup(svg)) for caption, svg in draw_charts(data, summary)],
        unit="images" if data.groups is None else "lesions or patients",
        results=[] if summary.results is None else format_results(summary.results),
        by_group={name: format_groups(table) for name, table in summary.by_group.items()},
        errors=[
            (name, remove_position(record.error))
            for name, record in zip(names, data.records, strict=True)
            if record.error
        ],
    )


def count_images(data: ReportData) -> list[tuple[str, int]]:
    """Return the numbers of images of each kind, for the tiles of the page."""
    classes = data.decision.classes
    tiles = [("images", len(data.records))]
    tiles += [(f"predicted {name}", int((data.predicted == number).sum())) for number, name in enumerate(classes)]
    if (data.labels >= 0).any():
        tiles += [("labeled", int((data.labels >= 0).sum()))]
        wrong = (data.labels >= 0) & (data.labels != data.predicted)
        tiles += [("predicted otherwise than labeled", int(wrong.sum()))]
    n_flagged = int(np.any(list(data.flags.values()), axis=0).sum())
    tiles += [("with a quality flag", n_flagged)]
    n_errors = len(data.records) - len(data.readable)
    return [*tiles, ("unreadable", n_errors)] if n_errors else tiles


def draw_charts(data: ReportData, summary: Summary) -> list[tuple[str, str]]:
    """Return the charts of the summary with their captions."""
    positive = data.decision.pos_label
    names = ("positive", "other", "images" if positive is None else "unlabeled")
    edges, counts = summary.histogram
    caption = "Scores of the predicted class" if positive is None else f"Scores for class {positive}"
    charts = [(caption, draw_histogram(edges, counts, data.decision.threshold, names))]
    if summary.roc is None or summary.results is None:
        return charts
    found = summary.results["value"]
    at_threshold = None if data.decision.threshold is None else (1 - found["specificity"], found["sensitivity"])
    charts.append(("ROC curve", draw_roc(summary.roc, at_threshold)))
    bins = summary.results[summary.results.index.str.startswith("positive at")]
    if len(bins):
        columns = (bins[name].to_numpy(dtype=float) for name in ("predicted", "value", "low", "high", "n"))
        charts.append(("Calibration", draw_calibration(*columns)))
    return charts


def format_results(results: pd.DataFrame) -> list[dict[str, str]]:
    """Return the rows of `score_report` as texts."""
    return [
        {"name": str(name), "value": _format_value(row), "interval": _format_interval(row), "n": f"{row['n']:.0f}"}
        for name, row in results.iterrows()
    ]


def format_groups(results: pd.DataFrame) -> dict[str, Any]:
    """Return the results by group as a table of texts: names of its columns, and rows."""
    scores = list(results.index.unique(1))
    rows = []
    for value in results.index.unique(0):
        part = results.loc[value]
        cells = [f"{_format_value(part.loc[name])} {_format_interval(part.loc[name])}".strip() for name in scores]
        rows.append([str(value), f"{part['n'].max():.0f}", *cells])
    return {"columns": ["n", *scores], "rows": rows}


def _format_value(row: Any) -> str:
    return "–" if np.isnan(row["value"]) else f"{row['value']:.3f}"


def _format_interval(row: Any) -> str:
    return "" if np.isnan(row["low"]) else f"({row['low']:.2f}–{row['high']:.2f})"


def make_payload(data: ReportData, names: list[str], metadata: pd.DataFrame | None) -> dict[str, Any]:
    """Return the data for the script of the page, with short keys, because there may be thousands of images."""
    flags = [flag for flag in RULES if flag in data.flags]
    criteria, sums = data.by_criterion
    strongest = _list_strongest(data)
    neighbors, distances = data.neighbors
    columns, texts = _list_facts(data, metadata)
    items = []
    for i, record in enumerate(data.shown):
        per_pixel = PATH_SCALE * min(THUMBNAIL_SIDE / max(record.shape), 1)
        items.append(
            {
                "n": names[i],
                "t": b64encode(record.thumbnail).decode(),
                "b": record.border,
                "w": round(record.shape[1] * per_pixel),
                "h": round(record.shape[0] * per_pixel),
                "s": round(float(data.score[i]), 4),
                "p": int(data.predicted[i]),
                "y": int(data.labels[i]),
                "q": [number for number, flag in enumerate(flags) if data.flags[flag][i]],
                "k": [[int(j), round(float(d), 1)] for j, d in zip(neighbors[i], distances[i], strict=True) if j >= 0],
                **({"c": np.round(sums[i], 3).tolist(), "f": strongest[i]} if strongest else {}),
                **({"d": round(float(data.contributions.decision[i]), 3)} if data.contributions else {}),
                **({"a": np.round(data.scores[i], 4).tolist()} if len(data.decision.classes) > 2 else {}),
                "m": texts[i],
            }
        )
    return {
        "classes": list(map(str, data.decision.classes)),
        "positive": data.positive,
        "threshold": data.decision.threshold,
        "isProbability": data.decision.method == "predict_proba",
        "unit": name_decision(data),
        "criteria": criteria,
        "features": data.contributions.names if data.contributions else [],
        "flags": [[flag, RULES[flag].text] for flag in flags],
        "columns": columns,
        "items": items,
    }


def name_decision(data: ReportData) -> str:
    """Return the name of the sum of the contributions."""
    if data.is_calibrated:
        return "score before calibration"
    return "log-odds" if data.decision.method == "predict_proba" and len(data.decision.classes) == 2 else "linear score"


def _list_strongest(data: ReportData) -> list[list[list[Any]]]:
    """Return number, value, percentile and contribution of the strongest features of each image.

    Learned patterns have neither value nor percentile. Other features without a value are left out.
    """
    if data.contributions is None:
        return []
    found = data.contributions
    values: Array = found.scaled.copy()
    for number, name in enumerate(found.names):
        if name in data.features.columns:
            values[:, number] = data.features[name]
    ranks = rank_values(values)
    order = np.argsort(-np.abs(found.of_features), axis=1, kind="stable")[:, :N_STRONGEST]
    return [
        [
            [int(j), *_describe_value(values[i, j], ranks[i, j]), round(float(found.of_features[i, j]), 3)]
            for j in order[i]
            if not np.isnan(values[i, j]) or (found.names[j] == LEARNED and not data.flags["no_lesion"][i])
        ]
        for i in range(len(order))
    ]


def _describe_value(value: float, rank: float) -> list[Any]:
    return [None, None] if np.isnan(value) else [float(f"{value:.4g}"), round(float(rank))]


def _list_facts(data: ReportData, metadata: pd.DataFrame | None) -> tuple[list[str], list[list[str]]]:
    """Return the names of the metadata and their texts for each image; the skin tone is the last."""
    tones = [
        "" if np.isnan(ita) else f"{tone} (ITA {ita:.0f}°)"
        for tone, ita in zip(name_skin_tones(data.skin_ita), data.skin_ita, strict=True)
    ]
    if metadata is None:
        return ["skin tone"], [[tone] for tone in tones]
    texts = metadata.astype(object).where(metadata.notna(), "").to_numpy()
    names = [*map(str, metadata.columns), "skin tone"]
    return names, [[*map(_format_fact, row), tone] for row, tone in zip(texts, tones, strict=True)]


def _format_fact(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
