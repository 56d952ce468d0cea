"""Convex hull of a mask and what is measured on its vertices: Feret diameters, enclosing circle, filled pixels.

All lengths are those between pixel centers, the outline moved out by `REACH` on all sides.
"""

from __future__ import annotations

from itertools import combinations
from math import hypot, pi

import numpy as np
from numpy.typing import NDArray

# A lattice of pixel centers falls short of the outline that it was cut from, the corners of the pixels reach beyond
# it. Over rotated and shifted lesion-like outlines, ellipses, disks and squares a quarter of a pixel is the least
# biased distance between the two (table in docs/mathematics.md), and it is the same in every direction.
REACH = 0.25

Points = NDArray[np.int64]


def convex_hull(mask: NDArray[np.bool_]) -> Points:
    """Return the vertices of the convex hull of the pixel centers, exactly, in order around it.

    Andrew's monotone chains on the outermost pixels of each row; whole arrays of points
    that no vertex can be are dropped at a time.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True.

    Returns
    -------
    ndarray of shape (n_vertices, 2), dtype int64
        Row and column of each vertex; one vertex for one pixel, two for pixels on a line.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    hit = mask[rows]
    left = _chain(np.column_stack([rows, hit.argmax(axis=1)]))
    right = _chain(np.column_stack([rows, hit[:, ::-1].argmax(axis=1)]))
    right[:, 1] = mask.shape[1] - 1 - right[:, 1]
    first = int((left[0] == right[0]).all())
    last = len(right) - int((left[-1] == right[-1]).all())
    return np.concatenate([left, right[first:last][::-1]])


def _chain(points: Points) -> Points:
    """Keep the points of a chain of ascending rows at which it bends towards smaller columns.

    A point on or behind the line between its neighbors is no vertex of the hull, whatever
    happens to them, so all such points go at once; what is left has none and is convex.
    """
    while len(points) > 2:
        row_steps, column_steps = np.diff(points, axis=0).T
        bends = column_steps[:-1] * row_steps[1:] < column_steps[1:] * row_steps[:-1]
        if bends.all():
            break
        points = points[np.concatenate([[True], bends, [True]])]
    return points


def max_feret_diameter(hull: Points) -> float:
    """Return the largest distance between two points of the outline."""
    return hypot(*np.subtract(*_farthest_pair(hull))) + 2 * REACH


def min_feret_diameter(hull: Points) -> float:
    """Return the least distance between two parallel lines that hold the outline; one of them lies on an edge."""
    if len(hull) < 3:
        return 2 * REACH
    edges = _edges(hull)
    reach = np.ptp(hull @ _normals(edges).T, axis=0) / np.hypot(*edges.T)
    return float(reach.min()) + 2 * REACH


def mean_feret_diameter(hull: Points) -> float:
    """Return the mean of the Feret diameter over all directions: the hull's perimeter over π (Cauchy)."""
    return float(np.hypot(*_edges(hull).T).sum()) / pi + 2 * REACH


def smallest_rectangle(hull: Points) -> tuple[float, float]:
    """Return length and width of the least rectangle around the pixel centers; one of its sides lies on an edge.

    Least is the product of both plus one, which is the area around the pixels. Of equal ones the longest counts.
    """
    edges = _edges(hull)
    if len(hull) < 3:
        return float(np.hypot(*edges[0])), 0.0
    spans = np.array([np.ptp(hull @ edges.T, axis=0), np.ptp(hull @ _normals(edges).T, axis=0)]) / np.hypot(*edges.T)
    areas = (spans + 1).prod(axis=0)
    length, width = np.sort(spans[:, areas <= areas.min() * (1 + 1e-9)], axis=0)[::-1]
    chosen = int(length.argmax())
    return float(length[chosen]), float(width[chosen])


