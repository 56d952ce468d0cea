"""Transformer that computes the features of PyRadiomics."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval
from sklearn_melanoma.features._handcrafted import HandcraftedFeatures
from sklearn_melanoma.features._names import check_names
from sklearn_melanoma.features._radiomics import (
    CHANNELS,
    CLASS_FEATURES,
    RADIOMICS_FEATURES,
    SHAPE,
    expand_classes,
    measure_radiomics,
)


class RadiomicsFeatures(HandcraftedFeatures):
    r"""Compute the 2-D features of PyRadiomics inside lesions, under its names.

    The features are for comparisons with published radiomics models. No pipeline of the package uses them by default.

    Parameters
    ----------
    features : "all", name of a class or list of str, default="all"
        Names of features, such as ``"glcm_Contrast"``, or of whole classes, such as ``"glcm"``, in the order of the
        columns.
    channels : str or list of str, default="gray"
        Channels of the image: "gray", "red", "green", "blue", "lightness", "a" or "b".
    bin_width : float, default=25
        Width of a gray level in units of the channel, at least 1. It is PyRadiomics' ``binWidth``.
    n_bins : int, optional
        Number of gray levels between the smallest and the largest value in the lesion, at most 256. It is PyRadiomics'
        ``binCount``. If given, `bin_width` is ignored.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    FEATURES : tuple of str
        Names of all features, without the channel; an attribute of the class.
    CHANNELS : tuple of str
        Names of all channels; an attribute of the class.

    See Also
    --------
    TextureFeatures : Texture features of the default pipeline.
    MorphologyFeatures : Morphology features, with smaller errors and in millimeters.

    Notes
    -----
    A column has the name of its channel, class and feature, such as ``gray_glcm_Contrast``. PyRadiomics calls this
    feature ``original_glcm_Contrast``. The shape has no channel: ``shape2D_Perimeter``.

    ==============  ====  =================================================================
    class           no.   what it describes
    ==============  ====  =================================================================
    `shape2D`       9     size and shape of the mask
    `firstorder`    18    distribution of the values; entropy and uniformity use gray levels
    `glcm`          24    co-occurrence: gray levels of adjacent pixels
    `glrlm`         16    run length: rows of pixels of the same gray level
    `glszm`         16    size zone: connected parts of the same gray level
    `gldm`          14    dependence: number of neighbors of the same gray level
    `ngtdm`         5     tone difference: difference to the mean level of the neighbors
    ==============  ====  =================================================================

    The values agree with those of PyRadiomics 3.0.1 to seven digits. PyRadiomics must get the same pixels, ``force2D``,
    and the `scale` of the :class:`~sklearn_melanoma.Lesion` as pixel spacing. The texture classes also agree with the
    reference values of the Image Biomarker Standardisation Initiative (IBSI) [2]_ for its digital phantom. These
    values, under "2D, averaged" in its manual, have three digits. The page :doc:`/guide/radiomics` lists the names and
    the differences between PyRadiomics and the reference values.

    - The image is used at the size of the lesion, without resampling. Only pixels of the mask count.
    - "gray" is the luma of Pillow's ``convert("L")``, from 0 to 255. "lightness", "a" and "b" are CIE L*a*b*. L* has a
      range of 100, so the default `bin_width` gives at most five levels.
    - Lengths and areas are in pixels of the source, as in :class:`MorphologyFeatures`. `firstorder_TotalEnergy` is the
      energy times the area of a pixel.
    - `glcm` and `glrlm` are means over four directions.
    - A lesion that was not found gives a row of NaN. `glcm` is NaN if no two pixels are adjacent. `glrlm` and
      `shape2D_Elongation` are NaN for a single pixel. `firstorder_RobustMeanAbsoluteDeviation` is NaN for two pixels
      with different values.
    - A single gray level gives the values of PyRadiomics, such as 1 for `glcm_Correlation` and 10⁶ for
      `ngtdm_Coarseness`.

    References
    ----------
    .. [1] J. J. M. van Griethuysen et al., "Computational radiomics system to decode the radiographic phenotype",
           Cancer Res. 77, e104-e107, 2017.
    .. [2] A. Zwanenburg et al., "The Image Biomarker Standardization Initiative", Radiology 295, 328-338, 2020;
           reference manual: arXiv:1612.07003.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> from sklearn_melanoma.features import RadiomicsFeatures
    >>> image = np.full((40, 40, 3), 100, dtype=np.uint8)
    >>> image[:, ::2] = 150  # columns of two gray levels
    >>> mask = np.zeros((40, 40), dtype=bool)
    >>> mask[10:30, 10:30] = True
    >>> radiomics = RadiomicsFeatures(["firstorder_Mean", "glrlm_LongRunEmphasis", "shape2D_Perimeter"])
    >>> radiomics.set_output(transform="pandas").fit_transform([Lesion(image, mask)]).round(1)
       gray_firstorder_Mean  gray_glrlm_LongRunEmphasis  shape2D_Perimeter
    0                 125.0                       100.8               78.8
    """

    FEATURES: ClassVar[tuple[str, ...]] = RADIOMICS_FEATURES
    CHANNELS: ClassVar[tuple[str, ...]] = CHANNELS
    _sets = CLASS_FEATURES
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **HandcraftedFeatures._parameter_constraints,
        "channels": [str, list, tuple],
        "bin_width": [Interval(Real, 1, None, closed="left")],
        "n_bins": [Interval(Integral, 1, 256, closed="both"), None],
    }

    def __init__(
        self,
        features: str | Sequence[str] = "all",
        *,
        channels: str | Sequence[str] = "gray",
        bin_width: float = 25.0,
        n_bins: int | None = None,
        n_jobs: int | None = None,
    ):
        super().__init__(features, n_jobs=n_jobs)
        self.channels = channels
        self.bin_width = bin_width
        self.n_bins = n_bins

    def _chosen_features(self) -> tuple[str, ...]:
        if not isinstance(self.features, list | tuple):
            return super()._chosen_features()
        return check_names(expand_classes(self.features), self.FEATURES)

    def _chosen_channels(self) -> tuple[str, ...]:
        channels = (self.channels,) if isinstance(self.channels, str) else tuple(self.channels)
        known = [channel for channel in CHANNELS if channel in channels]
        if not channels or len(known) < len(channels):
            raise ValueError(
                f"channels must be a name or a list of names, each of them once, got {self.channels!r}. "
                f"Known are {', '.join(CHANNELS)}."
            )
        return channels

    def _feature_names(self) -> list[str]:
        chosen, channels = self._chosen_features(), self._chosen_channels()
        return [
            name if name.startswith(SHAPE) else f"{channel}_{name}"
            for channel in channels
            for name in chosen
            if channel == channels[0] or not name.startswith(SHAPE)
        ]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> list[float]:
        classes = {name.partition("_")[0] for name in self._chosen_features()}
        found = measure_radiomics(
            lesion, classes, self._chosen_channels(), bin_width=self.bin_width, n_bins=self.n_bins
        )
        return [found[name] for name in names]
