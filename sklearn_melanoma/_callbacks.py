"""How far `fit` is, told to the callbacks of scikit-learn; before 1.9 it has none."""

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
    """A `fit` at work, and its parts, one after the other.

    Callbacks hear when it begins and when it ends, whatever ends it, and the same of each part. They can't stop it:
    what comes out has to be there for every image. To be used in a `fit` that is decorated with `with_callbacks`.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X, y : object
        What it is fitted to.
    n_parts : int, default=0
        The largest number of parts that there will be.
    name : str, default="fit"
        Name of the task.
    metadata : dict, optional
        What scores of the training data need beside `X` and `y`.
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
        self._told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._context: Any = None
        self._part: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(task_name=name, max_subtasks=n_parts)

    def __enter__(self) -> Self:
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._told)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.end_part()
        if self._context is not None:
            # {}: nothing is to be added to the estimator for it to be fitted.
            self._context.call_on_fit_task_end(**self._told, reconstruction_attributes={} if kind is None else None)

    def begin_part(self, name: str) -> None:
        """Begin the next part; the one before has ended."""
        self.end_part()
        # Without anyone to hear of them, parts would only fill memory.
        if self._context is not None and hasattr(self._told["estimator"], "_skl_callbacks"):
            self._part = self._context.subcontext(task_name=name)
            self._part.call_on_fit_task_begin(estimator=self._told["estimator"])

    def end_part(self) -> None:
        """End the part that was begun last, if it has not ended."""
        part, self._part = self._part, None
        if part is not None:
            part.call_on_fit_task_end(estimator=self._told["estimator"])

    @contextmanager
    def fitting(self, name: str, estimator: Any) -> Iterator[None]:
        """Make the `fit` of another estimator the next part, if it `learns`; its own parts are told too, if it can."""
        self.end_part()
        if self._context is None or not learns(estimator):
            yield
            return
        part = self._context.subcontext(task_name=name)
        # Of one that can't, nothing is said here: scikit-learn would warn of each.
        can = hasattr(estimator, "set_callbacks")
        with part.propagate_callback_context(estimator) if can else nullcontext():
            part.call_on_fit_task_begin(estimator=self._told["estimator"])
            try:
                yield
            finally:
                part.call_on_fit_task_end(estimator=self._told["estimator"])


class Countdown:
    """Parts of equal size, told of by how much is left.

    Parameters
    ----------
    task : FitTask
        What they are parts of.
    name : str
        Name of each part.
    total : int
        How much there is to do.
    size : int
        How much of it is one part; the last may be smaller.
    """

    def __init__(self, task: FitTask, name: str, total: int, size: int):
        self._task = task
        self._name = name
        self._size = size
        self._n_open = n_parts(total, size)
        if self._n_open:
            task.begin_part(name)

    def __call__(self, left: int) -> None:
        """End the parts that are done, and begin the next; `left` may go up again, of which nobody is told."""
        while self._n_open > n_parts(left, self._size):
            self._task.end_part()
            self._n_open -= 1
            if self._n_open:
                self._task.begin_part(self._name)


def n_parts(total: int, size: int) -> int:
    """Return the number of parts of a size, the last of which may be smaller."""
    return -(-total // size)


def learns(estimator: Any) -> bool:
    """Tell whether the `fit` of an estimator does more than to check its parameters."""
    if isinstance(estimator, FrozenEstimator):
        return False
    return not hasattr(estimator, "__sklearn_tags__") or bool(get_tags(estimator).requires_fit)


def one_task(fit: Fit) -> Fit:
    """Let callbacks hear when a `fit` begins and ends."""

    @with_callbacks
    @wraps(fit)
    def told(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        y = args[0] if args else kwargs.get("y")
        weights = kwargs.get("sample_weight")
        with FitTask(self, X, y, metadata=None if weights is None else {"sample_weight": weights}):
            return fit(self, X, *args, **kwargs)

    return cast(Fit, told)
