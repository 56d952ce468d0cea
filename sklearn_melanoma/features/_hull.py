"""Convex hull of a mask: Feret diameters, enclosing circle and area.

The outline is the hull of the pixel centers, moved outwards by `REACH` on all sides.
"""

from __future__ import annotations

from itertools import combinations
from math import hypot, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._geometry import bounding_box
from sklearn_melanoma.features._names import check_nonempty_mask

# The pixel centers lie inside the true outline, and the corners of the pixels lie outside it. A quarter of a pixel is
# the least biased distance over rotated and shifted lesion-like outlines, ellipses, disks and squares. The table is in
# docs/mathematics.md. The distance is the same in every direction.
REACH = 0.25

Points = NDArray[np.int64]


def convex_hull(mask: NDArray[np.bool_]) -> Points:
    """Return the exact vertices of the convex hull of the pixel centers, in order around it.

    The algorithm is Andrew's monotone chain on the outermost pixels of each row. It drops whole
    arrays of points at a time.

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
    left = _build_chain(np.column_stack([rows, hit.argmax(axis=1)]))
    right = _build_chain(np.column_stack([rows, hit[:, ::-1].argmax(axis=1)]))
    right[:, 1] = mask.shape[1] - 1 - right[:, 1]
    first = int((left[0] == right[0]).all())
    last = len(right) - int((left[-1] == right[-1]).all())
    return np.concatenate([left, right[first:last][::-1]])


def _build_chain(points: Points) -> Points:
    """Keep the points at which a chain of ascending rows turns towards smaller columns.

    A point on or behind the line between its neighbors is not a vertex of the hull. This holds also when the neighbors
    are dropped, so all such points are dropped at once.
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
    return hypot(*np.subtract(*_find_farthest_pair(hull))) + 2 * REACH


def min_feret_diameter(hull: Points) -> float:
    """Return the smallest distance between two parallel lines around the outline; one of them lies on an edge."""
    if len(hull) < 3:
        return 2 * REACH
    edges = _find_edges(hull)
    reach = np.ptp(hull @ _find_normals(edges).T, axis=0) / np.hypot(*edges.T)
    return float(reach.min()) + 2 * REACH


def mean_feret_diameter(hull: Points) -> float:
    """Return the mean of the Feret diameter over all directions: the hull's perimeter over π (Cauchy)."""
    return float(np.hypot(*_find_edges(hull).T).sum()) / pi + 2 * REACH


def smallest_rectangle(hull: Points) -> tuple[float, float]:
    """Return length and width of the smallest rectangle around the pixel centers; one of its sides lies on an edge.

    It minimizes (length + 1) (width + 1), the area around whole pixels. Among equal rectangles it is the longest.
    """
    edges = _find_edges(hull)
    if len(hull) < 3:
        return float(np.hypot(*edges[0])), 0.0
    spans = np.array([np.ptp(hull @ axes.T, axis=0) for axes in (edges, _find_normals(edges))]) / np.hypot(*edges.T)
    areas = (spans + 1).prod(axis=0)
    length, width = np.sort(spans[:, areas <= areas.min() * (1 + 1e-9)], axis=0)[::-1]
    chosen = int(length.argmax())
    return float(length[chosen]), float(width[chosen])


def depth_below(hull: Points, points: Points) -> NDArray[np.float64]:
    """Return the distance of points inside a hull to its border."""
    if len(hull) < 3:
        return np.zeros(len(points))
    edges = _find_edges(hull)
    normals = _find_normals(edges) / np.hypot(*edges.T)[:, np.newaxis]
    # Floats let the product use BLAS.
    offsets = (hull * normals).sum(axis=1, keepdims=True)
    return np.abs(normals @ points.T.astype(np.float64) - offsets).min(axis=0)


def _find_edges(hull: Points) -> Points:
    return np.roll(hull, -1, axis=0) - hull


def _find_normals(edges: Points) -> Points:
    return edges[:, ::-1] * (1, -1)


def _find_farthest_pair(points: Points) -> Points:
    rows, columns = points.T
    distances = (rows[:, np.newaxis] - rows) ** 2 + (columns[:, np.newaxis] - columns) ** 2
    return points[list(np.unravel_index(int(distances.argmax()), distances.shape))]


def enclosing_circle(hull: Points) -> tuple[float, float, float]:
    """Return row, column and radius of the smallest circle around the outline.

    The first circle has the two points farthest apart on a diameter. While a point lies outside, the next circle is
    the smallest one around the support of the last circle and the farthest point outside. The radius grows at every
    step, so the last circle is the unique smallest one (Welzl, 1991).

    Parameters
    ----------
    hull : ndarray of shape (n_vertices, 2)
        Points that must lie inside the circle.

    Returns
    -------
    row, column, radius : float
        Center and radius, exact to 1e-9 of the radius.
    """
    support = [tuple(map(float, point)) for point in _find_farthest_pair(hull)]
    circle = _fit_circle(support)
    assert circle is not None
    for _ in range(10 * len(hull)):  # two or three steps in practice
        squares = (hull[:, 0] - circle[0]) ** 2 + (hull[:, 1] - circle[1]) ** 2
        outside = int(squares.argmax())
        if squares[outside] <= circle[2] ** 2 * (1 + 2e-9):
            break
        circle, support = _find_smallest_circle([*support, tuple(map(float, hull[outside]))])
    return circle[0], circle[1], circle[2] + REACH


def minimum_enclosing_circle(mask: ArrayLike) -> tuple[float, float, float]:
    """Find the circumscribed circle of a lesion: the smallest circle around it.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    row : float
        Row of the center; pixel centers have integer coordinates.
    column : float
        Column of the center.
    radius : float
        Radius of the smallest circle around the pixel centers, plus a quarter of a pixel, in pixels.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.
    TypeError
        If `mask` holds neither bools nor numbers.

    References
    ----------
    E. Welzl, "Smallest enclosing disks (balls and ellipsoids)", New Results and New
    Trends in Computer Science, LNCS 555, 359-370, 1991.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import minimum_enclosing_circle
    >>> minimum_enclosing_circle(np.ones((7, 9), dtype=bool))  # centers 6 and 8 apart
    (3.0, 4.0, 5.25)
    """
    mask = check_nonempty_mask(mask)
    rows, columns = bounding_box(mask)
    row, column, radius = enclosing_circle(convex_hull(mask[rows, columns]))
    return row + rows.start, column + columns.start, radius


def _find_smallest_circle(
    points: list[tuple[float, ...]],
) -> tuple[tuple[float, float, float], list[tuple[float, ...]]]:
    """Return the smallest circle around up to four points, and the two or three points that it passes through."""
    best = None
    for count in (2, 3):
        for support in combinations(points, count):
            circle = _fit_circle(list(support))
            if circle is None or (best is not None and circle[2] >= best[0][2]):
                continue
            if all(hypot(row - circle[0], column - circle[1]) <= circle[2] * (1 + 1e-9) for row, column in points):
                best = circle, list(support)
    assert best is not None
    return best


def _fit_circle(points: list[tuple[float, ...]]) -> tuple[float, float, float] | None:
    """Return the circle on the diameter of two points or through three; None for three points on a line."""
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
    """Return the exact number of pixel centers in the hull and on its border, by Pick's theorem."""
    steps = np.abs(_find_edges(hull))
    on_border = int(np.gcd(steps[:, 0], steps[:, 1]).sum())
    return (_compute_doubled_area(hull) + on_border) // 2 + 1


def _compute_doubled_area(hull: Points) -> int:
    rows, columns = hull.T
    return abs(int((rows * np.roll(columns, -1) - np.roll(rows, -1) * columns).sum()))
