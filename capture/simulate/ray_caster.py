"""Casting one ray a pixel through a lens with distortion at triangle meshes.

Every pixel has its own ray (x, y, 1), so a lens with distortion is exact. Vertices are projected
through the lens to find which pixels a triangle can cover; just those rays are tested.

A ray d from the origin meets the triangle (v0, v1, v2) where z d = z (a v0 + b v1 + c v2) with
a + b + c = 1/z. By Cramer's rule a = d·(v1 × v2)/det, b = d·(v2 × v0)/det, c = d·(v0 × v1)/det,
det = v0·(v1 × v2); the ray is inside where a, b and c are not negative. Triangles turned away
(det > 0: meshes are closed and wound anticlockwise) are skipped.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from numba import njit

from capture.camera.lens import CameraModel

NOTHING = -1
"""Face index of a pixel that no triangle covers."""

_BEND_SHARE = 0.03
"""Distortion bends the edge of a large triangle out of the box of its corners by at most this."""


def cast_rays(
    vertices_m: Float32[np.ndarray, "V 3"],
    faces: Int32[np.ndarray, "F 3"],
    camera: CameraModel,
    background_m: Float32[np.ndarray, "rows columns"],
) -> tuple[Float32[np.ndarray, "rows columns"], Int32[np.ndarray, "rows columns"]]:
    """Find the nearest triangle that each pixel sees.

    Args:
        vertices_m: In the camera's axes (X right, Y down, Z forward).
        faces: Closed meshes, anticlockwise seen from outside.
        camera: Lens and image size.
        background_m: Depth of what lies behind the meshes; infinite where nothing does.

    Returns:
        Depth (Z, metres) and face index (`NOTHING` for the background).
    """
    depth = background_m.astype(np.float32, copy=True)
    index = np.full(camera.shape, NOTHING, np.int32)
    vertices = np.ascontiguousarray(vertices_m, np.float32)
    pixels = camera.project(vertices).astype(np.float32, copy=False)
    _cast(vertices, pixels, faces, camera.rays(), depth, index)
    return depth, index


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "arcp"})
def _cast(
    vertices: np.ndarray,
    pixels: np.ndarray,
    faces: np.ndarray,
    rays: np.ndarray,
    depth: np.ndarray,
    index: np.ndarray,
) -> None:
    rows, columns = depth.shape
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, z0 = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        x1, y1, z1 = vertices[j, 0], vertices[j, 1], vertices[j, 2]
        x2, y2, z2 = vertices[k, 0], vertices[k, 1], vertices[k, 2]
        ax, ay, az = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
        determinant = x0 * ax + y0 * ay + z0 * az
        if determinant >= -1e-12:
            continue
        left = min(pixels[i, 0], pixels[j, 0], pixels[k, 0])
        right = max(pixels[i, 0], pixels[j, 0], pixels[k, 0])
        top = min(pixels[i, 1], pixels[j, 1], pixels[k, 1])
        bottom = max(pixels[i, 1], pixels[j, 1], pixels[k, 1])
        if not (right - left < 1e6 and bottom - top < 1e6):
            continue  # a corner behind the camera or outside the lens
        # Small triangles have straight edges, and whole pixels inside their box.
        margin = _BEND_SHARE * max(right - left, bottom - top)
        first_column = max(0, int(np.ceil(left - margin - 0.01)))
        last_column = min(columns - 1, int(np.floor(right + margin + 0.01)))
        first_row = max(0, int(np.ceil(top - margin - 0.01)))
        last_row = min(rows - 1, int(np.floor(bottom + margin + 0.01)))
        if first_column > last_column or first_row > last_row:
            continue
        inverse = np.float32(1.0) / determinant
        ax, ay, az = ax * inverse, ay * inverse, az * inverse
        bx, by, bz = (
            (y2 * z0 - z2 * y0) * inverse,
            (z2 * x0 - x2 * z0) * inverse,
            (x2 * y0 - y2 * x0) * inverse,
        )
        cx, cy, cz = (
            (y0 * z1 - z0 * y1) * inverse,
            (z0 * x1 - x0 * z1) * inverse,
            (x0 * y1 - y0 * x1) * inverse,
        )
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                x, y = rays[row, column, 0], rays[row, column, 1]
                a = ax * x + ay * y + az
                b = bx * x + by * y + bz
                c = cx * x + cy * y + cz
                # A ray outside the lens is NaN and fails.
                if a >= -1e-6 and b >= -1e-6 and c >= -1e-6:
                    z = np.float32(1.0) / (a + b + c)
                    if z < depth[row, column]:
                        depth[row, column] = z
                        index[row, column] = f


def face_normals(
    vertices_m: Float32[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]
) -> Float32[np.ndarray, "F 3"]:
    """Return the outward unit normal of every face (zero for a face without area)."""
    return _face_normals(np.ascontiguousarray(vertices_m, np.float32), faces)


@njit(cache=True, nogil=True)
def _face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    normals = np.zeros((faces.shape[0], 3), np.float32)
    for f in range(faces.shape[0]):
        p, q, r = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        ux, uy, uz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        vx, vy, vz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        if length > 0:
            normals[f, 0] = nx / length
            normals[f, 1] = ny / length
            normals[f, 2] = nz / length
    return normals


def shade(
    vertices_m: Float32[np.ndarray, "V 3"],
    faces: Int32[np.ndarray, "F 3"],
    vertex_colors: UInt8[np.ndarray, "V 3"],
    vertex_light: Float32[np.ndarray, "V"],
    camera: CameraModel,
    index: Int32[np.ndarray, "rows columns"],
    image: Float32[np.ndarray, "rows columns 3"],
) -> None:
    """Paint the pixels that see a triangle, in place.

    The light is interpolated between the corners (Gouraud); the color is the nearest corner's, so
    that the border of two materials stays sharp.
    """
    _shade(
        np.ascontiguousarray(vertices_m, np.float32),
        faces,
        vertex_colors,
        vertex_light,
        camera.rays(),
        index,
        image,
    )


@njit(cache=True, nogil=True)
def _shade(
    vertices: np.ndarray,
    faces: np.ndarray,
    colors: np.ndarray,
    light: np.ndarray,
    rays: np.ndarray,
    index: np.ndarray,
    image: np.ndarray,
) -> None:
    rows, columns = index.shape
    for row in range(rows):
        for column in range(columns):
            f = index[row, column]
            if f < 0:
                continue
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            x0, y0, z0 = vertices[i, 0], vertices[i, 1], vertices[i, 2]
            x1, y1, z1 = vertices[j, 0], vertices[j, 1], vertices[j, 2]
            x2, y2, z2 = vertices[k, 0], vertices[k, 1], vertices[k, 2]
            x, y = rays[row, column, 0], rays[row, column, 1]
            a = x * (y1 * z2 - z1 * y2) + y * (z1 * x2 - x1 * z2) + (x1 * y2 - y1 * x2)
            b = x * (y2 * z0 - z2 * y0) + y * (z2 * x0 - x2 * z0) + (x2 * y0 - y2 * x0)
            c = x * (y0 * z1 - z0 * y1) + y * (z0 * x1 - x0 * z1) + (x0 * y1 - y0 * x1)
            total = a + b + c
            if total == 0:
                continue
            a, b, c = a / total, b / total, c / total
            near = i if a >= b and a >= c else (j if b >= c else k)
            brightness = a * light[i] + b * light[j] + c * light[k]
            for channel in range(3):
                image[row, column, channel] = brightness * colors[near, channel]
