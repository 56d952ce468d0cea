"""Table of quality flags of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn_melanoma._base import set_index
from sklearn_melanoma.inspection._image_data import ImageData
from sklearn_melanoma.inspection._models import split_model

if TYPE_CHECKING:
    import pandas as pd


def quality_flags(images: Any, *, model: Any = None, n_jobs: int | None = None) -> pd.DataFrame:
    r"""Find images with unreliable features: cut lesions, blur, hair, frames, stickers, unreadable files.

    Parameters
    ----------
    images : sequence of images, or DataFrame
        Paths, arrays, PIL images or lesions. With a `model` that takes a table, this table.
    model : estimator, optional
        A fitted pipeline of images, or a search, threshold or calibration around it. Its steps read and segment the
        images. The flag `far_from_training` is added if the model knows the range of its training images. By default,
        :class:`~sklearn_melanoma.segmentation.WatershedSegmenter` segments the images that have no mask.
    n_jobs : int, optional
        Number of processes. Defaults to the `n_jobs` of the image steps of `model`.

    Returns
    -------
    DataFrame
        One row for each image, with its path or position as index. The first columns are the flags, which are True for
        an image to check. The next columns are the numbers behind the flags. The last column, `error`, is the reason
        why an image could not be read, else an empty string.

    Raises
    ------
    TypeError, ValueError
        If `images` is not a sequence of images, or `model` is not a fitted model of images.

    See Also
    --------
    make_report : A report with these flags.

    Notes
    -----
    =====================  =============================================================================
    flag                   rule
    =====================  =============================================================================
    `unreadable`           the file can't be read as an image; all other flags are False
    `no_lesion`            the segmenter found no lesion
    `cut_by_frame`         `frame_contact` over 0.5: the lesion touches the frame along more than half its
                           diameter. At this limit, the frame cuts off 3 % of the area of a disk.
    `out_of_focus`         `blur` over 0.005: the sharpest edges are blurred by a Gaussian whose standard
                           deviation is more than 0.5 % of the longest side. Such a blur hides the finer
                           lines of a pigment network, which are 0.4 to 1.5 % wide.
    `hair`                 `hair_fraction` over 0.05 of the image inside the frame
    `frame`                `frame_fraction` over 0.105: uniform frames and dark corners cover more than
                           10.5 % of the image. A round field of view that is as wide as a 4:3 image
                           leaves about 10 % of it dark.
    `sticker`              `sticker_fraction` over 0.01: colors that skin does not have reach the frame. This
                           is a sticker, the card of a ruler or ink. A printed scale without a card is not
                           found.
    `far_from_training`    `beyond_training` over 0.1: more than a tenth of the features are outside the range
                           of the training images. Only for models with a
                           :class:`~sklearn.preprocessing.QuantileTransformer`.
    =====================  =============================================================================

    The blur is estimated from the gradients after filters of two widths [1]_. The flag `out_of_focus` was never set for
    100 images of PH² and 300 images of ISIC 2017. It was set for 3 % of 300 images of HAM10000, which were only 200
    pixels wide. After a Gaussian blur of 1 % of the longest side, it was set for all of these images. The number
    `beyond_training` was at most 0.1 for 98 % of unseen images from the same source as at least 60 training images. It
    was above 0.1 for 6 to 85 % of images from other sources.

    References
    ----------
    .. [1] S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognit. 44, 1852-1858, 2011.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import quality_flags
    >>> images = [*make_lesions(3, hair=1, random_state=0).images, "gone.jpg"]
    >>> quality_flags(images)[["unreadable", "hair", "hair_fraction"]].round(2)
       unreadable   hair  hair_fraction
    0       False   True           0.05
    1       False  False           0.04
    2       False   True           0.10
    3        True  False            NaN
    """
    data = ImageData(images, None if model is None else split_model(model), thumbnails=False, n_jobs=n_jobs)
    return set_index(data.make_quality_table(), images)
