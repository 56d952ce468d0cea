"""Model cards: data, labels and results of saved models, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.metrics._threshold import read_threshold
from sklearn_melanoma.persistence._models import ModelInfo

# Parts of `summary` with their own section.
_REPORT, _MAPPING = "report", "label_mapping"
_MAX_LISTED = 50  # values of a mapping

_LIMITS = """\
- This is a research tool, not a medical device. Do not diagnose with it.
- The results are for images like those it was trained on: the same kind of dermoscope, patients and diagnoses. Measure
  them again on images of another kind before use.
- Cross-validation on few images has wide intervals. The sensitivity at the threshold is an expectation, not a promise.
- An image in which no lesion is found, or only a part of one, has no meaningful score.
"""


def format_model_card(info: ModelInfo) -> str:
    """Return the model card of a saved model, in Markdown.

    Parameters
    ----------
    info : ModelInfo
        Information from :func:`read_model_info`. Two entries of its `summary` get their own section, if they exist.
        ``"label_mapping"`` is the field of :func:`~sklearn_melanoma.datasets.load_images`. ``"report"`` is a table of
        :func:`~sklearn_melanoma.metrics.score_report` as ``report.to_dict("index")``.

    Returns
    -------
    str
        Sections with the data, the labels, the results with intervals, the threshold, the limits and the versions.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import Threshold
    >>> from sklearn_melanoma.persistence import ModelInfo, format_model_card
    >>> info = ModelInfo(
    ...     classes=(0, 1),
    ...     pos_label=1,
    ...     feature_names=("area", "max_span"),
    ...     threshold=Threshold(0.3, 0.95, 0.6, 0.9),
    ...     summary={"images": 200, "label_mapping": {"melanoma": 1, "nevus": 0}},
    ...     versions={"python": "3.12.1"},
    ...     digest="0" * 64,
    ... )
    >>> print(format_model_card(info)[:160])
    # Model card
    <BLANKLINE>
    ## Data
    <BLANKLINE>
    - images: 200
    <BLANKLINE>
    ## Labels
    <BLANKLINE>
    | label | values |
    |---|---|
    | 1 (positive class) | melanoma |
    | 0 | nevus |
    <BLANKLINE>
    ## Threshold
    <BLANKLINE>
    A score of at least
    """
    summary = dict(info.summary)
    report, mapping = summary.pop(_REPORT, None), summary.pop(_MAPPING, None)
    sections = {
        "Data": _list_items(summary),
        "Labels": _format_mapping(mapping, info.pos_label) if isinstance(mapping, Mapping) else "",
        "Results in cross-validation": _format_report(report) if isinstance(report, Mapping) else "",
        "Threshold": _format_threshold(info),
        "Limits": _LIMITS,
        "Model": _list_items(
            {
                "classes": ", ".join(map(str, info.classes or ())),
                "positive class": info.pos_label,
                "features": len(info.feature_names or ()),
                "SHA-256": info.digest,
                "versions": ", ".join(f"{package} {version}" for package, version in info.versions.items()),
            }
        ),
    }
    parts = [f"## {title}\n\n{text.strip()}\n" for title, text in sections.items() if text]
    return "\n".join(["# Model card\n", *parts])


def _list_items(items: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name.replace('_', ' ')}: {_escape(_join(value))}" for name, value in items.items())


def _join(value: Any) -> Any:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list | tuple) else value


def _format_mapping(mapping: Mapping[str, Any], pos_label: Any) -> str:
    """Return a table of the values of each label."""
    values: dict[Any, list[str]] = {}
    for value, label in mapping.items():
        values.setdefault(label, []).append(value or "(empty)")
    lines = ["| label | values |", "|---|---|"]
    for label, names in sorted(values.items(), key=lambda item: str(item[0]), reverse=True):
        kind = " (positive class)" if label == pos_label else " (unlabeled)" if label == -1 else ""
        more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
        lines.append(f"| {label}{kind} | {', '.join(map(_escape, names[:_MAX_LISTED]))}{more} |")
    return "\n".join(lines)


def _format_report(report: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table of scores with their intervals."""
    lines = ["| score | value | 95 % interval | n |", "|---|---|---|---|"]
    for name, row in report.items():
        value, low, high = (_format_number(row.get(key)) for key in ("value", "low", "high"))
        lines.append(f"| {_escape(name)} | {value} | {low} to {high} | {row.get('n', '')} |")
    lines += ["", "n counts each lesion or patient once, where these are known."]
    return "\n".join(lines)


def _format_threshold(info: ModelInfo) -> str:
    threshold = info.threshold
    if threshold is None:
        return ""
    cut = read_threshold(threshold)
    rule = f"A score of at least {cut:.4g} means the positive class."
    if len(info.classes or ()) > 2:
        rule = (
            f"A probability of {_escape(info.pos_label)} of at least {cut:.4g} means the positive class. The predicted "
            "label is the most probable class all the same."
        )
    if not isinstance(threshold, Threshold):
        return rule
    return (
        f"{rule} In cross-validation, the sensitivity is {threshold.sensitivity:.3f} and the specificity "
        f"{threshold.specificity:.3f}. On unseen images, a sensitivity of {threshold.expected_sensitivity:.3f} is "
        "expected."
    )


def _format_number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else ""


def _escape(value: Any) -> str:
    """Return a value as one line, without characters that end a cell or begin a tag."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
