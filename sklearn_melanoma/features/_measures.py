"""The shape measures that stand alone as functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sklearn_melanoma._geometry import bounding_box
from sklearn_melanoma.features._names import check_some_mask
from sklearn_melanoma.features._shape import Shape

# Beyond it, coefficients of the polynomials cancel to less than what is left of their precision.
_HIGHEST_ORDER = 20


def perimeter(mask: ArrayLike) -> float:
    r"""Measure the length of the border of a lesion.

    Crofton's formula over eight directions: straight lines through the pixel centers
    along :math:`(0, 1), (1, 2), (1, 1), \dots` cross the border :math:`n_k` times, and
    :math:`P = \frac12 \sum_k \Delta\theta_k\, n_k / |v_k|` for steps :math:`v_k` and
    the angles :math:`\Delta\theta_k` that they stand for.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True. The borders of holes and of
        separate parts count, and so does the frame where the lesion is cut by it.

    Returns
    -------
    float
        Perimeter in pixels.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Notes
    -----
    Disks at any place come out with a standard error of 0.3 % at a radius of 20 pixels, 0.1 %
    at 50 and 0.02 % at 400; turned squares, the worst outlines for it, with one of 0.9 %. That
    is half of what four directions (:func:`skimage.measure.perimeter_crofton`) leave.

    Examples
    --------
    >>> from skimage.morphology import disk
    >>> from sklearn_melanoma.features import perimeter
    >>> round(perimeter(disk(100)) / (2 * 3.14159 * 100), 2)
    1.0
    """
    return _shape(mask).perimeter


def perimeter_ratio(mask: ArrayLike) -> float:
    """Measure the perimeter of a lesion over that of its circumscribed circle.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    float
        Ratio, dimensionless: 1 for a disk, less for any other convex outline, more for
        a border rough enough.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Examples
    --------
    A square has the perimeter 4 and a circle of the perimeter π√2 around it.

    >>> import numpy as np
    >>> from sklearn_melanoma.features import perimeter_ratio
    >>> round(perimeter_ratio(np.ones((200, 200), dtype=bool)), 2), round(4 / (np.pi * 2**0.5), 2)
    (0.89, 0.9)
    """
    return _shape(mask).perimeter_ratio


def compactness(mask: ArrayLike) -> float:
    r"""Measure how far the border of a lesion is from a circle.

    The isoperimetric quotient, turned over so that it grows with irregularity:
    :math:`c = P^2 / (4 \pi A)` for perimeter :math:`P` and area :math:`A`.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    float
        Compactness, dimensionless: about 1 for a disk, larger for any other outline,
        the same at any size. Below 1 only for a handful of pixels.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Examples
    --------
    >>> from skimage.morphology import disk
    >>> from sklearn_melanoma.features import compactness
    >>> round(compactness(disk(50)), 1)
    1.0
    """
    return _shape(mask).compactness


def max_span(mask: ArrayLike) -> float:
    """Measure the largest diameter of a lesion: its maximum Feret diameter.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    float
        Largest distance of two pixel centers plus half a pixel, in pixels; exact.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Notes
    -----
    The half pixel is the least biased of the usual conventions: over lesion-like outlines
    it errs by 0.2 to 0.3 pixels, centers alone by 0.3 to 0.6, corners by 0.8 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import max_span
    >>> max_span(np.ones((4, 5), dtype=bool))  # centers 3 and 4 apart
    5.5
    """
    return _shape(mask).max_span


def minimum_enclosing_circle(mask: ArrayLike) -> tuple[float, float, float]:
    """Find the circumscribed circle of a lesion: the smallest that holds it.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    row : float
        Row of the center; pixel centers have whole numbers.
    column : float
        Column of the center.
    radius : float
        Radius of the smallest circle around the pixel centers, plus a quarter of a pixel.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

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
    mask = check_some_mask(mask)
    rows, columns = bounding_box(mask)
    row, column, radius = Shape(mask[rows, columns]).circle
    return row + rows.start, column + columns.start, radius


def maximum_inscribed_circle(mask: ArrayLike) -> tuple[float, float, float]:
    """Find the inscribed circle of a lesion: the largest that fits in it, around the center of a pixel.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.
        Holes are not part of it, nor is what lies beyond the frame.

    Returns
    -------
    row : float
        Row of the center; pixel centers have whole numbers.
    column : float
        Column of the center. Of several such centers it is the first, row by row.
    radius : float
        Distance from the center to that of the nearest pixel of the background; exact.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Notes
    -----
    The nearest background lies beyond the border, the best pixel beside the true center: over
    disks, ellipses and turned squares both together err by 0.1 to 0.4 pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import maximum_inscribed_circle
    >>> maximum_inscribed_circle(np.ones((7, 9), dtype=bool))
    (3.0, 3.0, 4.0)
    """
    mask = check_some_mask(mask)
    rows, columns = bounding_box(mask)
    shape = Shape(mask[rows, columns])
    row, column = np.unravel_index(int(shape.depth.argmax()), shape.depth.shape)
    return float(row + rows.start), float(column + columns.start), shape.inscribed_radius


