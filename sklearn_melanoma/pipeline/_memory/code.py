"""Code of own steps for cache keys: classes and functions, with the functions and constants that they use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dis import get_instructions
from functools import cached_property, partialmethod
from inspect import unwrap
from types import CodeType, FunctionType, ModuleType
from typing import Any

# Operations of bytecode. A variable or attribute that the code assigns is a state, such as a counter, and no constant.
_GLOBALS, _ATTRIBUTES = {"LOAD_GLOBAL", "LOAD_NAME"}, {"LOAD_ATTR", "LOAD_METHOD"}
_ASSIGNMENTS = {"STORE_GLOBAL", "STORE_ATTR"}

# Members of a class that hold functions, and the attributes with these functions.
_WRAPPERS = (staticmethod, classmethod, property, cached_property, partialmethod)
_PARTS = ("__func__", "fget", "fset", "func", "args", "keywords")

Digest = Callable[[Any], bytes]


def describe_code(value: Any, digest: Digest, digest_or_type: Digest) -> tuple[Any, ...]:
    """Describe a class or function by its name and the version of its package, or by its code if there is no version.

    The code of a function includes the functions, classes and constants of its module, and of other modules without a
    version, that it names.

    Parameters
    ----------
    value : type or function
        Class or function.
    digest : callable
        Returns the digest of a value, or raises an error if the value can't be pickled.
    digest_or_type : callable
        The same, but returns the digest of the type instead of an error.

    Returns
    -------
    tuple
        Strings, numbers, digests, and tuples and lists of these.
    """
    name = value.__module__, value.__qualname__
    version = _find_version(value.__module__)
    if version is not None and "<" not in value.__qualname__:
        return *name, version
    return name + (
        _describe_function(value, digest, digest_or_type)
        if isinstance(value, FunctionType)
        else _describe_class(value, digest_or_type)
    )


def _describe_function(function: FunctionType, digest: Digest, digest_or_type: Digest) -> tuple[Any, ...]:
    code = function.__code__
    is_own = _find_version(function.__globals__.get("__name__")) is None
    # The results of an own function depend on what it holds. A decorator may hold locks and weak references.
    held = digest if is_own else digest_or_type
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    values = [cell.cell_contents for name, cell in cells if name != "__class__"]  # the cell of super()
    values += [function.__defaults__, function.__kwdefaults__]
    return (
        _summarize_code(code),
        [_summarize(value, held) for value in values],
        _summarize_items(vars(function), digest_or_type),
        _summarize_items(dict(_find_used(function)), digest_or_type) if is_own else None,
    )


def _describe_class(value: type, digest_or_type: Digest) -> tuple[Any, ...]:
    members = dict(vars(value))
    functions = [function for function in map(_unwrap, members.values()) if isinstance(function, FunctionType)]
    assigned = {name for function in functions for name in _list_names(function.__code__, _ASSIGNMENTS)}
    kept = {
        name: member
        for name, member in members.items()
        if isinstance(member, (FunctionType, *_WRAPPERS)) or not (name in assigned or name.startswith("__"))
    }
    return [digest_or_type(base) for base in value.__bases__], _summarize_items(kept, digest_or_type)


def _find_version(module: Any) -> str | None:
    """Return the version of the package of a module; that of Python for the standard library."""
    package = str(module).partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None)
    return sys.version if version is None and package in sys.stdlib_module_names else version


def _find_used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names that a function looks up in its module, or in another module without a version, and values."""
    code = function.__code__
    attributes = _list_names(code, _ATTRIBUTES)
    for name in _list_names(code, _GLOBALS) - _list_names(code, _ASSIGNMENTS):
        yield from _find_in_module(name, function.__globals__.get(name), attributes)


def _find_in_module(name: str, value: Any, attributes: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield a value, or the values in a module that are looked up as attributes."""
    if not isinstance(value, ModuleType):
        yield name, value
    elif _find_version(value.__name__) is None:
        for attribute in attributes & set(vars(value)):
            if vars(value)[attribute] is not value:
                yield from _find_in_module(f"{name}.{attribute}", vars(value)[attribute], attributes - {attribute})


def _list_names(code: CodeType, operations: set[str]) -> set[str]:
    """Return the names of globals or attributes in some operations of a code object and of the functions inside it."""
    names = {str(step.argval) for step in get_instructions(code) if step.opname in operations}
    return names.union(*(_list_names(inner, operations) for inner in code.co_consts if isinstance(inner, CodeType)))


def _unwrap(member: Any) -> Any:
    """Return the function in a member of a class, below decorators and below scikit-learn's wrapper of `transform`."""
    parts = (getattr(member, part, None) for part in _PARTS) if isinstance(member, _WRAPPERS) else ()
    member = next((part for part in parts if part is not None), member)
    return unwrap(member) if callable(member) else member


def _summarize_items(values: Mapping[str, Any], digest: Digest) -> list[Any]:
    """Summarize values by name. Their order differs between processes."""
    return [(name, _summarize(values[name], digest)) for name in sorted(values)]


def _summarize(value: Any, digest: Digest, outer: tuple[int, ...] = ()) -> Any:
    """Return the digest of a value; for a container, the digests of its elements in an order that does not vary."""
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, _WRAPPERS):
        parts = [getattr(value, part, None) for part in _PARTS]
        return type(value).__name__, [_summarize(part, digest, outer) for part in parts]
    if id(value) in outer:
        return "outer", outer.index(id(value))
    outer = *outer, id(value)
    if type(value) in (list, tuple):
        return type(value).__name__, [_summarize(each, digest, outer) for each in value]
    if type(value) in (set, frozenset):
        return "set", sorted(repr(_summarize(each, digest, outer)) for each in value)
    if type(value) is dict:
        return "dict", [
            (_summarize(key, digest, outer), _summarize(each, digest, outer)) for key, each in value.items()
        ]
    return digest(value)


def _summarize_code(code: CodeType) -> Any:
    """Return the content of a code object, without its file and line numbers."""
    return code.co_code, code.co_names, code.co_varnames, [_summarize_constant(value) for value in code.co_consts]


def _summarize_constant(constant: Any) -> Any:
    if isinstance(constant, CodeType):
        return _summarize_code(constant)
    if isinstance(constant, tuple):
        return [_summarize_constant(each) for each in constant]
    return (
        sorted(repr(_summarize_constant(each)) for each in constant)
        if isinstance(constant, frozenset)
        else repr(constant)
    )
