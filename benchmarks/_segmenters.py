"""Segmenters with scikit-image or OpenCV, for comparison in the benchmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage as ndi
from skimage.feature import multiscale_basic_features
from skimage.filters import gaussian, sobel, threshold_otsu
from skimage.future import fit_segmenter, predict_segmenter
from skimage.segmentation import morphological_chan_vese, random_walker, watershed
from sklearn.ensemble import RandomForestClassifier

from benchmarks._data import resize_mask
from sklearn_melanoma import Lesion
from sklearn_melanoma.images import ImageReader, read_mask

Mask = NDArray[np.bool_]


class PeerSegmenter(ABC):
    """Base of the peers: read the image at `max_side` pixels, keep one region, fill its holes.

    Subclasses find the pixels that may belong to the lesion.
    """

    max_side = 384

    @abstractmethod
    def find_pixels(self, image: NDArray[np.uint8]) -> Mask:
        """Return the pixels that may belong to the lesion."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Return the segmenter unchanged: most peers learn nothing."""
        return self

    def predict(self, X: Any) -> list[Mask]:
        """Return a mask at the size of its image for every image."""
        return [self._predict_lesion(lesion) for lesion in self._read(X)]

    def _read(self, X: Any) -> list[Lesion]:
        return ImageReader(max_side=self.max_side).transform(X)

    def _predict_lesion(self, lesion: Lesion) -> Mask:
        return resize_mask(keep_region(self.find_pixels(lesion.image)), lesion.source_shape)


class ThresholdSegmenter(PeerSegmenter):
    """Smoothing and a threshold.

    Parameters
    ----------
    channel : {"gray", "blue"}
        Channel of the gray levels; gray is Pillow's luma.
    threshold : callable
        Function from the smoothed gray levels to the threshold; the lesion is darker.
    """

    def __init__(self, channel: str = "blue", threshold: Callable[[NDArray[np.floating]], float] = threshold_otsu):
        self.channel = channel
        self.threshold = threshold

    def find_pixels(self, image: NDArray[np.uint8]) -> Mask:
        """Return the pixels that are darker than the threshold."""
        smooth = smooth_channel(image, self.channel)
        return smooth < self.threshold(smooth)


class ChanVeseSegmenter(PeerSegmenter):
    """Morphological Chan–Vese: a border that starts at Otsu's mask and separates two regions with even levels.

    The 35 steps and the smoothing of 3 are those of
    https://scikit-image.org/docs/stable/auto_examples/segmentation/plot_morphsnakes.html.
    """

    def find_pixels(self, image: NDArray[np.uint8]) -> Mask:
        """Return the region inside the border."""
        smooth, start = start_with_otsu(image)
        if not start.any():
            return start
        return morphological_chan_vese(smooth / 255, num_iter=35, init_level_set=start, smoothing=3).astype(bool)


class RandomWalkerSegmenter(PeerSegmenter):
    """Random walker with seeds well inside and well outside Otsu's border.

    https://scikit-image.org/docs/stable/auto_examples/segmentation/plot_random_walker_segmentation.html
    """

    def find_pixels(self, image: NDArray[np.uint8]) -> Mask:
        """Return the pixels from which the walker reaches the seed of the lesion first."""
        smooth, start = start_with_otsu(image)
        seeds = place_seeds(start)
        if np.unique(seeds).size < 3:  # no undecided pixels, or seeds of one kind only
            return start
        return random_walker(smooth / 255, seeds, beta=1000, mode="cg_j", tol=1e-4, prob_tol=1e-2) == 1


class WatershedScript(PeerSegmenter):
    """Watershed of scikit-image's gallery: markers from both ends of the histogram, flooded on the Sobel gradient.

    It follows https://scikit-image.org/docs/stable/auto_examples/applications/plot_coins_segmentation.html. The gallery
    sets the two levels by eye. Here they are the mean levels of the two sides of Otsu's threshold.
    """

    def find_pixels(self, image: NDArray[np.uint8]) -> Mask:
        """Return the region that is flooded from the dark markers."""
        smooth = smooth_channel(image, "blue")
        dark = smooth < threshold_otsu(smooth)
        if not dark.any():
            return dark
        markers = np.zeros(smooth.shape, dtype=np.int8)
        markers[smooth < smooth[dark].mean()] = 1
        markers[smooth > smooth[~dark].mean()] = 2
        return watershed(sobel(smooth), markers) == 1


