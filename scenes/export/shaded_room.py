"""The room as triangles in greys, so that its edges show where nothing lights it."""

from __future__ import annotations

import numpy as np

from scenes.export.exported import ExportedRoom, TriangleMesh

_DARK, _LIGHT = 38.0, 96.0


def shaded_room(room: ExportedRoom) -> TriangleMesh:
    """Return the room with each triangle in a grey of its own, so that edges show without light."""
    corners = room.vertices_m[room.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.where(lengths > 0, lengths, 1.0)
    # The floor is the lightest, walls differ by where they look, the ceiling is the darkest.
    bright = 0.5 + normals @ np.array([0.12, 0.06, 0.42])
    grey = np.rint(_DARK + (_LIGHT - _DARK) * bright).astype(np.uint8)
    return TriangleMesh(
        vertices_m=corners.reshape(-1, 3),
        faces=np.arange(corners.size // 3, dtype=np.int32).reshape(-1, 3),
        colors=np.repeat(np.stack([grey] * 3, axis=1), 3, axis=0),
    )
