"""Multilayer perceptron of pixels that learns whole masks, in numpy."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float32]

_SLOPE = np.float32(0.1)  # of the activation below 0
# Numbers of a column beyond these quantiles are clipped, so that single pixels have little influence.
_CLIPPED = 0.005
# Adam: decay of the means of gradients and of their squares, and a number that avoids a division by 0.
_DECAY, _DECAY_OF_SQUARES, _LEAST = 0.9, 0.999, 1e-8
# Constant added to the union of two masks, because both may be empty. The fractions of an image have the sum 1.
_LEAST_UNION = 1e-4


class Network(NamedTuple):
    """Scaling of the columns and weights of the layers.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,), dtype float32
        Limits to which numbers are clipped.
    center, factor : ndarray of shape (n_features,), dtype float32
        Number that is then subtracted, and number to multiply by.
    weights : list of ndarray of shape (n_inputs, n_units), dtype float32
        One for each layer.
    biases : list of ndarray of shape (n_units,), dtype float32
        One for each layer. The last layer has one unit, the log-odds.
    """

    low: Floats
    high: Floats
    center: Floats
    factor: Floats
    weights: list[Floats]
    biases: list[Floats]

    def scale(self, rows: Floats) -> Floats:
        """Clip and standardize rows."""
        scaled = np.clip(rows, self.low, self.high)
        scaled -= self.center
        scaled *= self.factor
        return scaled


class Moments(NamedTuple):
    """State of Adam.

    Parameters
    ----------
    means, squares : list of ndarray
        Decaying means of the gradient of each layer and of its squares, weights first.
    n_steps : int
        Number of steps so far.
    """

    means: list[Floats]
    squares: list[Floats]
    n_steps: int


class Batch(NamedTuple):
    """Pixels of some images.

    Parameters
    ----------
    rows : ndarray of shape (n_pixels, n_features), dtype float32
        Scaled features.
    is_lesion : ndarray of shape (n_pixels,), dtype bool
        The labels.
    fractions : ndarray of shape (n_pixels,), dtype float32
        Fraction of the image that each pixel represents; the sum is 1 for each image.
    images : ndarray of shape (n_pixels,), dtype int
        The image of each pixel, numbered from 0 and sorted.
    """

    rows: Floats
    is_lesion: NDArray[np.bool_]
    fractions: Floats
    images: NDArray[np.intp]

    @property
    def n_images(self) -> int:
        """Number of images."""
        return int(self.images[-1]) + 1

    def choose(self, images: NDArray[np.intp]) -> Batch:
        """Return the pixels of some images, in the given order."""
        first, after = (np.searchsorted(self.images, images, side=side) for side in ("left", "right"))
        places = np.concatenate([np.arange(*limits) for limits in zip(first, after, strict=True)])
        numbers = np.repeat(np.arange(len(images)), after - first)
        return Batch(self.rows[places], self.is_lesion[places], self.fractions[places], numbers)


def start_network(rows: Floats, layer_sizes: tuple[int, ...], random: np.random.RandomState) -> Network:
    """Scale the columns by some rows, and draw the weights of all layers.

    Parameters
    ----------
    rows : ndarray of shape (n_pixels, n_features), dtype float32
        Pixels of several images.
    layer_sizes : tuple of int
        Number of units of each hidden layer.
    random : RandomState
        Generator that draws the weights from a normal distribution with the variance 2 over the number of inputs.

    Returns
    -------
    Network
        The network before any step.
    """
    low, high = np.quantile(rows, [_CLIPPED, 1 - _CLIPPED], axis=0).astype(np.float32)
    clipped = np.clip(rows, low, high)
    deviations = clipped.std(axis=0)
    factor = np.divide(1, deviations, out=np.zeros_like(deviations), where=deviations > 1e-6)
    sizes = (rows.shape[1], *layer_sizes, 1)
    weights = [(random.normal(size=pair) * np.sqrt(2 / pair[0])).astype(np.float32) for pair in pairwise(sizes)]
    biases = [np.zeros(size, dtype=np.float32) for size in sizes[1:]]
    return Network(low, high, clipped.mean(axis=0), factor, weights, biases)


def start_moments(network: Network) -> Moments:
    """Return the state of Adam before the first step."""
    layers = [*network.weights, *network.biases]
    return Moments([np.zeros_like(each) for each in layers], [np.zeros_like(each) for each in layers], 0)


def predict_log_odds(network: Network, rows: Floats) -> Floats:
    """Return the log-odds of the lesion.

    Parameters
    ----------
    network : Network
        The network.
    rows : ndarray of shape (n_pixels, n_features), dtype float32
        Features, not scaled.

    Returns
    -------
    ndarray of shape (n_pixels,), dtype float32
        Log-odds.
    """
    return _pass_forward(network, network.scale(rows))[-1][:, 0]


def _pass_forward(network: Network, rows: Floats) -> list[Floats]:
    """Return the inputs of each layer, and the output of the last."""
    outputs = [rows]
    for weights, biases in zip(network.weights, network.biases, strict=True):
        values = outputs[-1] @ weights + biases
        is_last = len(outputs) == len(network.weights)
        outputs.append(values if is_last else np.maximum(values, _SLOPE * values))
    return outputs


def compute_loss(log_odds: Floats, batch: Batch) -> tuple[float, Floats]:
    r"""Compute the loss of a prediction, and its gradient with respect to the log-odds.

    The loss is the mean over the images of

    .. math:: \sum_i q_i \log\left(1 + e^{-t_i z_i}\right)
              + 1 - \frac{\sum_i q_i p_i y_i}{\sum_i q_i (p_i + y_i - p_i y_i)}

    with the log-odds :math:`z_i`, the probabilities :math:`p_i`, the labels :math:`y_i`, 0 or 1, and
    :math:`t_i = 2 y_i - 1`, and the fractions :math:`q_i` of the image that the pixels represent. The second part is
    one minus the Jaccard index of the probability. With it, small lesions count as much as large ones.

    Parameters
    ----------
    log_odds : ndarray of shape (n_pixels,), dtype float32
        The prediction.
    batch : Batch
        The pixels.

    Returns
    -------
    loss : float
        The loss.
    gradient : ndarray of shape (n_pixels,), dtype float32
        Its gradient.

    Examples
    --------
    >>> import numpy as np
    >>> labels, fractions = np.array([True, False]), np.array([0.5, 0.5], dtype=np.float32)
    >>> batch = Batch(np.zeros((2, 1), dtype=np.float32), labels, fractions, np.array([0, 0]))
    >>> right, wrong = (compute_loss(np.array(values, dtype=np.float32), batch)[0] for values in ([9, -9], [-9, 9]))
    >>> round(right, 2), round(wrong, 1)
    (0.0, 10.0)
    """
    probability, labels, q = expit(log_odds), batch.is_lesion, batch.fractions

    def sum_up(values: Floats) -> NDArray[np.float64]:
        return np.asarray(np.bincount(batch.images, values), dtype=np.float64)

    common = sum_up(q * probability * labels)
    union = sum_up(q * np.where(labels, 1, probability)) + _LEAST_UNION
    n_images = len(union)
    log_loss = q * np.logaddexp(0, np.where(labels, -log_odds, log_odds))
    loss = (log_loss.sum() + (1 - common / union).sum()) / n_images
    by_probability = np.where(labels, -1 / union[batch.images], (common / union**2)[batch.images])
    gradient = q * (probability - labels + by_probability * probability * (1 - probability)) / n_images
    return float(loss), gradient.astype(np.float32)


def measure_loss(network: Network, batch: Batch) -> float:
    """Return the loss of a network on scaled pixels, without dropout."""
    return compute_loss(_pass_forward(network, batch.rows)[-1][:, 0], batch)[0]


def take_step(
    network: Network, moments: Moments, batch: Batch, rate: float, *, dropout: float, random: np.random.RandomState
) -> tuple[Moments, float]:
    """Change the weights by a step of Adam, in place.

    Parameters
    ----------
    network : Network
        The network.
    moments : Moments
        State after the last step; its arrays change in place.
    batch : Batch
        The pixels to learn from.
    rate : float
        Length of the step.
    dropout : float
        Probability that a number of the input is replaced by its mean.
    random : RandomState
        Generator that draws these numbers.

    Returns
    -------
    moments : Moments
        State after this step.
    loss : float
        Loss before it.
    """
    kept = (random.uniform(size=batch.rows.shape) >= dropout) / np.float32(1 - dropout)
    outputs = _pass_forward(network, batch.rows * kept.astype(np.float32))
    loss, gradient = compute_loss(outputs[-1][:, 0], batch)
    back = gradient[:, np.newaxis]
    of_weights: list[Floats] = []
    of_biases: list[Floats] = []
    for place in range(len(network.weights) - 1, -1, -1):
        of_weights.insert(0, outputs[place].T @ back)
        of_biases.insert(0, back.sum(axis=0))
        if place:
            back = (back @ network.weights[place].T) * np.where(outputs[place] > 0, np.float32(1), _SLOPE)
    n_steps = moments.n_steps + 1
    layers = zip(
        [*network.weights, *network.biases],
        [*of_weights, *of_biases],
        moments.means,
        moments.squares,
        strict=True,
    )
    for values, slope, mean, square in layers:
        mean += (1 - _DECAY) * (slope - mean)
        square += (1 - _DECAY_OF_SQUARES) * (slope**2 - square)
        size = np.sqrt(square / (1 - _DECAY_OF_SQUARES**n_steps)) + _LEAST
        values -= np.float32(rate) * (mean / (1 - _DECAY**n_steps) / size).astype(np.float32)
    return moments._replace(n_steps=n_steps), loss
