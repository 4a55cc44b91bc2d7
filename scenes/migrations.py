"""Bring scene files of older versions up to the newest.

Each version has one step, which changes what a file of it says to what the next version says, and
keeps the places, so that errors still point into the file.

| from | to | what changed |
|---|---|---|
| 1 | 2 | `output.propagation_delay` is `medium.propagation_delay`: it is the air that takes time |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from capture.errors import FileFormatError
from capture.files.yaml_document import Where, YamlDocument
from scenes.scene import SCENE_VERSION


def migrate(document: YamlDocument) -> None:
    """Bring a document to the newest version, in place; one without a version is of the newest.

    Args:
        document: A mapping.

    Raises:
        FileFormatError: The version is unknown (file, line and column).
    """
    version = document.value.get("version", SCENE_VERSION)
    if type(version) is not int or version not in (*_STEPS, SCENE_VERSION):
        raise FileFormatError(
            f"{document.place_of(('version',))}: scene version {version!r:.60} is unknown; this "
            f"program reads versions {min(_STEPS)} to {SCENE_VERSION}."
        )
    for step in range(version, SCENE_VERSION):
        _STEPS[step](document)
        document.value["version"] = step + 1


def migrated(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scene's plain values, from JSON for instance, as of the newest version.

    Raises:
        FileFormatError: The version is unknown.
    """
    document = YamlDocument(path=Path("scene"), value=_copied(dict(value)))
    migrate(document)
    return document.value


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _delay_belongs_to_the_air(document: YamlDocument) -> None:
    _move(document, ("output", "propagation_delay"), ("medium", "propagation_delay"))


_STEPS: dict[int, Callable[[YamlDocument], None]] = {1: _delay_belongs_to_the_air}


def _move(document: YamlDocument, old: Where, new: Where) -> None:
    """Move a value, with its places; it stays where the mappings around are none, or take it."""
    *outer, last = old
    holder = document.value
    for key in outer:
        holder = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or last not in holder:
        return
    target = document.value
    for depth, key in enumerate(new[:-1], start=1):
        if not isinstance(target.setdefault(key, {}), dict):
            return
        document.places.setdefault(new[:depth], document.places.get(old, (1, 1)))
        target = target[key]
    if new[-1] in target:
        return
    target[new[-1]] = holder.pop(last)
    for where in [where for where in document.places if where[: len(old)] == old]:
        document.places[new + where[len(old) :]] = document.places.pop(where)
