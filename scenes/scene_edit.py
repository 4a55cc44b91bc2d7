"""Edit a scene file as a person would: by the names of sources, and nothing else changes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from capture.errors import DataError, FileFormatError
from capture.files.atomic import atomic_path
from capture.files.yaml_document import Where, YamlDocument, read_text, read_yaml
from capture.files.yaml_errors import suggestion
from scenes.scene import Scene
from scenes.scene_document import read_scene_document
from scenes.scene_file import checked_scene
from scenes.scene_yaml import flow_text
from scenes.yaml_edit import YamlText

_PART = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.\[\]]+)')


class SceneEditor:
    """A scene file that is being edited. Nothing is written before `save`."""

    def __init__(self, path: str | os.PathLike[str], *, allow_outside: bool = False) -> None:
        """Open a scene file, which must read well.

        Args:
            path: The scene file.
            allow_outside: Let it name files outside its folder.

        Raises:
            FileFormatError: It is no scene.
            DataError: It names files outside its folder.
        """
        self._path = Path(path)
        self._allow_outside = allow_outside
        self._bom = "\ufeff" if self._path.is_file() and _has_bom(self._path) else ""
        self._text = YamlText(read_text(self._path))
        self.check()

    @property
    def text(self) -> str:
        """The text as edited so far."""
        return str(self._text)

    def set(self, key: str, value: str) -> None:
        """Set a value by its key.

        Args:
            key: Keys with dots between, sources by name or number: `listener.yaw_deg`,
                `sources.violin.gain_db`, `sources[0].file`, `sources["a.b"].mute`.
            value: As in the file: `-3`, `true`, `[1, 2, 1.2]`, `{size_m: [8, 6, 3], rt60_s: 1}`.

        Raises:
            DataError: There is no such place, or the value is no YAML.
        """
        self._set(self._where(key), _parsed(value, key))

    def set_gain(self, name: str, gain_db: float) -> None:
        """Set the gain of a source."""
        self._set((*self._source(name), "gain_db"), gain_db)

    def set_switch(self, name: str, key: str, on: bool) -> None:
        """Set `mute` or `solo` of a source."""
        where = (*self._source(name), key)
        if on or self._text.has(where):
            self._set(where, on)

    def move(self, name: str, position_m: Sequence[float]) -> None:
        """Put a source, or the `listener`, somewhere else; who moves goes the same way from there.

        Args:
            name: Of a source, or "listener" where no source is called so.
            position_m: World coordinates at the start.
        """
        named = name in self._names()
        where = ("listener",) if name == "listener" and not named else self._source(name)
        keys = _list_at(self._document(), (*where, "keyframes"))
        placed = [
            index for index, key in enumerate(keys) if isinstance(key, dict) and "position_m" in key
        ]
        if not placed:
            self._set((*where, "position_m"), _rounded(position_m))
            return
        first = keys[placed[0]]["position_m"]
        offset = [new - old for new, old in zip(position_m, first, strict=True)]
        for index in placed:
            moved = [a + b for a, b in zip(keys[index]["position_m"], offset, strict=True)]
            self._set((*where, "keyframes", index, "position_m"), _rounded(moved))

    def save(self, path: str | os.PathLike[str] | None = None) -> None:
        """Write the scene, if it is one.

        Args:
            path: Where to; back to where it came from if None. Elsewhere it must name the same
                files, so it stays in the same folder.

        Raises:
            FileFormatError: It is no scene any more; the file stays as it was.
            DataError: Another folder was given.
            OutputError: It cannot be written.
        """
        self.check()
        out = self._path if path is None else Path(path)
        if out.resolve().parent != self._path.resolve().parent:
            raise DataError(
                f"{out}: names of files are relative to the scene, so it stays in its folder, "
                f"{self._path.resolve().parent}."
            )
        with atomic_path(out) as temporary:
            temporary.write_bytes((self._bom + self.text).encode("utf-8"))

    def check(self) -> Scene:
        """Return the scene as edited so far.

        Raises:
            FileFormatError: It is no scene any more; the message points into the edited text.
            DataError: It names files outside its folder.
        """
        document = read_scene_document(
            self._path, allow_outside=self._allow_outside, text=self.text
        )
        return checked_scene(document)

    def _names(self) -> list[str]:
        """Return the names of all sources, also of those that are included."""
        document = read_scene_document(
            self._path, allow_outside=self._allow_outside, text=self.text
        )
        sources = _list_at(document, ("sources",))
        return [str(source.get("name")) for source in sources if isinstance(source, dict)]

    def _document(self) -> YamlDocument:
        return read_yaml(self._path, text=self.text)

    def _set(self, where: Where, value: Any) -> None:
        try:
            self._text.set(where, flow_text(value))
        except ValueError as error:
            raise DataError(f"{self._path}: {error}") from error

    def _where(self, key: str) -> Where:
        parts: list[str | int] = []
        end = 0
        for match in _PART.finditer(key):
            if match.start() != end:
                break
            end = match.end()
            number, quoted, word = match.groups()
            if number is not None:
                parts.append(int(number))
            else:
                parts.append(word if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        if end != len(key) or not parts or key.startswith("."):
            raise DataError(
                f"{key!r} is no key: write it as listener.yaw_deg, or sources.NAME.mute."
            )
        if parts[0] == "sources" and len(parts) > 1 and isinstance(parts[1], str):
            parts[:2] = self._source(parts[1])
        return tuple(parts)

    def _source(self, name: str) -> Where:
        """Return the place of a source in this file."""
        for index, source in enumerate(_list_at(self._document(), ("sources",))):
            if isinstance(source, dict) and source.get("name") == name:
                return ("sources", index)
        names = self._names()
        if name in names:
            raise DataError(
                f"{self._path}: the source {name!r} stands in a file that this one includes: edit "
                "that one."
            )
        hint = suggestion(name, names)
        raise DataError(
            f"{self._path}: there is no source {name!r}{hint or '.'} There are "
            f"{', '.join(map(repr, names))}."
        )


def _list_at(document: YamlDocument, where: Where) -> list[Any]:
    """Return the list at a place; an empty one where there is none."""
    value = document.value
    for part in where:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return []
    return value if isinstance(value, list) else []


def _parsed(value: str, key: str) -> Any:
    try:
        return read_yaml("value", text=value).value
    except FileFormatError as error:
        raise DataError(f"{key}={value}: {str(error).partition(': ')[2]}") from error


def _rounded(position_m: Sequence[float]) -> list[float]:
    return [round(float(value), 6) + 0.0 for value in position_m]


def _has_bom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == b"\xef\xbb\xbf"
