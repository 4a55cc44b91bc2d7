"""Points over time, and triangles, in the binary form that AuralizeShape.cs reads.

Unity imports no PLY, and its own form of meshes in YAML differs between versions; this is read by
public functions that all versions have. The layout is in the head of AuralizeShape.cs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from capture.axes import unity_from_world
from scenes.export.exported import ExportedRoom, ExportedSource, TriangleMesh
from scenes.export.shown_clouds import CloudBudget, shown_clouds

_MAGIC = b"AUZS"
_VERSION = 1
_HEAD, _FRAME = struct.Struct("<4siiif"), struct.Struct("<fii")
_LARGEST = 32_767
# Walls of a room, by where they look: lighter from above, so that corners are seen.
_WALL = np.array([168.0, 163.0, 155.0])
_LIGHT = np.array([0.25, 0.4, 0.88])


def cloud_shape(source: ExportedSource, budget: CloudBudget, duration_s: float) -> bytes | None:
    """Return a player's points over time, in Unity's axes; None if there are none."""
    if source.clouds is None:
        return None
    frames = [
        (
            time_s,
            cloud.positions_m.astype(np.float64),
            np.full((len(cloud), 3), source.color) if cloud.colors is None else cloud.colors,
        )
        for time_s, cloud in shown_clouds(source.clouds, budget, duration_s)
    ]
    return _shape(1, frames) if frames else None


def mesh_shape(mesh: TriangleMesh) -> bytes:
    """Return a player's triangles, relative to the player."""
    corners = mesh.faces.reshape(-1)
    return _triangles(mesh.vertices_m[corners].astype(np.float64), mesh.colors[corners])


def room_shape(room: ExportedRoom) -> bytes:
    """Return a room, with a shade of its own for each wall."""
    corners = room.vertices_m[room.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    shades = 0.8 + 0.2 * normals @ _LIGHT
    colors = np.rint(_WALL * shades[:, None]).clip(0, 255).astype(np.uint8)
    return _triangles(corners.reshape(-1, 3), colors.repeat(3, axis=0))


def _triangles(corners_m: Float[np.ndarray, "N 3"], colors: UInt8[np.ndarray, "N 3"]) -> bytes:
    """Return triangles whose front, anticlockwise for us, is clockwise for Unity."""
    order = np.arange(len(corners_m)).reshape(-1, 3)[:, ::-1].reshape(-1)
    return _shape(3, [(0.0, corners_m[order], colors[order])])


def _shape(
    corner_count: int,
    frames: Sequence[tuple[float, Float[np.ndarray, "N 3"], UInt8[np.ndarray, "N 3"]]],
) -> bytes:
    largest_m = max(float(np.abs(places).max()) for _, places, _ in frames)
    step_m = np.float32(max(largest_m, 1e-3) / _LARGEST)
    dtype = np.dtype([("place", "<i2", 3), ("color", "u1", 3), ("zero", "u1")])
    head = _HEAD.pack(_MAGIC, _VERSION, corner_count, len(frames), step_m)
    table: list[bytes] = []
    vertices: list[bytes] = []
    at = len(head) + _FRAME.size * len(frames)
    for time_s, places, colors in frames:
        rows = np.zeros(len(places), dtype=dtype)
        steps = np.rint(unity_from_world(places) / step_m)
        rows["place"] = steps.clip(-_LARGEST, _LARGEST)
        rows["color"] = colors
        table.append(_FRAME.pack(time_s, len(rows), at))
        vertices.append(rows.tobytes())
        at += rows.nbytes
    return b"".join([head, *table, *vertices])
