"""Rules for the six dermoscopic colors and the blue-white veil."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: In the order of the ABCD rule.
DERMOSCOPIC_COLORS = ("white", "red", "light_brown", "dark_brown", "blue_gray", "black")

# Limits relative to the skin around the lesion, so that neither the brightness nor the color of the light matters.
# White is lighter than skin in each channel, black is at most a third of it in each, and dark brown is at most two
# thirds of it in red.
_WHITE, _BLACK, _DARK = 1.05, 1 / 3, 2 / 3

# M. E. Celebi et al., "Automatic detection of blue-white veil and related structures in dermoscopy images", Comput.
# Med. Imaging Graph. 32, 670-677, 2008: limits of the fraction of blue in the three channels, in tenths, and of red
# minus the red of the skin.
_VEIL_TENTHS, _VEIL_RED = 3, (-194.0, -51.0)


def name_colors(rgb: NDArray[np.uint8], skin: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return the dermoscopic color of each pixel.

    Melanin absorbs most of blue, less of green and least of red; blood absorbs most of
    green. Pigment deep in the skin looks blue, because the skin above it scatters short waves back. Each channel is
    divided by the channel of the surrounding skin. The first rule that is true gives the color:

    1. *white* if all three are above 1.05.

    2. *black* if all three are below a third.

    3. *blue-gray* if blue is at least as high as red.

    4. *red* if green is at most as high as blue, and red is at least two thirds.

    5. *dark brown* if red is below two thirds, and *light brown* otherwise.

    Parameters
    ----------
    rgb : ndarray of shape (3, n_pixels), dtype uint8
        Red, green and blue.
    skin : ndarray of shape (3,), dtype float64
        Mean red, green and blue of the surrounding skin.

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
    """Find the pixels under a blue-white veil, by the rule that Celebi et al. (2008) learned from examples.

    Parameters
    ----------
    rgb : ndarray of shape (3, n_pixels), dtype uint8
        Red, green and blue.
    skin : ndarray of shape (3,), dtype float64
        Mean red, green and blue of the surrounding skin.

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
