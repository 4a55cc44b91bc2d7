"""Read and write scene files: YAML with comments, and errors with line and column."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from capture.atomic import atomic_path
from capture.errors import DataError, FileFormatError
from capture.yaml_document import Where, YamlDocument, read_yaml
from capture.yaml_errors import suggestion
from scenes.scene import Scene
from scenes.scene_errors import describe
from scenes.schema import SCHEMA_NAME, schema_text

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


def read_scene(path: str | os.PathLike[str], *, check_files: bool = True) -> Scene:
    """Read a scene file.

    Args:
        path: The YAML file.
        check_files: Also look whether the sound files, the HRTF and the equalisation are there.

    Raises:
        FileFormatError: It is no YAML, or no scene. The message starts with file, line and
            column, repeats what was given, says what is allowed, and guesses what was meant.
        DataError: A file that it names is missing (line and column as above).
    """
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise FileFormatError(
            f"{path}:1:1: a scene is a mapping of keys and values (version: 1, sources: …)."
        )
    try:
        scene = Scene.model_validate(document.value)
    except ValidationError as error:
        raise FileFormatError(describe(error, document)) from error
    if check_files:
        _check_files(scene, document)
    return scene


def write_scene(path: str | os.PathLike[str], scene: Scene, *, with_schema: bool = True) -> None:
    """Write a scene file that reads well; `read_scene` returns an equal scene.

    Args:
        path: The YAML file.
        scene: The scene. Its numbers are written in full: round them where they come from.
        with_schema: Also put the JSON Schema beside the file, for editors that complete keys.

    Raises:
        OutputError: The folder cannot be written to.
    """
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_text(scene_text(scene), encoding="utf-8")
    if with_schema:
        with atomic_path(path.with_name(SCHEMA_NAME)) as temporary:
            temporary.write_text(schema_text(), encoding="utf-8")


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
        return [f"{indent}{key}:", *(f"{indent}  - {_flow(frame)}" for frame in value)]
    return [f"{indent}{key}: {_flow(value)}{comment}"]


def _block(model: BaseModel, indent: str) -> list[str]:
    entries = _kept(model, _ALWAYS_INSIDE)
    return [line for key, value in entries for line in _entry(key, value, indent)]


def _flow(value: Any) -> str:
    if isinstance(value, BaseModel):
        entries = (f"{key}: {_flow(item)}" for key, item in _kept(value, {"position_m"}))
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
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


def _check_files(scene: Scene, document: YamlDocument) -> None:
    named: list[tuple[Where, str]] = [
        (("sources", i, "file"), source.file) for i, source in enumerate(scene.sources)
    ]
    if scene.listener.sofa is not None:
        named.append((("listener", "sofa"), scene.listener.sofa))
    if scene.room is not None:
        meshes = scene.room.meshes or ()
        named += [(("room", "meshes", i, "file"), mesh.file) for i, mesh in enumerate(meshes)]
    if scene.output.headphone_eq is not None:
        named.append((("output", "headphone_eq"), scene.output.headphone_eq))
    for where, name in named:
        file = document.path.parent / name
        if file.is_file():
            continue
        folder = file.parent
        hint = ""
        if folder.is_dir():
            there = {item.name for item in folder.iterdir()}
            hint = suggestion(file.name, there).removesuffix("?")
        slashes = " Write folders with '/'." if "\\" in name else ""
        raise DataError(
            f"{document.place_of(where)}: the file {name!r} is not there (looked for "
            f"{file.resolve()}){hint}.{slashes}"
        )
