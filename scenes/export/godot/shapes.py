"""The shapes of players and room as scenes of their own: triangles and points with colors.

They hold positions and colors, and no normals: players are shown in the colors that the camera saw,
without light. In this form the binary layout of Godot 4 is the same in all its versions since 4.2.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int, UInt8

from capture.axes import gltf_from_world
from capture.point_cloud import PointCloud
from scenes.export.exported import ExportedRoom, TriangleMesh
from scenes.export.godot.dialect import Dialect
from scenes.export.godot.resource_file import SceneFile, array, numbers
from scenes.export.shaded_room import shaded_room

# Godot 4, RenderingServer.ArrayFormat: vertices, colors, indices, and version 2 of the layout.
_VERTICES, _COLORS, _INDICES, _LAYOUT_2 = 1, 1 << 3, 1 << 12, 1 << 35
_POINTS = 0
_TRIANGLES = {3: 4, 4: 3}
_ARRAYS = 9  # that Godot 3 asks for: vertices, normals, tangents, colors, …, indices

_POINT_PIXELS = 3
_GREY = 160


def unlit(dialect: Dialect, **more: str) -> dict[str, str]:
    """Return the properties of a material that shows colors as they are."""
    shading = {"flags_unshaded": "true"} if dialect.version == 3 else {"shading_mode": "0"}
    return {
        **shading,
        "vertex_color_use_as_albedo": "true",
        "vertex_color_is_srgb": "true",
        **more,
    }


def player_shape(dialect: Dialect, mesh: TriangleMesh, points: PointCloud) -> str:
    """Return the scene of a player's shape: triangles, and points that are hidden at first."""
    file = SceneFile(dialect)
    file.node("Shape", "Node3D", None)
    _add_triangles(file, dialect, "Surface", mesh, parent=".")
    colors = points.colors
    if colors is None:
        colors = np.full(points.positions_m.shape, _GREY, dtype=np.uint8)
    dots = unlit(dialect, use_point_size="true", point_size=f"{_POINT_PIXELS}.0")
    file.node(
        "Points",
        "MeshInstance3D",
        ".",
        {
            "visible": "false",
            "mesh": _mesh(file, dialect, points.positions_m, colors, None),
            "material_override": file.internal("StandardMaterial3D", dots),
        },
    )
    return file.text()


def room_shape(dialect: Dialect, room: ExportedRoom) -> str:
    """Return the scene of a room's shape."""
    file = SceneFile(dialect)
    _add_triangles(file, dialect, "Room", shaded_room(room), parent=None)
    return file.text()


def _add_triangles(
    file: SceneFile, dialect: Dialect, name: str, mesh: TriangleMesh, *, parent: str | None
) -> None:
    corners = mesh.faces[:, ::-1].ravel()  # Godot's fronts are clockwise
    file.node(
        name,
        "MeshInstance3D",
        parent,
        {
            "mesh": _mesh(file, dialect, mesh.vertices_m, mesh.colors, corners),
            "material_override": file.internal("StandardMaterial3D", unlit(dialect)),
        },
    )


def _mesh(
    file: SceneFile,
    dialect: Dialect,
    positions_m: Float32[np.ndarray, "V 3"],
    colors: UInt8[np.ndarray, "V 3"],
    corners: Int[np.ndarray, "C"] | None,
) -> str:
    """Add a mesh of triangles, or of points where there are no corners; return the reference."""
    vertices = gltf_from_world(positions_m).astype(np.float32) + np.float32(0)
    opaque = np.column_stack([colors, np.full(len(colors), 255, dtype=np.uint8)])
    primitive = _POINTS if corners is None else _TRIANGLES[dialect.version]
    if dialect.version == 3:
        surface = _godot_3_surface(dialect, vertices, opaque, corners, primitive)
        return file.internal("ArrayMesh", {"surfaces/0": surface})
    surface = _godot_4_surface(dialect, vertices, opaque, corners, primitive)
    return file.internal("ArrayMesh", {"_surfaces": f"[{surface}]"})


def _godot_3_surface(
    dialect: Dialect,
    vertices: Float32[np.ndarray, "V 3"],
    colors: UInt8[np.ndarray, "V 4"],
    corners: Int[np.ndarray, "C"] | None,
    primitive: int,
) -> str:
    arrays = ["null"] * _ARRAYS
    arrays[0] = array(dialect, "PackedVector3Array", vertices)
    arrays[3] = array(dialect, "PackedColorArray", np.round(colors / 255, 4))
    if corners is not None:
        arrays[8] = array(dialect, "PackedInt32Array", corners)
    return _dictionary(
        {"primitive": str(primitive), "arrays": f"[ {', '.join(arrays)} ]", "morph_arrays": "[  ]"}
    )


def _godot_4_surface(
    dialect: Dialect,
    vertices: Float32[np.ndarray, "V 3"],
    colors: UInt8[np.ndarray, "V 4"],
    corners: Int[np.ndarray, "C"] | None,
    primitive: int,
) -> str:
    def packed(values: np.ndarray) -> str:
        return array(dialect, "PackedByteArray", np.frombuffer(values.tobytes(), dtype=np.uint8))

    low = vertices.min(axis=0)
    entries = {
        "aabb": f"AABB( {numbers(low)}, {numbers(vertices.max(axis=0) - low)} )",
        "attribute_data": packed(colors),
        "format": str(_VERTICES | _COLORS | _LAYOUT_2 | (_INDICES if corners is not None else 0)),
    }
    if corners is not None:
        # Indices are of 16 bits as long as they can be.
        wide = len(vertices) > 2**16
        entries["index_count"] = str(len(corners))
        entries["index_data"] = packed(corners.astype("<u4" if wide else "<u2"))
    entries |= {
        "primitive": str(primitive),
        "vertex_count": str(len(vertices)),
        "vertex_data": packed(vertices.astype("<f4")),
    }
    return _dictionary(entries)


def _dictionary(entries: dict[str, str]) -> str:
    return "{\n" + ",\n".join(f'"{key}": {value}' for key, value in entries.items()) + "\n}"
