"""Charts of a report as SVG. Colors are classes of the page's style, so they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._typing import Array

_WIDTH, _HEIGHT = 340, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 10, 40


def draw_histogram(edges: Array, counts: NDArray[np.intp], threshold: float | None, names: Sequence[str]) -> str:
    """Draw stacked bars: the numbers of images by score.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins.
    counts : ndarray of shape (n_kinds, n_bins)
        Numbers of images of each kind.
    threshold : float or None
        Threshold, which is marked by a line.
    names : sequence of str
        Names of the kinds.

    Returns
    -------
    str
        SVG.
    """
    low, high, top = edges[0], edges[-1], max(int(counts.sum(axis=0).max(initial=0)), 2)
    parts = [_draw_axes((low, high), (0, top), "score", "images")]
    base = np.zeros(counts.shape[1])
    for kind, heights in enumerate(counts):
        for i in np.flatnonzero(heights):
            x0, y0 = _place(edges[i], base[i], (low, high), (0, top))
            x1, y1 = _place(edges[i + 1], base[i] + heights[i], (low, high), (0, top))
            label = f"{names[kind]}: {heights[i]} at {edges[i]:.2f} to {edges[i + 1]:.2f}"
            parts.append(
                f'<rect class="k{kind}" x="{x0 + 0.5:.1f}" y="{y1:.1f}" width="{max(x1 - x0 - 1, 1):.1f}" '
                f'height="{y0 - y1:.1f}"><title>{escape(label)}</title></rect>'
            )
        base += heights
    if threshold is not None and low <= threshold <= high:
        x, y = _place(threshold, top, (low, high), (0, top))
        parts.append(f'<line class="cut" x1="{x:.1f}" y1="{y:.1f}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}"/>')
    return _frame(parts, "Distribution of scores")


def draw_roc(points: Array, operating: tuple[float, float] | None) -> str:
    """Draw the ROC curve.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        False and true positive rates.
    operating : tuple of float, optional
        Rates at the threshold.

    Returns
    -------
    str
        SVG.
    """
    places = [_place(x, y) for x, y in points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    parts = [_draw_axes((0, 1), (0, 1), "1 − specificity", "sensitivity"), _draw_diagonal(), f'<path d="{path}"/>']
    if operating is not None:
        x, y = _place(*operating)
        parts.append(f'<circle class="cut" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>threshold</title></circle>')
    return _frame(parts, "ROC curve")


def draw_calibration(predicted: Array, found: Array, low: Array, high: Array, numbers: Array) -> str:
    """Draw predicted probabilities against fractions of positive images, with their intervals.

    Parameters
    ----------
    predicted, found, low, high, numbers : ndarray of shape (n_bins,)
        Mean prediction, fraction, interval of the fraction, and number of images or groups.

    Returns
    -------
    str
        SVG.
    """
    parts = [_draw_axes((0, 1), (0, 1), "predicted probability", "fraction positive"), _draw_diagonal()]
    for mean, value, least, most, n in zip(predicted, found, low, high, numbers, strict=True):
        x, y = _place(mean, value)
        bottom, top = _place(mean, least)[1], _place(mean, most)[1]
        label = f"{value:.0%} of {n:.0f}, predicted {mean:.0%}"
        parts.append(
            f'<line class="bar" x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{top:.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"><title>{escape(label)}</title></circle>'
        )
    return _frame(parts, "Calibration")


def _place(
    x: float, y: float, across: tuple[float, float] = (0, 1), upwards: tuple[float, float] = (0, 1)
) -> tuple[float, float]:
    """Return the position of a point in the SVG."""
    right = (x - across[0]) / (across[1] - across[0])
    up = (y - upwards[0]) / (upwards[1] - upwards[0])
    return _LEFT + right * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)


def _draw_axes(across: tuple[float, float], upwards: tuple[float, float], x_name: str, y_name: str) -> str:
    parts = []
    for value in np.linspace(*across, 5):
        x, _ = _place(value, upwards[0], across, upwards)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{value:.3g}</text>')
    for value in np.linspace(*upwards, 5) if upwards == (0, 1) else _list_ticks(upwards[1]):
        _, y = _place(across[0], value, across, upwards)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{x_name}</text>')
    parts.append(f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{y_name}</text>')
    return "".join(parts)


def _list_ticks(highest: float) -> Array:
    """Return whole numbers at even steps of 1, 2 or 5 times a power of ten, about four of them."""
    step = next(size for power in range(9) for unit in (1, 2, 5) if (size := unit * 10**power) * 5 > highest)
    return np.arange(0, highest + 1, step)


def _draw_diagonal() -> str:
    (x0, y0), (x1, y1) = _place(0, 0), _place(1, 1)
    return f'<line class="diagonal" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/>'


def _frame(parts: list[str], name: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">{"".join(parts)}</svg>'