def depth_below(hull: Points, points: Points) -> NDArray[np.float64]:
    """Return how far points inside a hull are from its border."""
    if len(hull) < 3:
        return np.zeros(len(points))
    edges = _edges(hull)
    normals = _normals(edges) / np.hypot(*edges.T)[:, np.newaxis]
    # In float, such that the product goes through BLAS.
    offsets = (hull * normals).sum(axis=1, keepdims=True)
    return np.abs(normals @ points.T.astype(np.float64) - offsets).min(axis=0)


def _edges(hull: Points) -> Points:
    return np.roll(hull, -1, axis=0) - hull


def _normals(edges: Points) -> Points:
    return edges[:, ::-1] * (1, -1)


def _farthest_pair(points: Points) -> Points:
    rows, columns = points.T
    distances = (rows[:, np.newaxis] - rows) ** 2 + (columns[:, np.newaxis] - columns) ** 2
    return points[list(np.unravel_index(int(distances.argmax()), distances.shape))]


def enclosing_circle(hull: Points) -> tuple[float, float, float]:
    """Return row, column and radius of the smallest circle that holds the outline.

    Starts from the circle over the two points farthest apart and, while a point lies
    outside, goes on to the smallest circle around the points that held the last one and
    the farthest of those outside. The radius grows at every step, so the last circle is
    the only smallest one (the argument of Welzl, 1991).

    Parameters
    ----------
    hull : ndarray of shape (n_vertices, 2)
        Points that must lie inside.

    Returns
    -------
    row, column, radius : float
        Center and radius, exact to 1e-9 of the radius.
    """
    support = [tuple(map(float, point)) for point in _farthest_pair(hull)]
    circle = _circle_through(support)
    assert circle is not None
    for _ in range(10 * len(hull)):  # two or three rounds in practice
        squares = (hull[:, 0] - circle[0]) ** 2 + (hull[:, 1] - circle[1]) ** 2
        outside = int(squares.argmax())
        if squares[outside] <= circle[2] ** 2 * (1 + 2e-9):
            break
        circle, support = _smallest_circle([*support, tuple(map(float, hull[outside]))])
    return circle[0], circle[1], circle[2] + REACH


def _smallest_circle(
    points: list[tuple[float, ...]],
) -> tuple[tuple[float, float, float], list[tuple[float, ...]]]:
    """Return the smallest circle around up to four points, and the two or three of them that hold it."""
    best = None
    for count in (2, 3):
        for support in combinations(points, count):
            circle = _circle_through(list(support))
            if circle is None or (best is not None and circle[2] >= best[0][2]):
                continue
            if all(hypot(row - circle[0], column - circle[1]) <= circle[2] * (1 + 1e-9) for row, column in points):
                best = circle, list(support)
    assert best is not None
    return best


def _circle_through(points: list[tuple[float, ...]]) -> tuple[float, float, float] | None:
    """Return the circle over two points or through three; None for three on a line."""
    (y0, x0), (y1, x1) = points[:2]
    if len(points) == 2:
        return (y0 + y1) / 2, (x0 + x1) / 2, hypot(y1 - y0, x1 - x0) / 2
    y2, x2 = points[2]
    y1, x1, y2, x2 = y1 - y0, x1 - x0, y2 - y0, x2 - x0
    cross = 2 * (x1 * y2 - x2 * y1)
    if cross == 0:
        return None
    square1, square2 = x1 * x1 + y1 * y1, x2 * x2 + y2 * y2
    x, y = (y2 * square1 - y1 * square2) / cross, (x1 * square2 - x2 * square1) / cross
    return y0 + y, x0 + x, hypot(x, y)


def count_hull_pixels(hull: Points) -> int:
    """Return the number of pixel centers in and on the hull, exactly, by Pick's theorem."""
    steps = np.abs(_edges(hull))
    on_border = int(np.gcd(steps[:, 0], steps[:, 1]).sum())
    return (_doubled_area(hull) + on_border) // 2 + 1


def _doubled_area(hull: Points) -> int:
    rows, columns = hull.T
    return abs(int((rows * np.roll(columns, -1) - np.roll(rows, -1) * columns).sum()))
