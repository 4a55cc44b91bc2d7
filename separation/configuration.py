"""Configurations as JSON: frozen dataclasses from mappings, with errors that name the key.

Training runs on machines that hold little more than torch, so this does without pydantic, which
checks what people edit elsewhere. Types that configurations may use: bool, int, float, str,
Literal, tuples of these, other such dataclasses, and any of them or None.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_mapping(cls: type[T], data: object, where: str = "") -> T:
    """Return the dataclass that a mapping (of a JSON file) describes; missing keys keep defaults.

    Args:
        cls: A dataclass.
        data: Its values; tuples may come as lists.
        where: Path of keys to `data`, for errors.

    Raises:
        ValueError: It is no mapping, a key is unknown, or a value is of another type or out of
            range.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where.rstrip('.') or 'it'} must be a mapping, got {data!r}.")
    given = cast("Mapping[str, Any]", data)
    hints = get_type_hints(cls)
    known = [field.name for field in fields(cast("Any", cls))]
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ValueError(f"unknown key {where}{unknown[0]}: choose from {', '.join(known)}.")
    values = {key: _value(hints[key], value, f"{where}{key}") for key, value in given.items()}
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where.rstrip('.')}: {error}" if where else str(error)) from error


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return a value as a type wants it."""
    origin, options = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(options, value, where)
    if origin is Literal:
        if value not in options:
            raise ValueError(f"{where} is {value!r}: choose from {', '.join(map(str, options))}.")
        return value
    if origin is tuple:
        return _tuple(options, value, where)
    if is_dataclass(hint):
        return from_mapping(cast("type[Any]", hint), value, f"{where}.")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{where} must be {hint.__name__}, got {value!r}.")
    return value


def _one_of(options: Sequence[Any], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    (hint,) = (option for option in options if option is not type(None))
    return _value(hint, value, where)


def _tuple(options: Sequence[Any], value: Any, where: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{where} must be a list, got {value!r}.")
    items = cast("Sequence[Any]", value)
    if len(options) == 2 and options[1] is Ellipsis:
        hints = [options[0]] * len(items)
    else:
        hints = list(options)
        if len(hints) != len(items):
            raise ValueError(f"{where} must have {len(hints)} items, got {len(items)}.")
    return tuple(
        _value(hint, item, f"{where}[{index}]")
        for index, (hint, item) in enumerate(zip(hints, items, strict=True))
    )
