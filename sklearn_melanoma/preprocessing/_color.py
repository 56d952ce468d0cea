"""Color normalization (shades of gray)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._io.reading import shrink
from sklearn_melanoma._validation import check_image

# Longest side, in pixels, at which the light is estimated. Means over an image do not need more pixels.
_ESTIMATING_SIDE = 128


def normalize_color(image: ArrayLike, *, norm: float = 6) -> NDArray[np.uint8]:
    r"""Normalize the colors of an image to neutral light (shades of gray).

    The method assumes that the mean of order :math:`p` of an image is gray under white light. This gives the color of
    the light:

    .. math:: e_c = \Big(\frac1N \sum I_c^p\Big)^{1/p}, \qquad
              I'_c = I_c \, \frac{\bar e}{e_c}, \qquad \bar e = (e_R \, e_G \, e_B)^{1/3}.

    Here :math:`I_c` is the level of channel :math:`c` (red, green or blue) of a pixel, :math:`N` the number of pixels,
    :math:`e_c` the estimated light, and :math:`I'_c` the normalized level.

    Order 1 is the gray-world assumption. Order infinity assumes that the brightest spot is white.
    The method's authors found 6 to be best. If red, green or blue is 0 everywhere, the light can't
    be estimated, and the image stays unchanged.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    norm : float, default=6
        The order :math:`p`, 1 or more.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        RGB image. Its three means of order `norm` are nearly equal: the light is estimated at a longest side of 128
        pixels, and levels are rounded and clipped at 255. The geometric mean of the three hardly changes, so the
        brightness is approximately the same. If `image` is a uint8 RGB array and its light is already neutral, `image`
        itself is returned.

    Raises
    ------
    ValueError
        If `image` is not an image or `norm` is below 1.
    TypeError
        If the dtype of `image` is not one of an image.

    Notes
    -----
    All pixels are used. Dark corners have almost no weight at order 6. Saturated pixels (red, green or blue is 255)
    often cover most of the skin. Without these pixels, the estimate was less accurate when the light changed.

    References
    ----------
    .. [1] G. D. Finlayson, E. Trezzi, "Shades of gray and color constancy", Color and Imaging
           Conf., 37-41, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.preprocessing import normalize_color
    >>> image = np.full((30, 40, 3), (160, 80, 40), dtype=np.uint8)
    >>> normalize_color(image)[0, 0]
    array([80, 80, 80], dtype=uint8)
    """
    image = check_image(image)
    if not norm >= 1:
        raise ValueError(f"norm must be 1 or more, got {norm!r}. Use 1 for gray world, 6 for shades of gray.")
    pixels = shrink(image, _ESTIMATING_SIDE).reshape(-1, 3)
    if not pixels.any(axis=0).all():
        return image
    brightest = pixels.max(axis=0)  # powers of any order stay within range
    light = brightest * ((pixels / brightest) ** norm).mean(axis=0) ** (1 / norm)
    gain = np.exp(np.log(light).mean()) / light
    table = np.rint(np.clip(np.arange(256)[:, np.newaxis] * gain, 0, 255)).astype(np.uint8)
    if (table == np.arange(256)[:, np.newaxis]).all():
        return image
    return np.stack([table[image[:, :, channel], channel] for channel in range(3)], axis=2)