def min_feret_diameter(mask: ArrayLike) -> float:
    """Measure the least width of a lesion: its minimum Feret diameter.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    float
        Least distance of two parallel lines that hold all pixel centers, plus half a pixel,
        in pixels; exact.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import min_feret_diameter
    >>> min_feret_diameter(np.ones((4, 9), dtype=bool))  # centers of the first and last row are 3 apart
    3.5
    """
    return _shape(mask).min_feret_diameter


def fractal_dimension(mask: ArrayLike) -> float:
    r"""Measure how rough the border of a lesion is, over the scales from 1/64 to 1/8 of its size.

    Moved by a step :math:`s`, a mask differs from itself over an area that grows as
    :math:`s^{2 - D}` for a border of dimension :math:`D`. The dimension comes from a straight line
    through the logarithms of seven steps, each along rows, columns and both diagonals.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    float
        Dimension, 1 for a smooth border, at most 2.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Notes
    -----
    Disks and ellipses of radius 20 and more read 1.00 to 1.015, squares up to 1.03, Koch's
    snowflake, whose dimension is 1.262, 1.25 to 1.27 from a width of 90 pixels on.

    References
    ----------
    H. D. Bale, P. W. Schmidt, "Small-angle X-ray-scattering investigation of submicroscopic
    porosity with fractal properties", Physical Review Letters 53, 596-599, 1984.

    Examples
    --------
    >>> from skimage.morphology import disk
    >>> from sklearn_melanoma.features import fractal_dimension
    >>> round(fractal_dimension(disk(50)), 1)
    1.0
    """
    return _shape(mask).fractal_dimension


def box_counting_dimension(mask: ArrayLike) -> float:
    r"""Measure how rough the border of a lesion is, by counting the boxes that it passes through.

    On a grid of width :math:`s` a border of dimension :math:`D` passes through
    :math:`n(s) \propto s^{-D}` boxes. Counted is the mean over all :math:`s^2` places of the grid,
    for seven widths from 1/64 to 1/8 of the square root of the area.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    float
        Dimension, 1 for a smooth border, at most 2.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    See Also
    --------
    fractal_dimension : The same without boxes, which depends less on the directions of the border.

    Examples
    --------
    >>> from skimage.morphology import disk
    >>> from sklearn_melanoma.features import box_counting_dimension
    >>> round(box_counting_dimension(disk(50)), 2)
    1.0
    """
    return _shape(mask).box_counting_dimension


def zernike_magnitudes(mask: ArrayLike, order: int = 8) -> dict[tuple[int, int], float]:
    r"""Measure the Zernike moments of a lesion in the smallest circle around its centroid.

    With polar coordinates around the centroid, the circle's radius :math:`R` the unit of
    :math:`\rho`, the moment is :math:`Z_{nm} = \frac{n+1}{\pi R^2} \sum R_{nm}(\rho)\, e^{im\theta}` over the
    pixels. Its magnitude does not change when the lesion is turned or mirrored.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.
    order : int, default=8
        Highest order :math:`n`, 0 to 20.

    Returns
    -------
    dict
        From ``(n, m)``, where :math:`0 \le m \le n` and :math:`n - m` is even, to
        :math:`|Z_{nm}|`, dimensionless. A disk has 1 at ``(0, 0)`` and 0 elsewhere.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel, or `order` is out of range.

    References
    ----------
    M. R. Teague, "Image analysis via the general theory of moments", Journal of the Optical
    Society of America 70, 920-930, 1980.

    Examples
    --------
    >>> from skimage.morphology import disk
    >>> from sklearn_melanoma.features import zernike_magnitudes
    >>> {name: round(value, 1) for name, value in zernike_magnitudes(disk(100), 2).items()}
    {(0, 0): 1.0, (1, 1): 0.0, (2, 0): 0.0, (2, 2): 0.0}
    """
    if order not in range(_HIGHEST_ORDER + 1):
        raise ValueError(f"order must be a whole number from 0 to {_HIGHEST_ORDER}, got {order!r}.")
    return _shape(mask).zernike_magnitudes(int(order))


def asymmetry(mask: ArrayLike) -> tuple[float, float]:
    """Measure how much of a lesion has no counterpart in its mirror image.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    major : float
        Share of the area that lies outside the image of the mask mirrored about its major
        principal axis, in 0..1.
    minor : float
        The same about its minor axis. Where all axes are principal ones, such as in a
        square, both are about rows and columns, the smaller one first.

    Raises
    ------
    ValueError
        If `mask` is not 2-D or has no True pixel.

    Notes
    -----
    Mirrored pixels fall between pixels, where the mask is interpolated; a symmetric shape
    reads 0.003 at a diameter of 200 pixels and 0.01 at 60.

    Examples
    --------
    A bar is the same on both sides of both axes; a wedge is not.

    >>> import numpy as np
    >>> from sklearn_melanoma.features import asymmetry
    >>> asymmetry(np.ones((2, 8), dtype=bool))
    (0.0, 0.0)
    >>> min(asymmetry(np.tri(50, dtype=bool) & (np.arange(50) < 30))) > 0.05
    True
    """
    return _shape(mask).asymmetry


def _shape(mask: ArrayLike) -> Shape:
    mask = check_some_mask(mask)
    return Shape(mask[bounding_box(mask)])
