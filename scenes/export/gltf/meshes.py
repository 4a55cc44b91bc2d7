"""Triangles and points with colors as meshes of glTF, shown without light."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from capture.axes import gltf_from_world
from capture.point_cloud import PointCloud
from scenes.export.exported import TriangleMesh
from scenes.export.gltf.glb import GlbFile

UNLIT = "KHR_materials_unlit"

_POINTS, _TRIANGLES = 0, 4
_GREY = 160


def add_material(file: GlbFile) -> int:
    """Add the material that shows colors of vertices as they are; return its index."""
    return file.add(
        "materials",
        {
            "name": "As seen",
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
            "extensions": {UNLIT: {}},
        },
    )


def add_triangles(file: GlbFile, name: str, mesh: TriangleMesh, material: int) -> int:
    """Add triangles; return the index of their mesh."""
    wide = len(mesh.vertices_m) >= 2**16  # the highest 16-bit index is not allowed
    attributes = _attributes(file, mesh.vertices_m, mesh.colors)
    normals = gltf_from_world(mesh.normals).astype("<f4")
    attributes["NORMAL"] = file.add_vertices(normals)
    primitive = {
        "mode": _TRIANGLES,
        "attributes": attributes,
        "indices": file.add_indices(mesh.faces.ravel().astype("<u4" if wide else "<u2")),
        "material": material,
    }
    return file.add("meshes", {"name": name, "primitives": [primitive]})


def add_points(file: GlbFile, name: str, points: PointCloud, material: int) -> int:
    """Add points; return the index of their mesh."""
    colors = points.colors
    if colors is None:
        colors = np.full(points.positions_m.shape, _GREY, dtype=np.uint8)
    primitive = {
        "mode": _POINTS,
        "attributes": _attributes(file, points.positions_m, colors),
        "material": material,
    }
    return file.add("meshes", {"name": name, "primitives": [primitive]})


def marker(color: tuple[int, int, int], radius_m: float) -> TriangleMesh:
    """Return a ball for a source whose player nobody saw: an octahedron, divided twice."""
    corners = np.array([*np.eye(3), *-np.eye(3)])
    faces = np.array(
        [(0, 1, 2), (1, 3, 2), (3, 4, 2), (4, 0, 2), (1, 0, 5), (3, 1, 5), (4, 3, 5), (0, 4, 5)]
    )
    triangles = corners[faces]
    for _ in range(2):
        a, b, c = np.moveaxis(triangles, 1, 0)
        ab, bc, ca = a + b, b + c, c + a
        parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        triangles = np.concatenate([np.stack(part, axis=1) for part in parts])
        triangles /= np.linalg.norm(triangles, axis=2, keepdims=True)
    vertices, rows = np.unique(triangles.reshape(-1, 3).round(9), axis=0, return_inverse=True)
    return TriangleMesh(
        vertices_m=(radius_m * vertices).astype(np.float32),
        faces=rows.reshape(-1, 3).astype(np.int32),
        colors=np.tile(np.array(color, dtype=np.uint8), (len(vertices), 1)),
    )


def linear_colors(colors: UInt8[np.ndarray, "V 3"]) -> UInt16[np.ndarray, "V 4"]:
    """Return sRGB as the linear, opaque colors of vertices.

    Source: IEC 61966-2-1:1999; glTF 2.0, 3.7.2.1: COLOR_0 is linear.
    """
    part = colors / 255.0
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    opaque = np.column_stack([linear, np.ones(len(linear))])
    return np.rint(opaque * 65535).astype("<u2")


def _attributes(
    file: GlbFile, positions_m: Float32[np.ndarray, "V 3"], colors: UInt8[np.ndarray, "V 3"]
) -> dict[str, int]:
    vertices = gltf_from_world(positions_m).astype("<f4")
    return {
        "POSITION": file.add_vertices(vertices, bounds=True),
        "COLOR_0": file.add_vertices(linear_colors(colors), normalized=True),
    }
