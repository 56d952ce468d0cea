"""Suspect masks as a table."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sklearn_melanoma._validation import check_images, source_name
from sklearn_melanoma.segmentation._suspects import MaskAssessment, assess_masks, check_trusted
from sklearn_melanoma.segmentation._training import check_few_masks

if TYPE_CHECKING:
    import pandas as pd


def find_suspect_masks(
    images: Any,
    masks: Any,
    *,
    trusted: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    cv: int = 5,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> pd.DataFrame:
    """Find masks that are probably wrong: masks of another lesion, shifted, too wide, too tight or rough masks.

    Two models predict the mask of each image. Both learn from the masks of other images. One uses the color and texture
    of pixels, the other uses their position relative to masks found without labels. A mask is suspect if both
    conditions are true:

    - The two predicted masks agree with each other as well as the masks of two experts do (Jaccard index of at least
      0.8).
    - The given mask has a Jaccard index below 0.65 with each predicted mask.

    Parameters
    ----------
    images : sequence of images
        Paths, arrays, PIL images or lesions.
    masks : sequence of masks
        Arrays or paths, at the size of the images. None or NaN marks an image without a mask.
    trusted : array-like of shape (n_images,), dtype bool, optional
        True for masks that are never suspect, such as masks that an expert checked.
    groups : array-like of shape (n_images,), optional
        Lesion of each image. The models that predict a mask have not learned from images of the same lesion.
    cv : int, default=5
        Number of folds.
    n_jobs : int, optional
        Number of processes.
    random_state : int, RandomState instance or None, default=None
        Seed of the sampled pixels, the folds and the models. Pass an int for reproducible results.

    Returns
    -------
    DataFrame
        One row for each image, in their order, with the columns

        - ``image``: path, or None for an array;
        - ``agreement``: Jaccard index of the two predicted masks; 0 if one is empty;
        - ``color_jaccard`` and ``place_jaccard``: Jaccard index of the given mask with each predicted mask;
        - ``suspect``: whether the mask is suspect;
        - ``proposed``: for suspect masks, the mask that both models propose: a bool array of the size of the given
          mask; else None.

        For images without a mask, the numbers are NaN.

    Raises
    ------
    ValueError, TypeError, OSError
        If there are fewer masks, or lesions with a mask, than folds. If a mask has another size than its image. If all
        masks are empty or all are full. If an image or a mask can't be read.

    See Also
    --------
    sklearn_melanoma.segmentation.MaskCorrectingSegmenter : Segmenter that learns from corrected masks.
    sklearn_melanoma.inspection.BorderDisplay : Figure of images with both borders.

    Notes
    -----
    The idea is that of AIDE [1]_: two networks correct each other's masks. The limit of 0.8 is near the Jaccard index
    of two experts who draw the same lesion: 0.79 to 0.86. The limit of 0.65 is from task 1 of the ISIC 2018 challenge,
    where a mask below it counted as wrong. Small errors of the border are not found.

    References
    ----------
    .. [1] S. Wang, C. Li, R. Wang et al., "Annotation-efficient deep learning for automatic medical image
       segmentation", Nature Communications 12, 5915, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.model_selection import find_suspect_masks
    >>> lesions = make_lesions(10, image_size=(96, 128), random_state=2)
    >>> masks = list(lesions.masks)
    >>> masks[3] = np.roll(masks[3], 30, axis=1)
    >>> table = find_suspect_masks(lesions.images, masks, cv=3, random_state=0)
    >>> table.index[table["suspect"]].tolist()
    [3]
    """
    import pandas as pd

    if isinstance(cv, bool) or not isinstance(cv, Integral) or cv < 2:
        raise ValueError(f"cv must be an int of at least 2, got {cv!r}.")
    images, names = check_images(images, name="images"), ("images", "masks")
    masks, labeled = check_few_masks(masks, len(images), names=names)
    found = assess_masks(
        images,
        masks,
        labeled,
        trusted=check_trusted(trusted, len(images)),
        groups=groups,
        cv=cv,
        n_jobs=n_jobs,
        rng=check_random_state(random_state),
        names=names,
    )
    by_position = dict(zip(labeled, found, strict=True))
    without = MaskAssessment(np.nan, np.nan, np.nan, suspect=False, proposed=None)
    table = pd.DataFrame([by_position.get(position, without) for position in range(len(images))])
    table.insert(0, "image", [source_name(images[position]) for position in range(len(images))])
    return table
