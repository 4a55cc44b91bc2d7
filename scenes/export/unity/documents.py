"""Unity's YAML: one document an object, which others name by its number and its asset's GUID.

Source: Unity Manual, "Format of text serialized files"; the fields are those that Unity 2019 LTS
writes, which later versions read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

HEADER = "%YAML 1.1\n%TAG !u! tag:unity3d.com,2011:\n"

Fields: TypeAlias = Mapping[str, Any]

# A GUID counts as plain, too.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?: [A-Za-z0-9_]+)*|[0-9a-f]{32}")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class Flow(dict[str, Any]):
    """A mapping that is written on one line: {x: 1, y: 2}."""


def reference(number: int, guid: str | None = None, kind: int = 2) -> Flow:
    """Return a reference to an object of this file, or of the asset with a GUID.

    Args:
        number: The object's number; 0 for none.
        guid: The asset's, if it is another one.
        kind: 2 for assets in Unity's own form, 3 for what is imported from other forms.
    """
    return Flow(fileID=number) if guid is None else Flow(fileID=number, guid=guid, type=kind)


def vector(values: Float[np.ndarray, "N"]) -> Flow:
    """Return a vector, or a quaternion (x, y, z, w) of 4."""
    return Flow(zip("xyzw", (float(value) for value in values), strict=False))


def document(class_id: int, number: int, kind: str, fields: Fields) -> str:
    """Return an object's document."""
    lines = [f"--- !u!{class_id} &{number}", f"{kind}:", *_lines(fields, "  ")]
    return "\n".join(lines) + "\n"


def _lines(fields: Fields, indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in fields.items():
        if isinstance(value, Flow) or not isinstance(value, Mapping | Sequence):
            lines.append(f"{indent}{key}: {_inline(value)}")
        elif isinstance(value, str):
            lines.append(f"{indent}{key}: {_text(value)}")
        elif len(value) == 0:
            lines.append(f"{indent}{key}: []")
        elif isinstance(value, Mapping):
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}:")
            for item in value:
                lines += _item(item, indent)
    return lines


def _item(item: Any, indent: str) -> list[str]:
    """Return the lines of an item of a sequence."""
    if isinstance(item, Flow) or not isinstance(item, Mapping):
        return [f"{indent}- {_inline(item)}"]
    first, *rest = _lines(item, indent + "  ")
    return [f"{indent}- {first.lstrip()}", *rest]


def _inline(value: Any) -> str:
    if isinstance(value, Flow):
        return "{" + ", ".join(f"{key}: {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return number(value)
    return "" if value is None else _text(str(value)) if isinstance(value, str) else str(value)


def number(value: float) -> str:
    """Return a number as single precision holds it."""
    short = np.format_float_positional(np.float32(value), unique=True, trim="-")
    return "0" if short == "-0" else short


def _text(text: str) -> str:
    """Return a string as Unity writes it: plain, or in quotes with escapes."""
    if not text:
        return ""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return character
    if not character.isprintable():
        return " "
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
