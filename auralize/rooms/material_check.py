"""Check the materials that a scene file names, with their places in the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from auralize.rooms.materials import material
from capture.errors import DataError
from capture.files.yaml_document import Where
from scenes.scene_document import read_scene_document


def check_materials(path: str | os.PathLike[str], *, allow_outside: bool = False) -> None:
    """Refuse a material that the library does not have.

    Args:
        path: A scene file that reads well.
        allow_outside: Let it name files outside its folder.

    Raises:
        DataError: There is no such material (file, line and column).
    """
    document = read_scene_document(path, allow_outside=allow_outside)
    for where, name in _named(document.value.get("room")):
        try:
            material(name)
        except DataError as error:
            raise DataError(f"{document.place_of(('room', *where))}: {error}") from error


def _named(room: Any) -> Iterator[tuple[Where, str]]:
    """Give place in the room and name of each material that it names."""
    if not isinstance(room, dict):
        return
    surfaces: Any = room.get("surfaces")
    if isinstance(surfaces, str):
        yield ("surfaces",), surfaces
    elif isinstance(surfaces, dict):
        for wall, name in surfaces.items():
            if isinstance(name, str):
                yield ("surfaces", wall), name
    meshes: list[dict[str, Any]] = room.get("meshes") or []
    for index, part in enumerate(meshes):
        if isinstance(part.get("surface"), str):
            yield ("meshes", index, "surface"), part["surface"]
