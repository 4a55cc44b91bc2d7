"""Triangle meshes of simple solids, closed and wound anticlockwise seen from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8

Color = tuple[int, int, int]

EBONY: Color = (28, 25, 24)
METAL: Color = (150, 150, 155)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Colored triangles.

    Attributes:
        vertices_m: Shape (V, 3).
        faces: Shape (F, 3).
        colors: Shape (V, 3), RGB.
    """

    vertices_m: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    colors: UInt8[np.ndarray, "V 3"]

    def moved(self, rotation: np.ndarray, translation: np.ndarray) -> Mesh:
        """Return the mesh turned, then shifted."""
        vertices = self.vertices_m @ np.asarray(rotation, np.float32).T
        vertices += np.asarray(translation, np.float32)
        return Mesh(vertices_m=vertices, faces=self.faces, colors=self.colors)

    def resized(self, factor: float) -> Mesh:
        """Return the mesh so many times as large, about the origin."""
        vertices = self.vertices_m * np.float32(factor)
        return Mesh(vertices_m=vertices, faces=self.faces, colors=self.colors)


def make_mesh(vertices: np.ndarray, faces: np.ndarray, color: Color) -> Mesh:
    """Return a mesh of one color."""
    return Mesh(
        vertices_m=np.asarray(vertices, np.float32),
        faces=np.asarray(faces, np.int32),
        colors=np.tile(np.array(color, np.uint8), (len(vertices), 1)),
    )


def join(parts: Sequence[Mesh]) -> Mesh:
    """Return all parts as one mesh."""
    counts = np.cumsum([0, *(len(part.vertices_m) for part in parts[:-1])])
    return Mesh(
        vertices_m=np.concatenate([part.vertices_m for part in parts]),
        faces=np.concatenate(
            [part.faces + np.int32(count) for part, count in zip(parts, counts, strict=True)]
        ),
        colors=np.concatenate([part.colors for part in parts]),
    )


def box(size_m: Sequence[float], center_m: Sequence[float], color: Color) -> Mesh:
    """Return a box with sides along the axes."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    vertices = signs * np.asarray(size_m) / 2 + np.asarray(center_m)
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = [triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))]
    return make_mesh(vertices, np.array(faces), color)


def loft(rings: np.ndarray, color: Color) -> Mesh:
    """Return the closed solid through a stack of rings, with flat ends.

    Args:
        rings: Shape (rings, points, 3); each runs anticlockwise seen from the last ring's side.
        color: RGB.
    """
    count, points, _ = rings.shape
    here = np.arange(points)
    following = (here + 1) % points
    faces: list[np.ndarray] = []
    for ring in range(count - 1):
        base, above = ring * points, (ring + 1) * points
        faces.append(np.stack([base + here, base + following, above + following], axis=1))
        faces.append(np.stack([base + here, above + following, above + here], axis=1))
    first, last = count * points, count * points + 1
    faces.append(np.stack([np.full(points, first), following, here], axis=1))
    top = (count - 1) * points
    faces.append(np.stack([np.full(points, last), top + here, top + following], axis=1))
    vertices = np.concatenate([rings.reshape(-1, 3), rings[[0, -1]].mean(axis=1)])
    return make_mesh(vertices, np.concatenate(faces), color)


def tube(path_m: np.ndarray, radii_m: np.ndarray | float, color: Color, sides: int = 10) -> Mesh:
    """Return a round tube of varying radius along a path.

    Args:
        path_m: Shape (points, 3).
        radii_m: Radius at each point, or one for all.
        color: RGB.
        sides: Corners of a cross-section.
    """
    path = np.asarray(path_m, np.float64)
    radii = np.broadcast_to(radii_m, len(path))
    tangents = np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    mean = tangents.mean(axis=0)
    side = np.eye(3)[np.argmin(np.abs(mean) + np.abs(tangents).max(axis=0))]
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rings: list[np.ndarray] = []
    for point, tangent, radius in zip(path, tangents, radii, strict=True):
        u = side - tangent * (side @ tangent)
        u /= np.linalg.norm(u)
        v = np.cross(tangent, u)
        rings.append(point + radius * (np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * v))
    return loft(np.array(rings), color)


def rod(
    start_m: Sequence[float] | np.ndarray,
    stop_m: Sequence[float] | np.ndarray,
    radius_m: float,
    color: Color,
) -> Mesh:
    """Return a straight round rod."""
    return tube(np.array([start_m, stop_m], np.float64), radius_m, color, sides=6)
