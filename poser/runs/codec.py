"""The types that travel <-> plain JSON data, directed by their own annotations; `unpack(pack(x)) == x`.

Pictures go through two callables, so that they may lie anywhere. NaN and the infinities become the strings 'nan', 'inf'
and '-inf' where a float is expected, and {"$float": ...} in free mappings; tuples in free mappings {"$tuple": [...]}.
Data of the wrong form raises ValueError; nothing is evaluated.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from PIL import Image

Keep = Callable[[Image.Image], Any]
Fetch = Callable[[Any], Image.Image]

_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def pack(value: Any, kind: Any, keep: Keep) -> Any:
    """`value`, of the annotation `kind`, as JSON data; `keep(picture)` gives the data that stands for a picture."""
    kind = _settle(kind, value is None)
    if kind is None or value is None:
        return None
    if kind is Image.Image:
        return keep(value)
    if is_dataclass(kind) or _is_named_tuple(kind):
        return {name: pack(getattr(value, name), hint, keep) for name, hint in _hints(kind).items()}
    if get_origin(kind) is tuple:
        return [pack(item, hint, keep) for item, hint in zip(value, _items(kind, len(value)), strict=True)]
    if get_origin(kind) is Mapping:
        hint = get_args(kind)[1]
        return _free(value) if hint is Any else {str(key): pack(item, hint, keep) for key, item in value.items()}
    if kind is float:
        return float(value) if math.isfinite(value) else repr(float(value))
    if kind in (int, bool, str):
        return kind(value)
    return _free(value)


def unpack(data: Any, kind: Any, fetch: Fetch) -> Any:
    """The inverse of `pack`; `fetch(data)` gives the picture. Fields that are absent take their default.

    Raises ValueError: data of another form than `kind`, unknown fields, a value that the type refuses.
    """
    kind = _settle(kind, data is None)
    if kind is None:
        return None
    if kind is Any:
        return _thaw(data)
    if kind is Image.Image:
        return fetch(data)
    if is_dataclass(kind) or _is_named_tuple(kind):
        return _build(data, kind, fetch)
    if get_origin(kind) is tuple:
        _expect(data, list, kind)
        return tuple(unpack(item, hint, fetch) for item, hint in zip(data, _items(kind, len(data)), strict=True))
    if get_origin(kind) is Mapping:
        _expect(data, dict, kind)
        hint = get_args(kind)[1]
        return _thaw(data) if hint is Any else {key: unpack(item, hint, fetch) for key, item in data.items()}
    if get_origin(kind) is Literal:
        if data not in get_args(kind):
            raise ValueError(f"{data!r} is none of {', '.join(map(str, get_args(kind)))}")
        return data
    if kind is float:
        data = _NUMBERS.get(data, data) if isinstance(data, str) else data
        return float(_expect(data, int | float, kind))
    return _expect(data, kind, kind)


def _build(data: Any, kind: Any, fetch: Fetch) -> Any:
    """A dataclass or named tuple from its fields."""
    _expect(data, dict, kind)
    hints = _hints(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}")
    try:
        return kind(**{name: unpack(item, hints[name], fetch) for name, item in data.items()})
    except TypeError as error:
        raise ValueError(str(error)) from None


def _settle(kind: Any, absent: bool) -> Any:
    """`X` of `X | None`, or None where the value is None and may be."""
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    (inner,) = (option for option in get_args(kind) if option is not type(None))
    return None if absent else inner


def _expect(data: Any, form: Any, kind: Any) -> Any:
    if not isinstance(data, form) or (isinstance(data, bool) and kind is not bool):
        raise ValueError(f"expected {getattr(kind, '__name__', kind)}, found {str(data)[:60]!r}")
    return data


def _items(kind: Any, length: int) -> tuple[Any, ...]:
    """The annotation of every item of a tuple."""
    hints = get_args(kind)
    return hints[:1] * length if hints[1:] == (...,) else hints


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else kind._fields
    return {name: hints[name] for name in names}


def _free(value: Any) -> Any:
    """Data without annotations. Raises TypeError for what JSON cannot hold."""
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, tuple):
        return {"$tuple": [_free(item) for item in value]}
    if isinstance(value, list):
        return [_free(item) for item in value]
    if isinstance(value, Mapping):
        if any(not isinstance(key, str) or key.startswith("$") for key in value):
            return {"$dict": [[_free(key), _free(item)] for key, item in value.items()]}
        return {key: _free(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"cannot record {type(value).__name__} {value!r}; records hold numbers, words, lists and mappings")


def _thaw(data: Any) -> Any:
    """The inverse of `_free`."""
    if isinstance(data, list):
        return [_thaw(item) for item in data]
    if not isinstance(data, dict):
        return data
    if len(data) == 1:
        ((tag, inner),) = data.items()
        if tag == "$float" and inner in _NUMBERS:
            return _NUMBERS[inner]
        if tag == "$tuple" and isinstance(inner, list):
            return tuple(_thaw(item) for item in inner)
        if tag == "$dict" and isinstance(inner, list):
            return {_thaw(key): _thaw(item) for key, item in inner}
    return {key: _thaw(item) for key, item in data.items()}
