"""Pretrained segmenter with weights in the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.segmentation._perceptron import Network, start_moments
from sklearn_melanoma.segmentation._pixel_classifier import PixelClassifierSegmenter
from sklearn_melanoma.segmentation._pixel_perceptron import PixelPerceptron

#: Weight of the watershed as a number of masks. With 20 masks of the user, it has half of the weight.
PRIOR_MASKS = 20
_SCALING = ("low", "high", "center", "factor")
_FILE = "pretrained.npz"


def load_pretrained_segmenter() -> PixelClassifierSegmenter:
    """Load a segmenter that was trained on images of ISIC 2017.

    It segments images without `fit`. With 20 masks of your own, `fit` finds the threshold for the style of your
    annotators. With n masks, it also sets the weight of the watershed to ``20 / (20 + n)``. The perceptron does not
    change.

    Returns
    -------
    PixelClassifierSegmenter
        Fitted segmenter. Its `estimator` is a frozen :class:`PixelPerceptron`. Before `fit`, its probability is the
        average of the probability of the perceptron and the mask of :class:`WatershedSegmenter`.

    See Also
    --------
    WatershedSegmenter : Segmenter without training, which is better for tightly drawn masks.
    PixelPerceptron : Classifier that learns from hundreds of your own masks.

    Notes
    -----
    The perceptron learned from the masks of 600 training images of the ISIC 2017 challenge, which are in the public
    domain (CC0). The script ``docs/examples/pretrain_segmenter.py`` made the file, and can make one from other images.

    The table has mean Jaccard indices; see :doc:`/benchmarks/masks`. The borders of PH² are tighter than those of ISIC
    2017.

    ========  =========  ============================  ============================
    data set  watershed  this segmenter without masks  this segmenter with 20 masks
    ========  =========  ============================  ============================
    HAM10000  0.813      0.838                         0.845
    PH²       0.864      0.824                         0.867
    ========  =========  ============================  ============================

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import load_pretrained_segmenter
    >>> data = make_lesions(20, image_size=(96, 128), random_state=0)
    >>> segmenter = load_pretrained_segmenter()
    >>> segmenter.predict(data.images[:1])[0].shape
    (96, 128)
    >>> segmenter.fit(data.images[:12], data.masks[:12]).score(data.images[12:], data.masks[12:]) > 0.8
    True
    """
    with as_file(files("sklearn_melanoma.segmentation") / _FILE) as path:
        return read_weights(path)


def read_weights(path: PathLike) -> PixelClassifierSegmenter:
    """Return the segmenter from a file that `write_weights` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        n_layers = sum(name.startswith("weights_") for name in stored)
        layers = ([stored[f"{kind}_{number}"] for number in range(n_layers)] for kind in ("weights", "biases"))
        network = Network(*(stored[name] for name in _SCALING), *layers)
        threshold, weight, jaccard = stored["threshold_base_weight_jaccard"].tolist()
    perceptron = PixelPerceptron(tuple(each.shape[1] for each in network.weights[:-1]))
    perceptron.network_, perceptron.classes_, perceptron.loss_curve_ = network, np.array([False, True]), []
    perceptron.n_features_in_, perceptron._moments = len(network.low), start_moments(network)
    segmenter = PixelClassifierSegmenter(estimator=FrozenEstimator(perceptron), prior_masks=PRIOR_MASKS)
    segmenter.estimator_, segmenter.base_segmenter_ = segmenter.estimator, None
    segmenter.threshold_, segmenter.base_weight_, segmenter.out_of_fold_jaccard_ = threshold, weight, jaccard
    return segmenter


def write_weights(segmenter: PixelClassifierSegmenter, path: PathLike) -> None:
    """Write a segmenter with a fitted `PixelPerceptron` to a file without any code, for `read_weights`."""
    network = segmenter.estimator_.network_
    layers = {
        f"{kind}_{number}": values
        for kind in ("weights", "biases")
        for number, values in enumerate(getattr(network, kind))
    }
    numbers = np.array([segmenter.threshold_, segmenter.base_weight_, segmenter.out_of_fold_jaccard_])
    scaling = {name: getattr(network, name) for name in _SCALING}
    np.savez_compressed(Path(path), **scaling, **layers, threshold_base_weight_jaccard=numbers)
