"""Classifier of pixels that learns whole masks."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, Interval, one_blas_thread
from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma.segmentation._perceptron import (
    Batch,
    predict_log_odds,
    start_moments,
    start_network,
    take_step,
)

_ROWS_WITHOUT_IMAGES = 300  # in a batch of one "image", if the images of the pixels are not given


class PixelPerceptron(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Perceptron that classifies pixels, and learns from whole masks.

    It is meant as the `estimator` of a :class:`PixelClassifierSegmenter` that learns from hundreds of masks, also of
    several data sets.

    Parameters
    ----------
    layer_sizes : tuple of int, default=(64, 32)
        Number of units of each hidden layer.
    max_iter : int, default=14
        Number of passes through the images in `fit`. With few images there are more, for at least `min_steps` steps.
    min_steps : int, default=400
        Least number of steps in `fit`.
    batch_size : int, default=8
        Number of images in a step.
    learning_rate : float, default=0.003
        Length of the first step of `fit`, and of all steps of `partial_fit`. In `fit`, it falls to 0 like a cosine.
    dropout : float, default=0.1
        Fraction of the numbers of the input that are replaced by their mean in each step.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the first weights, the order of the images and the dropout. Pass an int for reproducible results.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    network_ : Network
        Scaling and weights: for 79 features, 7 233 numbers.
    loss_curve_ : list of float
        Mean loss of each pass.
    n_iter_ : int
        Number of passes.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` has names.

    See Also
    --------
    PixelClassifierSegmenter : Samples the pixels, and makes masks of the predictions.

    Notes
    -----
    The loss of an image is the mean log-loss of its pixels plus one minus the Jaccard index of the predicted
    probabilities, the soft Jaccard loss [1]_. Pixels count by their weights, which say how many pixels of the image
    each stands for. Columns are clipped at their 0.5 and 99.5 % quantiles and standardized. Hidden units are leaky
    rectifiers. The steps are those of Adam [2]_. All is done in one thread, which is fastest for such small matrices.

    References
    ----------
    .. [1] M. A. Rahman, Y. Wang: Optimizing intersection-over-union in deep neural networks for image segmentation.
       ISVC, 234–244, 2016.
    .. [2] D. P. Kingma, J. Ba: Adam: a method for stochastic optimization. ICLR, 2015.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import PixelClassifierSegmenter, PixelPerceptron
    >>> data = make_lesions(12, image_size=(96, 128), random_state=0)
    >>> perceptron = PixelPerceptron(min_steps=100, random_state=0)
    >>> segmenter = PixelClassifierSegmenter(estimator=perceptron, random_state=0)
    >>> segmenter.fit(data.images[:8], data.masks[:8]).score(data.images[8:], data.masks[8:]) > 0.8
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "layer_sizes": ["array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "min_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        layer_sizes: tuple[int, ...] = (64, 32),
        *,
        max_iter: int = 14,
        min_steps: int = 400,
        batch_size: int = 8,
        learning_rate: float = 0.003,
        dropout: float = 0.1,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.layer_sizes = layer_sizes
        self.max_iter = max_iter
        self.min_steps = min_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.warm_start = warm_start
        self.random_state = random_state

    @one_task
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, images: ArrayLike | None = None
    ) -> Self:
        """Learn from pixels.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_features)
            Features of pixels, without NaN.
        y : array-like of shape (n_pixels,)
            Labels of two classes.
        sample_weight : array-like of shape (n_pixels,), default=None
            Number of pixels of the image that each pixel stands for, up to a factor. By default, all count the same.
        images : array-like of shape (n_pixels,), default=None
            The image of each pixel. By default, random parts of the pixels take the place of images.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If there are not two classes, an argument has another length, or a weight is negative or an image has none
            above 0. If it goes on learning, also if the features, the classes or `layer_sizes` are not as before.
        """
        self._validate_params()
        is_first = not (self.warm_start and hasattr(self, "network_"))
        layer_sizes = self._check_layer_sizes(is_first)
        pixels = self._check_pixels(X, y, sample_weight, images, classes=None, reset=is_first)
        random = check_random_state(self.random_state)
        if is_first:
            self.network_ = start_network(pixels.rows, layer_sizes, random)
        pixels = pixels._replace(rows=self.network_.scale(pixels.rows))
        n_batches = -(-(pixels.images.max() + 1) // self.batch_size)
        n_passes = max(self.max_iter, -(-self.min_steps // n_batches))
        progress = np.arange(n_passes * n_batches) / (n_passes * n_batches)
        rates = self.learning_rate * (1 + np.cos(np.pi * progress)) / 2
        self._moments = start_moments(self.network_)
        with one_blas_thread():
            self.loss_curve_ = [self._learn_once(pixels, part, random) for part in np.split(rates, n_passes)]
        return self

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        images: ArrayLike | None = None,
    ) -> Self:
        """Learn from pixels of some images, in one pass and on top of what was learned before.

        The first call scales the columns by its pixels, so it should have those of many images.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_features)
            Features of pixels, without NaN.
        y : array-like of shape (n_pixels,)
            Labels.
        classes : array-like of shape (2,), default=None
            The classes; needed in the first call if `y` lacks one.
        sample_weight : array-like of shape (n_pixels,), default=None
            As in `fit`.
        images : array-like of shape (n_pixels,), default=None
            As in `fit`.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            As in `fit`.
        """
        self._validate_params()
        is_first = not hasattr(self, "network_")
        layer_sizes = self._check_layer_sizes(is_first)
        pixels = self._check_pixels(X, y, sample_weight, images, classes=classes, reset=is_first)
        random = check_random_state(self.random_state)
        if is_first:
            self.network_ = start_network(pixels.rows, layer_sizes, random)
            self._moments, self.loss_curve_ = start_moments(self.network_), []
        pixels = pixels._replace(rows=self.network_.scale(pixels.rows))
        n_batches = -(-(pixels.images.max() + 1) // self.batch_size)
        with one_blas_thread():
            self.loss_curve_.append(self._learn_once(pixels, np.full(n_batches, self.learning_rate), random))
        return self

    def _check_layer_sizes(self, is_first: bool) -> tuple[int, ...]:
        """Return the sizes of the hidden layers; raise an error if they are none, or not those of the network."""
        sizes = tuple(self.layer_sizes)
        if not all(isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in sizes):
            raise ValueError(
                "layer_sizes must hold the number of units of each hidden layer, ints of at least 1, got "
                f"{self.layer_sizes!r}."
            )
        if not is_first and sizes != (learned := tuple(each.shape[1] for each in self.network_.weights[:-1])):
            raise ValueError(
                f"layer_sizes must stay as they were, {learned}, to go on learning, got {sizes}. Start from a clone."
            )
        return sizes

    def _check_pixels(self, X: Any, y: Any, sample_weight: Any, images: Any, *, classes: Any, reset: bool) -> Batch:
        """Return the pixels, sorted by image, with features that are not scaled yet."""
        rows, labels = validate_data(self, X, y, dtype=np.float32, reset=reset)
        check_classification_targets(labels)
        if reset:
            self.classes_ = np.unique(labels if classes is None else classes)
        found = np.union1d(self.classes_, labels if classes is None else np.union1d(labels, classes)).tolist()
        if len(found) != 2:
            raise ValueError(
                f"Only binary classification is supported. y must hold two classes, got {len(found)} class(es): "
                f"{found}. Label pixels of both."
            )
        weights = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        if images is None:
            units = check_random_state(self.random_state).permutation(len(rows)) // _ROWS_WITHOUT_IMAGES
        else:
            check_consistent_length(rows, images)
            units = encode_groups(images, name="images")
        sums = np.bincount(units, weights)
        if not sums.all():
            raise ValueError(
                "sample_weight must be above 0 for a pixel of each image, got zeros only for image number "
                f"{int(np.flatnonzero(sums == 0)[0])}. Leave it out."
            )
        order = np.argsort(units, kind="stable")
        fractions = (weights / sums[units])[order].astype(np.float32)
        return Batch(rows[order], (labels == self.classes_[1])[order], fractions, units[order])

    @property
    def n_iter_(self) -> int:
        """Number of passes."""
        check_is_fitted(self, "network_")
        return len(self.loss_curve_)

    def _learn_once(self, pixels: Batch, rates: NDArray[np.float64], random: np.random.RandomState) -> float:
        """Take a step for each batch of images, in a random order, and return the mean loss."""
        losses, starts = [], np.searchsorted(pixels.images, np.arange(pixels.images[-1] + 2))
        order = random.permutation(len(starts) - 1)
        for number, rate in enumerate(rates):
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            parts = [np.arange(starts[image], starts[image + 1]) for image in chosen]
            places = np.concatenate(parts)
            images = np.repeat(np.arange(len(chosen)), [len(part) for part in parts])
            batch = Batch(pixels.rows[places], pixels.is_lesion[places], pixels.fractions[places], images)
            self._moments, loss = take_step(
                self.network_, self._moments, batch, rate, dropout=self.dropout, random=random
            )
            losses.append(loss)
        return float(np.mean(losses))

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Return the log-odds of ``classes_[1]``.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_features)
            Features of pixels.

        Returns
        -------
        ndarray of shape (n_pixels,), dtype float32
            Log-odds.
        """
        check_is_fitted(self, "network_")
        return predict_log_odds(self.network_, validate_data(self, X, dtype=np.float32, reset=False))

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_features)
            Features of pixels.

        Returns
        -------
        ndarray of shape (n_pixels, 2), dtype float32
            Probabilities in the order of `classes_`.
        """
        probability = expit(self.decision_function(X))
        return np.column_stack([1 - probability, probability])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the more probable class.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_features)
            Features of pixels.

        Returns
        -------
        ndarray of shape (n_pixels,)
            Elements of `classes_`.
        """
        log_odds = self.decision_function(X)
        return self.classes_[(log_odds > 0).astype(int)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
