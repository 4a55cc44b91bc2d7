"""Write a scene as YAML that people like to read: comments, vectors in one line, no defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from scenes.scene import Scene
from scenes.schema import SCHEMA_NAME

_HEADER = f"""\
# yaml-language-server: $schema=./{SCHEMA_NAME}
#
# A scene: sounds at places around a listener.
#     auralize render THIS_FILE -o preview.wav          (headphones)
#     auralize render THIS_FILE -o preview.ambix.wav    (ambisonics)
#
# World axes: x front, y left, z up. Units: metres, seconds, hertz, decibels; degrees where a key
# ends in _deg, yaw anticlockwise from +x (left is positive). Sound files are relative to this file.
"""

_COMMENTS = {
    "sample_rate_hz": "of the render, and of every sound file",
    "reference_distance_m": "here it is as loud as its file; -6 dB per doubling",
    "propagation_delay": "true: late arrivals, and Doppler shift",
    "pitch_deg": "positive looks down",
    "rt60_s": "seconds to fall by 60 dB",
}
_ALWAYS = {"version", "title", "sample_rate_hz", "listener", "sources"}
_ALWAYS_INSIDE = {"position_m", "yaw_deg", "gain_db", "reference_distance_m"}
# Words that YAML 1.1 or 1.2 takes for something else, or that look like numbers, get quotes.
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*(?: [\w./()-]+)*", re.ASCII)
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def scene_text(scene: Scene) -> str:
    """Return the YAML of a scene. Keys that hold their default are left out, but for a few."""
    lines = [_HEADER.rstrip("\n")]
    for key, value in _kept(scene, _ALWAYS):
        if isinstance(value, BaseModel | dict) or key == "sources":
            lines.append("")
        lines += _entry(key, value, indent="")
    return "\n".join(lines) + "\n"


def _kept(model: BaseModel, always: set[str]) -> Iterator[tuple[str, Any]]:
    """Give the fields of a model that are worth writing."""
    for key, info in type(model).model_fields.items():
        value = getattr(model, key)
        if value is not None and (
            key in always or value != info.get_default(call_default_factory=True)
        ):
            yield key, value


def _entry(key: str, value: Any, indent: str) -> list[str]:
    """Return the lines of `key: value` in block style, vectors and keyframes in flow style."""
    comment = f"  # {_COMMENTS[key]}" if key in _COMMENTS else ""
    if isinstance(value, BaseModel):
        inner = _block(value, indent + "  ")
        return [f"{indent}{key}:{comment}", *inner] if inner else [f"{indent}{key}: {{}}{comment}"]
    if isinstance(value, dict):
        return [
            f"{indent}{key}:{comment}",
            *(f"{indent}  {_scalar(name)}: {_scalar(item)}" for name, item in value.items()),
        ]
    if key == "sources":
        lines = [f"{indent}{key}:"]
        for number, source in enumerate(value):
            block = _block(source, indent + "    ")
            block[0] = f"{indent}  - {block[0].lstrip()}"
            lines += [""] * (number > 0) + block
        return lines
    if key == "keyframes":
        return [f"{indent}{key}:", *(f"{indent}  - {flow_text(frame)}" for frame in value)]
    return [f"{indent}{key}: {flow_text(value)}{comment}"]


def _block(model: BaseModel, indent: str) -> list[str]:
    entries = _kept(model, _ALWAYS_INSIDE)
    return [line for key, value in entries for line in _entry(key, value, indent)]


def flow_text(value: Any) -> str:
    """Return a value in one line of YAML."""
    if isinstance(value, BaseModel):
        entries = (f"{key}: {flow_text(item)}" for key, item in _kept(value, {"position_m"}))
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {flow_text(v)}" for k, v in value.items()) + "}"
    if value is None:
        return "null"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(flow_text(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Return a YAML scalar that reads back as the same value of the same type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character == " " or character.isprintable():
        return character
    code = ord(character)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else (f"\\U{code:08x}")
    )
