"""Code of own steps for cache keys: classes and functions, with the functions and constants that they use."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dis import get_instructions
from functools import partial
from inspect import unwrap
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

# Operations of bytecode. A variable or attribute that the code assigns is a state, such as a counter, and no constant.
_GLOBALS, _ATTRIBUTES = {"LOAD_GLOBAL", "LOAD_NAME"}, {"LOAD_ATTR", "LOAD_METHOD"}
_ASSIGNMENTS = {"STORE_GLOBAL", "STORE_ATTR"}


def describe_name(value: Any) -> Iterator[Any]:
    """Yield the module and the name of a class or function."""
    yield from (value.__module__, value.__qualname__)


def describe_code(value: Any) -> Iterator[Any]:
    """Yield the name of a class or function, and the version of its package, or its code if there is no version.

    The code of a function includes the functions, classes and constants of its module, and of other modules without a
    version, that it names.
    """
    yield from describe_name(value)
    version = _find_version(value.__module__)
    if "<" not in value.__qualname__ and version is not None:
        yield version
    elif isinstance(value, FunctionType):
        yield from (_summarize_code(value.__code__), value.__defaults__, value.__kwdefaults__)
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield [cell.cell_contents for name, cell in cells if name != "__class__"]  # the cell of super()
        if version is None:
            yield list(_find_used(value))
    else:
        yield value.__bases__
        members = {name: _unwrap_function(member) for name, member in vars(value).items()}
        functions = {name: member for name, member in members.items() if isinstance(member, FunctionType)}
        yield list(functions.items())
        assigned = {name for function in functions.values() for name in _list_names(function.__code__, _ASSIGNMENTS)}
        constants = [name for name in members if not (name in functions or name in assigned or name.startswith("__"))]
        yield [(name, _summarize_value(members[name])) for name in constants]


def _find_version(module: str) -> str | None:
    """Return the version of the package of a module; that of Python for the standard library."""
    package = str(module).partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None)
    return sys.version if version is None and package in sys.stdlib_module_names else version


def _find_used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names that a function looks up in its module, or in another module without a version, and values."""
    code = function.__code__
    for name in sorted(_list_names(code, _GLOBALS) - _list_names(code, _ASSIGNMENTS)):
        value = function.__globals__.get(name)
        if not isinstance(value, ModuleType):
            yield name, _summarize_value(value)
        elif _find_version(value.__name__) is None:
            used = sorted(_list_names(code, _ATTRIBUTES) & set(vars(value)))
            yield name, [(attribute, _summarize_value(vars(value)[attribute])) for attribute in used]


def _list_names(code: CodeType, operations: set[str]) -> set[str]:
    """Return the names of globals or attributes in some operations of a code object and of the functions inside it."""
    names = {str(step.argval) for step in get_instructions(code) if step.opname in operations}
    return names.union(*(_list_names(inner, operations) for inner in code.co_consts if isinstance(inner, CodeType)))


def _unwrap_function(member: Any) -> Any:
    """Return the function below decorators and below scikit-learn's wrapper of `transform`."""
    for attribute in ("__func__", "fget", "func"):  # of a class method, a property and a cached property
        member = getattr(member, attribute, member)
    return unwrap(member) if callable(member) else member


def _summarize_value(value: Any) -> Any:
    """Return the content of a constant, a function, a class or an estimator; only the type of any other object."""
    value = unwrap(value) if callable(value) else value
    if value is None or isinstance(value, str | bytes | int | float | complex | np.generic | FunctionType | type):
        return value
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value
    if isinstance(value, set | frozenset):
        return "set", sorted(map(repr, value))
    if isinstance(value, list | tuple):
        return type(value).__name__, [_summarize_value(each) for each in value]
    if isinstance(value, Mapping):
        return "mapping", [(_summarize_value(name), _summarize_value(each)) for name, each in value.items()]
    if isinstance(value, partial):
        return "partial", [_summarize_value(each) for each in (value.func, value.args, value.keywords)]
    if hasattr(value, "get_params"):
        return value
    return type(value).__qualname__, getattr(value, "__name__", None)


def _summarize_code(code: CodeType) -> Any:
    """Return the content of a code object, without its file and line numbers."""
    return code.co_code, code.co_names, code.co_varnames, [_summarize_constant(value) for value in code.co_consts]


def _summarize_constant(constant: Any) -> Any:
    if isinstance(constant, CodeType):
        return _summarize_code(constant)
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)
