"""Groups of identical and nearly identical images, within and across data sets."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._io.reading import read_lesion
from sklearn_melanoma._parallel import run_in_parallel
from sklearn_melanoma._validation import check_images, element_errors
from sklearn_melanoma._validation.groups import encode_groups, list_groups
from sklearn_melanoma.datasets._fingerprints import READING_SIDE, SIDE, compute_details, find_copies
from sklearn_melanoma.datasets._groups import join_groups

_CHUNK = 64  # images per call of a process


def find_duplicates(
    images: Sequence[Any],
    *,
    groups: ArrayLike | None = None,
    min_correlation: float = 0.75,
    n_jobs: int | None = None,
) -> NDArray[Any]:
    """Find groups of identical and nearly identical images, within and across data sets.

    Copies are found if they were resized, compressed again, mirrored, turned by a multiple of 90°, or changed in
    brightness or contrast. Several images of a lesion from the same place are found, too. Copies that show another
    section are not found.

    Parameters
    ----------
    images : sequence of images
        Paths, URLs, arrays, PIL images or lesions, also of several data sets.
    groups : array-like of shape (n_images,), optional
        Known group of each image, such as its patient or lesion. Groups with copies of the same image become one group.
    min_correlation : float, default=0.75
        Smallest correlation at which two images count as copies, above 0 and at most 1 (see Notes). Below 0.7, some
        such pairs are not found, because a faster comparison of all pairs leaves them out.
    n_jobs : int, optional
        Number of processes that read images, as in joblib.

    Returns
    -------
    ndarray of shape (n_images,)
        Group of each image. Pass it as `groups` to a splitter, so that copies stay on one side of any split. The name
        of a group is the known group of its first image. Without `groups`, it is the position of this image.

    Raises
    ------
    ValueError, TypeError, OSError
        If an image can't be read, `groups` has a wrong length or a missing value, or a parameter is out of its range.

    See Also
    --------
    sklearn_melanoma.model_selection.SemiSupervisedSplit : Splitter that keeps groups together.

    Notes
    -----
    Each image is shrunk to a gray image of 64 × 64 pixels. Its coarse structure is removed, because most lesions are
    dark spots in the middle and look alike. The rest is divided by the local contrast; this gives the details. A hash
    holds the signs of the 255 lowest frequencies of the details (discrete cosine transform). Pairs with similar hashes,
    in any of eight orientations, are compared by the correlation of their details.

    Among 3 722 images of PH², ISIC 2017 and HAM10000, the correlation of images of different lesions is 0.625 at most.
    All copies of 300 of them were found after compression with JPEG quality 50, shrinking to 100 pixels, a turn by 90°,
    or a change in brightness by 20 %. With 2 % cut off each side, 85 % were found; with 5 %, almost none. Images
    without details, such as blank ones, have no copies.

    The cost of the comparison grows with the square of the number of images. On one core, 10 000 small images take 22 s
    for reading and 14 s for the comparison.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.datasets import find_duplicates, make_lesions
    >>> first, second, third = make_lesions(3, image_size=(96, 128), random_state=0).images
    >>> groups = find_duplicates([first, second, first[::2, ::2], third, np.fliplr(second)])
    >>> groups
    array([0, 1, 0, 3, 1])
    """
    images = check_images(images, name="images")
    if not isinstance(min_correlation, Real) or not 0 < min_correlation <= 1:
        raise ValueError(
            f"min_correlation must be above 0 and at most 1, got {min_correlation!r}. 0.75 finds copies only."
        )
    known = None
    if groups is not None:
        encode_groups(groups, n_images=len(images))
        known = np.empty(len(images), dtype=object)  # groups may be tuples
        known[:] = list_groups(groups)
    names = np.arange(len(images)) if known is None else known
    return join_groups(names, find_copies(_read_details(images, n_jobs), min_correlation))


def _read_details(images: Sequence[Any], n_jobs: int | None) -> NDArray[np.float16]:
    """Return the details of all images; images are read in chunks."""

    def take_chunk(start: int) -> tuple[int, list[Any]]:
        return start, [images[position] for position in range(start, min(start + _CHUNK, len(images)))]

    chunks = run_in_parallel(_read_chunk, range(0, len(images), _CHUNK), n_jobs, arguments=take_chunk)
    return np.concatenate([np.empty((0, SIDE, SIDE), dtype=np.float16), *chunks])


def _read_chunk(start: int, images: list[Any]) -> NDArray[np.float16]:
    pixels = []
    for position, image in enumerate(images, start):
        with element_errors(position, image, name="images"):
            pixels.append(read_lesion(image, max_side=READING_SIDE).image)
    return compute_details(pixels)