class GrabCutSegmenter(PeerSegmenter):
    """GrabCut of OpenCV: two mixtures of colors and a graph cut, started from Otsu's mask.

    https://docs.opencv.org/4.x/d8/d83/tutorial_py_grabcut.html
    """

    def find_pixels(self, image: NDArray[np.uint8]) -> Mask:
        """Return the pixels that the cut assigns to the lesion."""
        _, start = start_with_otsu(image)
        seeds = place_seeds(start)
        if np.unique(seeds).size < 3:
            return start
        labels = np.where(start, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        labels[seeds == 2] = cv2.GC_BGD
        cv2.setRNGSeed(0)
        cv2.setNumThreads(1)
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        cv2.grabCut(bgr, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
        return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


class ForestSegmenter(PeerSegmenter):
    """Trainable segmentation of scikit-image: a random forest on multiscale features of each pixel.

    The forest has 50 trees and a depth of 10, as in
    https://scikit-image.org/docs/stable/auto_examples/segmentation/plot_trainable_segmentation.html.
    `TrainableSegmenter` learns from one image. To learn from many, its functions are called on pixels drawn from all
    images. At 192 pixels the largest scale covers more of the lesion, and the time is a quarter.
    """

    max_side = 192
    pixels_per_image = 1000

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from images and their true masks."""
        rng = np.random.default_rng(0)
        features, labels = [], []
        for lesion, mask in zip(self._read(X), y, strict=True):
            truth = resize_mask(read_mask(mask), lesion.image.shape[:2]).ravel()
            chosen = rng.choice(truth.size, min(self.pixels_per_image, truth.size), replace=False)
            features.append(compute_pixel_features(lesion.image).reshape(truth.size, -1)[chosen])
            labels.append(truth[chosen] + 1)
        forest = RandomForestClassifier(n_estimators=50, max_depth=10, random_state=0)
        self.forest_ = fit_segmenter(np.concatenate(labels), np.concatenate(features), forest)
        return self

    def find_pixels(self, image: NDArray[np.uint8]) -> Mask:
        """Return the pixels that the forest assigns to the lesion."""
        return predict_segmenter(compute_pixel_features(image), self.forest_) == 2


def compute_pixel_features(image: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Return the features of the gallery's example: levels, edges and texture of each channel at several scales."""
    return multiscale_basic_features(image, sigma_min=1, sigma_max=16, workers=1, channel_axis=-1)


def smooth_channel(image: NDArray[np.uint8], channel: str) -> NDArray[np.floating]:
    """Return the smoothed gray levels of one channel, 0 to 255. Smoothing removes thin hair."""
    gray = image[:, :, 2] if channel == "blue" else np.asarray(Image.fromarray(image).convert("L"))
    return gaussian(gray, sigma=2, preserve_range=True)


def start_with_otsu(image: NDArray[np.uint8]) -> tuple[NDArray[np.floating], Mask]:
    """Return the smoothed blue channel and the mask by Otsu's threshold on it."""
    smooth = smooth_channel(image, "blue")
    return smooth, keep_region(smooth < threshold_otsu(smooth))


def place_seeds(mask: Mask) -> NDArray[np.int8]:
    """Return 1 well inside a mask, 2 well outside and 0 near its border; the method decides about pixels of 0."""
    radius = np.sqrt(max(int(np.count_nonzero(mask)), 1) / np.pi)
    seeds = np.zeros(mask.shape, dtype=np.int8)
    # Otsu's border usually lies inside the border of experts, so the undecided zone is wider outside.
    seeds[ndi.distance_transform_edt(mask) > 0.1 * radius] = 1
    seeds[ndi.distance_transform_edt(~mask) > 0.2 * radius] = 2
    return seeds


def keep_region(pixels: Mask) -> Mask:
    """Keep the most likely lesion region, by place and size, and fill its holes.

    Pixels near the frame have a lower weight, because the largest region is often a dark corner. Choosing the largest
    region would lower the mean Jaccard index of Otsu on blue by 0.03 to 0.06.
    """
    labels, count = ndi.label(pixels)
    if count == 0:
        return np.zeros(pixels.shape, dtype=bool)
    y, x = (1 - np.abs(2 * (np.arange(n) + 0.5) / n - 1) for n in pixels.shape)
    weights = np.bincount(labels.ravel(), (y[:, np.newaxis] * x).ravel())
    weights[0] = 0
    return ndi.binary_fill_holes(labels == weights.argmax())
