"""The six colors that dermatologists count, and the blue-white veil, by what pigment and blood do to light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: In the order in which the ABCD rule names them.
DERMOSCOPIC_COLORS = ("white", "red", "light_brown", "dark_brown", "blue_gray", "black")

# All against the skin around the lesion, so that neither the light nor its color matters. White is lighter than skin
# in each channel; black has lost two thirds in each; dark brown has lost a third of red.
_WHITE, _BLACK, _DARK = 1.05, 1 / 3, 2 / 3

# M. E. Celebi et al., "Automatic detection of blue-white veil and related structures in dermoscopy images", Comput.
# Med. Imaging Graph. 32, 670-677, 2008: the share of blue in the three channels, and red minus that of the skin.
_VEIL_TENTHS, _VEIL_RED = 3, (-194.0, -51.0)


def name_colors(rgb: NDArray[np.uint8], skin: NDArray[np.float64]) -> NDArray[np.int8]:
    """Tell which of the six dermoscopic colors each pixel has.

    Melanin takes away most of blue, less of green and least of red; blood takes most of
    green. Pigment deep in the skin looks blue, since short waves are scattered back from above it.
    With each channel divided by that of the skin around, a pixel is

    1. *white* if all three are above 1.05;
    2. *black* if all three are below a third;
    3. *blue-gray* if blue has lost no more than red has;
    4. *red* if green has lost no less than blue has, and red no more than a third;
    5. *dark brown* if red has lost more than a third, and *light brown* otherwise.

    Parameters
    ----------
    rgb : ndarray of shape (3, n_pixels), dtype uint8
        Red, green and blue.
    skin : ndarray of shape (3,), dtype float64
        Mean red, green and blue of the skin around.

    Returns
    -------
    ndarray of shape (n_pixels,), dtype int8
        Positions in `DERMOSCOPIC_COLORS`.

    Examples
    --------
    >>> import numpy as np
    >>> colors = np.array([(90, 60, 40), (90, 90, 110), (30, 25, 20), (180, 90, 100)], dtype=np.uint8).T
    >>> [DERMOSCOPIC_COLORS[i] for i in name_colors(colors, np.array([200.0, 160.0, 140.0]))]
    ['dark_brown', 'blue_gray', 'black', 'red']
    """
    red, green, blue = rgb.astype(np.float32) / np.maximum(skin, 1).astype(np.float32)[:, np.newaxis]
    names = (red < _DARK).view(np.int8) + np.int8(2)
    for name, chosen in (
        (1, (green <= blue) & (red >= _DARK)),
        (4, blue >= red),
        (5, np.maximum(np.maximum(red, green), blue) < _BLACK),
        (0, np.minimum(np.minimum(red, green), blue) > _WHITE),
    ):
        np.copyto(names, np.int8(name), where=chosen)
    return names


def find_veil(rgb: NDArray[np.uint8], skin: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which pixels a blue-white veil covers, by the rule that Celebi and others (2008) learned from veils.

    Parameters
    ----------
    rgb : ndarray of shape (3, n_pixels), dtype uint8
        Red, green and blue.
    skin : ndarray of shape (3,), dtype float64
        Mean red, green and blue of the skin around.

    Returns
    -------
    ndarray of shape (n_pixels,), dtype bool
        True where blue is at least three tenths of the three channels, and red from 51 to
        194 levels below that of the skin.

    Examples
    --------
    >>> import numpy as np
    >>> colors = np.array([(90, 60, 40), (90, 90, 110)], dtype=np.uint8).T
    >>> find_veil(colors, np.array([200.0, 160.0, 140.0]))
    array([False,  True])
    """
    red, green, blue = rgb.astype(np.int16)
    lowest, highest = np.ceil(skin[0] + _VEIL_RED).astype(np.int16)
    return (10 * blue >= _VEIL_TENTHS * (red + green + blue)) & (red >= lowest) & (red < highest)
