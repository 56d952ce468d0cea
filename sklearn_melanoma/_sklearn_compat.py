"""Private and version-dependent names of scikit-learn; no other module imports them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from numpy.typing import NDArray
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_parameter_constraints
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.parallel import _get_threadpool_controller

__all__ = [
    "BaseComposition",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "ProgressBar",
    "StrOptions",
    "get_tuned_label",
    "one_blas_thread",
    "safe_indexing",
    "validate_params",
    "with_callbacks",
    "wrap_rows",
]

Fit = TypeVar("Fit", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin, ProgressBar, with_callbacks
except ImportError:  # before scikit-learn 1.9
    ProgressBar = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Empty mixin."""

    def with_callbacks(fit: Fit) -> Fit:
        """Return `fit` unchanged."""
        return fit


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context with one thread for linear algebra, since the last digits depend on the number of threads."""
    context: AbstractContextManager[Any] = _get_threadpool_controller().limit(limits=1, user_api="blas")
    return context


def validate_params(estimator: Any) -> None:
    """Check the parameters as `_validate_params` does, without an inspection of the constructor at each call."""
    constraints = estimator._parameter_constraints
    values = {name: getattr(estimator, name) for name in constraints}
    validate_parameter_constraints(constraints, values, caller_name=type(estimator).__name__)


def wrap_rows(rows: NDArray[Any], transformer: Any) -> Any:
    """Return rows in the container that is set by `set_output` of their transformer or by the global setting."""
    return _wrap_data_with_container("transform", rows, [], transformer)


def get_tuned_label(model: Any) -> Any:
    """Return the label that a `TunedThresholdClassifierCV` predicts above its threshold; None for `classes_[1]`."""
    return model._curve_scorer._get_pos_label()
