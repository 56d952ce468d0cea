"""Picture of the page on features: circle, hull, diameters and axes of an outline."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from sklearn_melanoma.features import measure_morphology, minimum_enclosing_circle
from sklearn_melanoma.features._hull import convex_hull
from sklearn_melanoma.features._moments import Moments


def lesion_like_mask() -> np.ndarray:
    y, x = np.mgrid[:240, :320] - np.reshape([120, 155], (2, 1, 1))
    angle = np.arctan2(y, x)
    outline = 84 + 22 * np.cos(2 * angle - 0.6) + 11 * np.sin(3 * angle + 0.4) + 6 * np.cos(5 * angle)
    return np.hypot(y, x) <= outline + 3 * np.sin(11 * angle)


def support_lines(hull: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a point on the edge with the least width of the hull, and the opposite vertex."""
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.column_stack([edges[:, 1], -edges[:, 0]]) / np.hypot(*edges.T)[:, np.newaxis]
    reach = hull @ normals.T
    best = int(np.ptp(reach, axis=0).argmin())
    heights = abs(reach[:, best] - reach[best, best])
    foot = hull[heights.argmax()] - (reach[heights.argmax(), best] - reach[best, best]) * normals[best]
    return foot, hull[heights.argmax()]


def draw() -> Figure:
    mask = lesion_like_mask()
    hull, moments, found = convex_hull(mask), Moments(mask), measure_morphology(mask)
    row, column, radius = minimum_enclosing_circle(mask)

    figure = Figure(figsize=(6, 4.1), layout="constrained")
    for axes, title in zip(figure.subplots(1, 2), ("outline, hull and circle", "axes and mirror image"), strict=True):
        axes.set_title(title, fontsize="medium")
        axes.imshow(np.where(mask, 0.78, 1.0), cmap="gray", vmin=0, vmax=1)
        axes.set(xlim=(20, 300), ylim=(260, -10), aspect="equal")
        axes.set_axis_off()
    left, right = figure.axes

    left.add_patch(Circle((column, row), radius, fill=False, color="C0", lw=1.5, label="circumscribed circle"))
    left.add_patch(
        Polygon(hull[:, ::-1], fill=False, color="C2", lw=1.5, label=f"hull: solidity {found['solidity']:.2f}")
    )
    distances = np.hypot(*(hull[:, np.newaxis] - hull).T)
    ends = hull[list(np.unravel_index(distances.argmax(), distances.shape))]
    left.plot(ends[:, 1], ends[:, 0], "o-", color="C3", label=f"max_span {found['max_span']:.0f} px")
    ends = np.array(support_lines(hull))
    left.plot(
        ends[:, 1], ends[:, 0], "o--", color="C1", label=f"min_feret_diameter {found['min_feret_diameter']:.0f} px"
    )

    center = np.array(moments.centroid)
    direction = np.array([np.sin(moments.angle), np.cos(moments.angle)])
    offsets = np.moveaxis(np.indices(mask.shape), 0, 2) - center
    mirrored = 2 * (offsets @ direction)[..., np.newaxis] * direction - offsets + center
    rows, columns = np.rint(np.moveaxis(mirrored, 2, 0)).astype(int)
    height, width = mask.shape
    image = mask[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    right.contourf(mask & ~image, levels=[0.5, 1], colors=["C3"], alpha=0.6)
    right.contour(image, levels=[0.5], colors="C0", linewidths=1)
    for name, axis, color in (("major", direction, "k"), ("minor", direction[::-1] * (1, -1), "0.5")):
        line = center + np.outer([-130, 130], axis)
        right.plot(line[:, 1], line[:, 0], color=color, label=f"asymmetry_{name} {found[f'asymmetry_{name}']:.2f}")
    for axes in (left, right):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False, fontsize=9)
    return figure
