"""Classifier of pixels that learns whole masks."""

from __future__ import annotations

import copy
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
    measure_loss,
    predict_log_odds,
    start_moments,
    start_network,
    take_step,
)

_ROWS_WITHOUT_IMAGES = 300  # number of pixels that count as one image, if the images of the pixels are not given


class PixelPerceptron(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Perceptron that classifies pixels, and learns from whole masks.

    Use it as the `estimator` of a :class:`PixelClassifierSegmenter` that learns from hundreds of masks, also of several
    data sets.

    Parameters
    ----------
    layer_sizes : tuple of int, default=(64, 32)
        Number of units of each hidden layer.
    max_iter : int, default=14
        Number of passes over the images in `fit`. With few images there are more passes, for at least `min_steps`
        steps.
    min_steps : int, default=400
        Smallest number of steps in `fit`.
    batch_size : int, default=8
        Number of images in a step.
    learning_rate : float, default=0.003
        Length of the steps. In `fit`, the steps start with this length and become shorter, along a cosine, down to 0.
        In `partial_fit`, all steps have this length.
    dropout : float, default=0.1
        Probability that a feature of a pixel is replaced by the mean of this feature, in each step.
    early_stopping : bool, default=False
        Whether `fit` leaves out some images and stops when their loss no longer decreases. It then keeps the weights
        with the smallest loss. `partial_fit` learns from all images.
    validation_fraction : float, default=0.1
        Fraction of the images that are left out if `early_stopping` is True.
    n_iter_no_change : int, default=5
        Number of passes without a lower loss after which `fit` stops, if `early_stopping` is True.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the first weights, the order of the images, the dropout and the choice of the images that are left out.
        Pass an int for reproducible results.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    network_ : Network
        Scaling of the features, and weights: 7 233 weights for 79 features and the default layers.
    loss_curve_ : list of float
        Mean loss of each pass.
    validation_scores_ : list of float
        Minus the mean loss of the images that are left out, after each pass of `fit`. Only with `early_stopping`.
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
    probabilities, the soft Jaccard loss [1]_. Each pixel has a weight: the number of pixels of the image that it
    represents. Columns are clipped at their 0.5 and 99.5 % quantiles and standardized. Hidden units are leaky
    rectifiers. The steps are those of Adam [2]_. One thread does all the work, because this is fastest for such small
    matrices.

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
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
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
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.layer_sizes = layer_sizes
        self.max_iter = max_iter
        self.min_steps = min_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
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
            Number of pixels of the image that each pixel represents, up to a factor. By default, all weights are equal.
        images : array-like of shape (n_pixels,), default=None
            The image of each pixel. By default, random parts of the pixels replace images.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If there are not two classes, or an argument has another length. If a weight is negative, or all weights of
            an image are 0. If the features, the classes or `layer_sizes` have changed while learning continues.
            If `early_stopping` leaves out all images.
        """
        self._validate_params()
        is_first = not (self.warm_start and hasattr(self, "network_"))
        layer_sizes = self._check_layer_sizes(is_first)
        pixels = self._check_pixels(X, y, sample_weight, images, classes=None, reset=is_first)
        self._random = random = check_random_state(self.random_state)
        if is_first:
            self.network_ = start_network(pixels.rows, layer_sizes, random)
        pixels = pixels._replace(rows=self.network_.scale(pixels.rows))
        self._moments, self.loss_curve_ = start_moments(self.network_), []
        with one_blas_thread():
            if self.early_stopping:
                self._learn_until_no_change(*self._split(pixels, random), random)
            else:
                for rates in self._plan_passes(pixels):
                    self.loss_curve_.append(self._learn_once(pixels, rates, random))
        return self

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        images: ArrayLike | None = None,
    ) -> Self:
        """Continue to learn from pixels of some images, in one pass.

        The first call scales the columns by its pixels, so it should have pixels of many images.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_features)
            Features of pixels, without NaN.
        y : array-like of shape (n_pixels,)
            Labels.
        classes : array-like of shape (2,), default=None
            The classes; required in the first call if `y` lacks one.
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
        self._random = random = getattr(self, "_random", None) or check_random_state(self.random_state)
        if is_first:
            self.network_ = start_network(pixels.rows, layer_sizes, random)
            self._moments, self.loss_curve_ = start_moments(self.network_), []
        pixels = pixels._replace(rows=self.network_.scale(pixels.rows))
        with one_blas_thread():
            rates = np.full(self._count_batches(pixels), self.learning_rate)
            self.loss_curve_.append(self._learn_once(pixels, rates, random))
        return self

    def _check_layer_sizes(self, is_first: bool) -> tuple[int, ...]:
        """Return the sizes of the hidden layers; raise an error if they are invalid, or the network has others."""
        sizes = tuple(self.layer_sizes)
        if not all(isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in sizes):
            raise ValueError(
                "layer_sizes must hold the number of units of each hidden layer, ints of at least 1, got "
                f"{self.layer_sizes!r}."
            )
        if not is_first and sizes != (learned := tuple(each.shape[1] for each in self.network_.weights[:-1])):
            raise ValueError(
                f"layer_sizes must stay {learned} while learning continues, got {sizes}. Start from a clone."
            )
        return sizes

    def _check_pixels(self, X: Any, y: Any, sample_weight: Any, images: Any, *, classes: Any, reset: bool) -> Batch:
        """Return the pixels, sorted by image; their features are not scaled yet."""
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

    def _count_batches(self, pixels: Batch) -> int:
        return -(-pixels.n_images // self.batch_size)

    def _plan_passes(self, pixels: Batch) -> list[NDArray[np.float64]]:
        """Return the length of each step of each pass."""
        n_batches = self._count_batches(pixels)
        n_passes = max(self.max_iter, -(-self.min_steps // n_batches))
        progress = np.arange(n_passes * n_batches) / (n_passes * n_batches)
        return np.split(self.learning_rate * (1 + np.cos(np.pi * progress)) / 2, n_passes)

    def _split(self, pixels: Batch, random: np.random.RandomState) -> tuple[Batch, Batch]:
        """Return the pixels of the images to learn from, and the pixels of the images that are left out."""
        n_left_out = max(1, round(self.validation_fraction * pixels.n_images))
        if n_left_out == pixels.n_images:
            raise ValueError(
                f"early_stopping leaves out {n_left_out} image(s) and needs others to learn from, got pixels of "
                f"{pixels.n_images}. Set it to False, or pass pixels of more images."
            )
        order = random.permutation(pixels.n_images)
        return pixels.choose(order[n_left_out:]), pixels.choose(order[:n_left_out])

    def _learn_until_no_change(self, pixels: Batch, left_out: Batch, random: np.random.RandomState) -> None:
        """Learn until the loss of the images that are left out no longer decreases, and keep the best weights."""
        self.validation_scores_: list[float] = []
        best = self.network_
        for rates in self._plan_passes(pixels):
            self.loss_curve_.append(self._learn_once(pixels, rates, random))
            scores = self.validation_scores_
            scores.append(-measure_loss(self.network_, left_out))
            best_pass = int(np.argmax(scores))
            if best_pass == len(scores) - 1:
                best = copy.deepcopy(self.network_)
            elif len(scores) - 1 - best_pass >= self.n_iter_no_change:
                break
        self.network_ = best

    def _learn_once(self, pixels: Batch, rates: NDArray[np.float64], random: np.random.RandomState) -> float:
        """Take a step for each batch of images, in random order, and return the mean loss."""
        losses = []
        order = random.permutation(pixels.n_images)
        for number, rate in enumerate(rates):
            batch = pixels.choose(order[number * self.batch_size : (number + 1) * self.batch_size])
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
