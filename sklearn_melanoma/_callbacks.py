"""Reports of the progress of `fit` to scikit-learn's callbacks, which exist from version 1.9 on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Any, Self, TypeVar, cast

from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

from sklearn_melanoma._sklearn_compat import with_callbacks

Fit = TypeVar("Fit", bound=Callable[..., Any])


class FitTask:
    """A running `fit` and its consecutive parts.

    It reports to callbacks when the fit and each part begin and end, also if an error ends them. Callbacks can't stop
    the fit, because the output must cover all images. Use it in a `fit` that is decorated with `with_callbacks`.

    Parameters
    ----------
    estimator : estimator
        Estimator that is fitted.
    X, y : object
        Training data.
    n_parts : int, default=0
        Largest possible number of parts.
    name : str, default="fit"
        Name of the task in callbacks.
    metadata : dict, optional
        Metadata for scores of the training data, such as sample weights.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        n_parts: int = 0,
        *,
        name: str = "fit",
        metadata: dict[str, Any] | None = None,
    ):
        self._arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._context: Any = None
        self._part: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(task_name=name, max_subtasks=n_parts)

    def __enter__(self) -> Self:
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._arguments)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.end_part()
        if self._context is not None:
            # {}: callbacks need no further attributes to use the fitted estimator.
            self._context.call_on_fit_task_end(
                **self._arguments, reconstruction_attributes={} if kind is None else None
            )

    def begin_part(self, name: str) -> None:
        """End the current part and begin the next."""
        self.end_part()
        # Without callbacks, parts would only fill memory.
        if self._context is not None and hasattr(self._arguments["estimator"], "_skl_callbacks"):
            self._part = self._context.subcontext(task_name=name)
            self._part.call_on_fit_task_begin(estimator=self._arguments["estimator"])

    def end_part(self) -> None:
        """End the current part, if there is one."""
        part, self._part = self._part, None
        if part is not None:
            part.call_on_fit_task_end(estimator=self._arguments["estimator"])

    @contextmanager
    def fitting(self, name: str, estimator: Any) -> Iterator[None]:
        """Make the `fit` of another estimator the next part, if it `learns`.

        Its own parts are reported too, if it supports callbacks.
        """
        self.end_part()
        if self._context is None or not learns(estimator):
            yield
            return
        part = self._context.subcontext(task_name=name)
        # Estimators without callbacks are left alone, because scikit-learn would warn about each of them.
        supports_callbacks = hasattr(estimator, "set_callbacks")
        with part.propagate_callback_context(estimator) if supports_callbacks else nullcontext():
            part.call_on_fit_task_begin(estimator=self._arguments["estimator"])
            try:
                yield
            finally:
                part.call_on_fit_task_end(estimator=self._arguments["estimator"])


class Countdown:
    """Reports of parts of equal size, based on how much is left.

    Parameters
    ----------
    task : FitTask
        Fit that consists of the parts.
    name : str
        Name of each part.
    total : int
        Total amount of work, such as the number of images.
    size : int
        Amount of work per part. The last part may be smaller.
    """

    def __init__(self, task: FitTask, name: str, total: int, size: int):
        self._task = task
        self._name = name
        self._size = size
        self._n_open = n_parts(total, size)
        if self._n_open:
            task.begin_part(name)

    def __call__(self, left: int) -> None:
        """End the finished parts and begin the next one; an increase of `left` is not reported."""
        while self._n_open > n_parts(left, self._size):
            self._task.end_part()
            self._n_open -= 1
            if self._n_open:
                self._task.begin_part(self._name)


def n_parts(total: int, size: int) -> int:
    """Return the number of parts of a given size; the last part may be smaller."""
    return -(-total // size)


def learns(estimator: Any) -> bool:
    """Return whether the `fit` of an estimator does more than check its parameters."""
    if isinstance(estimator, FrozenEstimator):
        return False
    return not hasattr(estimator, "__sklearn_tags__") or bool(get_tags(estimator).requires_fit)


def one_task(fit: Fit) -> Fit:
    """Decorate a `fit` so that it reports its beginning and end to callbacks."""

    @with_callbacks
    @wraps(fit)
    def fit_as_task(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        y = args[0] if args else kwargs.get("y")
        weights = kwargs.get("sample_weight")
        with FitTask(self, X, y, metadata=None if weights is None else {"sample_weight": weights}):
            return fit(self, X, *args, **kwargs)

    return cast(Fit, fit_as_task)
