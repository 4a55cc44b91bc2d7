"""A scene's room as triangles."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from capture.axes import world_from_gltf
from capture.errors import FileFormatError
from scenes.export.exported import ExportedRoom, RoomBox
from scenes.room import Room
from scenes.surface import per_band

_Y_UP = (".glb", ".gltf")
# Corner i has bit 0 of i for x, bit 1 for y, bit 2 for z; seen from inside, anticlockwise.
_BOX_QUADS = (
    (0, 1, 3, 2),  # floor, seen from above
    (4, 6, 7, 5),  # ceiling, from below
    (0, 2, 6, 4),  # low x
    (1, 5, 7, 3),  # high x
    (0, 4, 5, 1),  # low y
    (2, 3, 7, 6),  # high y
)


def exported_room(room: Room, folder: Path) -> ExportedRoom:
    """Return a room's geometry in world axes.

    Raises:
        FileFormatError: A mesh cannot be read.
    """
    rt60_s = None if room.rt60_s is None else per_band(room.rt60_s)
    if room.size_m is None:
        vertices, faces = _meshes(room, folder)
        return ExportedRoom(
            vertices_m=vertices, faces=faces, box=None, rt60_s=rt60_s, described=room
        )
    length, width, height = room.size_m
    corners = np.array(
        [
            ((i & 1) * length - length / 2, (i >> 1 & 1) * width - width / 2, (i >> 2) * height)
            for i in range(8)
        ]
    )
    faces = [triangle for a, b, c, d in _BOX_QUADS for triangle in ((a, b, c), (a, c, d))]
    x, y, z = room.floor_center_m
    return ExportedRoom(
        vertices_m=room.to_world(corners).astype(np.float32),
        faces=np.array(faces, dtype=np.int32),
        box=RoomBox(
            size_m=room.size_m,
            center_m=(x, y, z + height / 2),
            yaw_rad=math.radians(room.yaw_deg),
        ),
        rt60_s=rt60_s,
        described=room,
    )


def _meshes(
    room: Room, folder: Path
) -> tuple[Float32[np.ndarray, "V 3"], Int32[np.ndarray, "F 3"]]:
    import trimesh

    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    count = 0
    for part in room.meshes or ():
        path = folder / part.file
        try:
            loaded: Any = trimesh.load(path, force="mesh", process=False)
            corners = np.asarray(loaded.vertices, dtype=np.float64)
            triangles = np.asarray(loaded.faces, dtype=np.int32).reshape(-1, 3)
        except Exception as error:  # trimesh's readers raise what they like
            raise FileFormatError(
                f"{path}: not readable as a mesh ({error}). Give triangles as PLY, OBJ, STL or "
                "glTF."
            ) from error
        if len(triangles) == 0 or not np.isfinite(corners).all():
            raise FileFormatError(f"{path}: holds no triangles, or some that are not finite.")
        if path.suffix.lower() in _Y_UP:
            corners = world_from_gltf(corners)
        vertices.append(room.to_world(corners))
        faces.append(triangles + count)
        count += len(corners)
    return np.concatenate(vertices).astype(np.float32), np.concatenate(faces)
