"""A room's surface as triangles: read from files, checked, and asked where rays meet it.

Triangles of one material in one plane are a facet: what mirrors sound as one. Normals point out of
the room.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64
from numba import njit

from auralize.rooms.materials import material
from capture.axes import world_from_gltf
from capture.errors import DataError, FileFormatError
from scenes.room import Room

NOTHING = -1
"""The facet of a ray that meets none."""

_SAME_PLACE_M = 1e-4
_SAME_DIRECTION = 1e-4
_Y_UP = (".glb", ".gltf")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMesh:
    """The closed surface of a room, in the world's axes.

    Attributes:
        triangles_m: Corners.
        facets: The facet of each triangle.
        normals: Unit normal of each facet, out of the room.
        offsets_m: Distance of each facet's plane from the origin along its normal.
        areas_m2: Area of each facet.
        absorption: Per facet and octave band.
        scattering: Likewise.
        volume_m3: What the surface encloses.
    """

    triangles_m: Float64[np.ndarray, "T 3 3"]
    facets: Int64[np.ndarray, "T"]
    normals: Float64[np.ndarray, "F 3"]
    offsets_m: Float64[np.ndarray, "F"]
    areas_m2: Float64[np.ndarray, "F"]
    absorption: Float64[np.ndarray, "F bands"]
    scattering: Float64[np.ndarray, "F bands"]
    volume_m3: float

    def first_hits(
        self,
        origins_m: Float[np.ndarray, "R 3"],
        ways_m: Float[np.ndarray, "R 3"],
        not_facets: Int64[np.ndarray, "R"] | None = None,
    ) -> tuple[Int64[np.ndarray, "R"], Float64[np.ndarray, "R"]]:
        """Return which facet rays meet first, and after which part of their way (1 is its end).

        Args:
            origins_m: Where rays start.
            ways_m: Where they go from there, and how far.
            not_facets: A facet that each ray passes, such as the one it starts from.
        """
        passed = np.full(len(origins_m), NOTHING) if not_facets is None else not_facets
        return _first_hits(
            np.ascontiguousarray(origins_m, dtype=np.float64),
            np.ascontiguousarray(ways_m, dtype=np.float64),
            passed,
            self.triangles_m,
            self.facets,
        )

    def depth_inside_m(self, place_m: Float[np.ndarray, "3"]) -> float:
        """Return how far inside a place is: the distance of the nearest wall, negative outside."""
        from trimesh.triangles import closest_point

        count = len(self.triangles_m)
        nearest = closest_point(self.triangles_m, np.tile(place_m, (count, 1)))
        distance = float(np.linalg.norm(nearest - place_m, axis=1).min())
        # From outside, all triangles together fill less than half of the sphere; from inside, all.
        corners = self.triangles_m - place_m
        a, b, c = np.moveaxis(corners, 1, 0)
        lengths = np.linalg.norm(corners, axis=2)
        upper = np.einsum("ti,ti->t", a, np.cross(b, c))
        lower = (
            lengths.prod(axis=1)
            + np.einsum("ti,ti->t", a, b) * lengths[:, 2]
            + np.einsum("ti,ti->t", b, c) * lengths[:, 0]
            + np.einsum("ti,ti->t", c, a) * lengths[:, 1]
        )
        winding = np.sum(np.arctan2(upper, lower)) / (2 * np.pi)
        return distance if winding > 0.5 else -distance


def read_room_mesh(room: Room, folder: str | os.PathLike[str]) -> ClosedMesh:
    """Read the files of a room with shape: mesh.

    Source of the test for inside: van Oosterom and Strackee 1983, the solid angle of a triangle.

    Args:
        room: The room.
        folder: Where its files are (the folder of the scene file).

    Raises:
        FileFormatError: A file is no mesh.
        DataError: Together they leak, or a material is unknown.
    """
    import trimesh

    parts = room.meshes or ()
    triangles: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    for number, part in enumerate(parts):
        corners = _read_triangles(Path(folder) / part.file)
        triangles.append(room.to_world(corners))
        numbers.append(np.full(len(corners), number))
    corners = np.concatenate(triangles)
    of_file = np.concatenate(numbers)
    # Corners that are nearly in one place are one: files round differently.
    keys = np.round(corners.reshape(-1, 3) / _SAME_PLACE_M).astype(np.int64)
    _, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    vertices = corners.reshape(-1, 3)[first]
    faces = place.reshape(-1, 3)
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    mesh: Any = trimesh.Trimesh(vertices, faces[whole], process=False)
    _check_closed(mesh, [part.file for part in parts])
    trimesh.repair.fix_normals(mesh, multibody=True)
    if mesh.volume < 0:
        mesh.invert()
    materials = [
        material(part.surface, f"room.meshes[{number}].surface")
        for number, part in enumerate(parts)
    ]
    return _with_facets(
        np.asarray(mesh.triangles, dtype=np.float64), of_file[whole], materials, mesh.volume
    )


def _read_triangles(path: Path) -> Float64[np.ndarray, "T 3 3"]:
    import trimesh

    try:
        loaded: Any = trimesh.load(path, force="mesh", process=False)
        corners = np.asarray(loaded.triangles, dtype=np.float64)
    except Exception as error:  # trimesh's readers raise what they like
        raise FileFormatError(
            f"{path}: not readable as a mesh ({error}). Give triangles as PLY, OBJ, STL or glTF."
        ) from error
    if len(corners) == 0 or not np.isfinite(corners).all():
        raise FileFormatError(f"{path}: holds no triangles, or some that are not finite.")
    return world_from_gltf(corners) if path.suffix.lower() in _Y_UP else corners


def _check_closed(mesh: Any, files: Sequence[str]) -> None:
    """Refuse a surface with an edge that does not lie between two triangles."""
    _, edges, counts = np.unique(mesh.edges_sorted, axis=0, return_index=True, return_counts=True)
    open_edges = edges[counts % 2 == 1]
    if len(open_edges) == 0:
        return
    at = mesh.vertices[mesh.edges_sorted[open_edges[0]]].mean(axis=0)
    raise DataError(
        f"the room's mesh ({', '.join(files)}) leaks: {len(open_edges)} edges belong to one "
        f"triangle only, the first near [{at[0]:.2f}, {at[1]:.2f}, {at[2]:.2f}] m. Close it (fill "
        "holes, merge vertices), or add the file with what is missing."
    )


def _with_facets(
    triangles: Float64[np.ndarray, "T 3 3"],
    of_file: Int64[np.ndarray, "T"],
    materials: Sequence[Any],
    volume_m3: float,
) -> ClosedMesh:
    crossed = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    doubled = np.linalg.norm(crossed, axis=1)
    kept = doubled > 1e-10
    triangles, of_file, doubled = triangles[kept], of_file[kept], doubled[kept]
    normals = crossed[kept] / doubled[:, None]
    offsets = np.einsum("ti,ti->t", normals, triangles[:, 0])
    plane = np.column_stack(
        [
            of_file,
            np.round(normals / (10 * _SAME_DIRECTION)) + 0.0,
            np.round(offsets / (10 * _SAME_PLACE_M)) + 0.0,
        ]
    )
    _, first, facets = np.unique(plane, axis=0, return_index=True, return_inverse=True)
    facets = facets.reshape(-1).astype(np.int64)
    files = of_file[first]
    return ClosedMesh(
        triangles_m=np.ascontiguousarray(triangles),
        facets=facets,
        normals=normals[first],
        offsets_m=offsets[first],
        areas_m2=np.bincount(facets, doubled / 2),
        absorption=np.stack([materials[file].absorption for file in files]),
        scattering=np.stack([materials[file].scattering for file in files]),
        volume_m3=float(volume_m3),
    )


@njit(cache=True, nogil=True)
def nearest_facet(
    ox: float,
    oy: float,
    oz: float,
    dx: float,
    dy: float,
    dz: float,
    passed: int,
    triangles: np.ndarray,
    facets: np.ndarray,
) -> tuple[int, float]:  # pragma: no cover - compiled
    """Return the facet that a ray from o along d meets first, and after which part of d.

    Source: Möller and Trumbore 1997, "Fast, minimum storage ray-triangle intersection".
    """
    hit, nearest = NOTHING, np.inf
    for t in range(len(triangles)):
        if facets[t] == passed:
            continue
        ax, ay, az = triangles[t, 0, 0], triangles[t, 0, 1], triangles[t, 0, 2]
        e1x = triangles[t, 1, 0] - ax
        e1y = triangles[t, 1, 1] - ay
        e1z = triangles[t, 1, 2] - az
        e2x = triangles[t, 2, 0] - ax
        e2y = triangles[t, 2, 1] - ay
        e2z = triangles[t, 2, 2] - az
        px = dy * e2z - dz * e2y
        py = dz * e2x - dx * e2z
        pz = dx * e2y - dy * e2x
        determinant = e1x * px + e1y * py + e1z * pz
        if abs(determinant) < 1e-15:
            continue
        sx, sy, sz = ox - ax, oy - ay, oz - az
        u = (sx * px + sy * py + sz * pz) / determinant
        # A ray along an edge must meet one of its triangles.
        if u < -1e-9 or u > 1 + 1e-9:
            continue
        qx = sy * e1z - sz * e1y
        qy = sz * e1x - sx * e1z
        qz = sx * e1y - sy * e1x
        v = (dx * qx + dy * qy + dz * qz) / determinant
        if v < -1e-9 or u + v > 1 + 1e-9:
            continue
        part = (e2x * qx + e2y * qy + e2z * qz) / determinant
        if 1e-9 < part < nearest:
            hit, nearest = facets[t], part
    return hit, nearest


@njit(cache=True, nogil=True)
def _first_hits(
    origins: np.ndarray,
    ways: np.ndarray,
    passed: np.ndarray,
    triangles: np.ndarray,
    facets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # pragma: no cover - compiled
    hits = np.full(len(origins), NOTHING, dtype=np.int64)
    parts = np.full(len(origins), np.inf)
    for r in range(len(origins)):
        ox, oy, oz = origins[r, 0], origins[r, 1], origins[r, 2]
        dx, dy, dz = ways[r, 0], ways[r, 1], ways[r, 2]
        hits[r], parts[r] = nearest_facet(ox, oy, oz, dx, dy, dz, passed[r], triangles, facets)
    return hits, parts
