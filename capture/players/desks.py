"""Find the desks of music stands among occupied voxels, also where they touch a player.

A desk leans towards the player, so that a camera before the ensemble sees its back: a flat piece
that faces the camera and downwards. Fronts of cellos and basses are flat too, but lean the other
way; the back of a violin faces down, but is smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from numba import njit

from capture.players.segment import Components, connected
from capture.players.view import EYE_M

_ONE_EYE_M = EYE_M[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskConfig:
    """What a desk is.

    Attributes:
        flat_m: A voxel and its neighbours lie this near to one plane (standard deviation).
        down: Least and most that the normal, of unit length, points down.
        least_area_m2: Such voxels that hang together cover at least this.
        thickness_m: All together are no thicker than this.
    """

    flat_m: float = 0.008
    down: tuple[float, float] = (0.3, 0.92)
    least_area_m2: float = 0.075
    thickness_m: float = 0.012


def find_desks(
    image: Components,
    voxel_m: float,
    config: DeskConfig,
    eyes_m: Float64[np.ndarray, "cameras 3"] = _ONE_EYE_M,
) -> Bool[np.ndarray, "voxels"]:
    """Return which voxels belong to desks, which show their backs to the nearest camera."""
    desks = np.zeros(len(image.cells), dtype=bool)
    if len(image.cells) * voxel_m**2 < config.least_area_m2:
        return desks
    flat = np.flatnonzero(_face_down(image, config, eyes_m))
    pieces = connected(image.cells[flat])
    centroids = image.centroids_m
    for piece in np.flatnonzero(np.bincount(pieces) * voxel_m**2 >= config.least_area_m2):
        rows = flat[pieces == piece]
        off = centroids[rows] - centroids[rows].mean(axis=0)
        _, spread, axes = np.linalg.svd(off, full_matrices=False)
        if spread[2] > config.thickness_m * np.sqrt(len(rows)):
            continue
        # The rim, whose neighbourhoods reach beyond the desk, lies in the same plane.
        beyond = centroids - centroids[rows].mean(axis=0)
        near = np.abs(beyond @ axes[2]) < 2 * config.thickness_m
        for axis in axes[:2]:
            along = off @ axis
            place = beyond @ axis
            near &= (place > along.min() - voxel_m) & (place < along.max() + voxel_m)
        desks |= near
    return desks


def without_desks(
    image: Components,
    voxel_m: float,
    config: DeskConfig,
    eyes_m: Float64[np.ndarray, "cameras 3"] = _ONE_EYE_M,
) -> Components:
    """Return the image without the desks of music stands, which are nobody's."""
    return image.select(~find_desks(image, voxel_m, config, eyes_m))


def _face_down(
    image: Components, config: DeskConfig, eyes_m: Float64[np.ndarray, "cameras 3"]
) -> Bool[np.ndarray, "voxels"]:
    """Return which voxels lie, with their neighbours, in a plane that is seen from below."""
    covariances = _local_covariances(image)
    flat = np.flatnonzero(_may_be_flat(covariances, config.flat_m))
    values, vectors = np.linalg.eigh(covariances[flat])
    normals = vectors[:, :, 0]
    away = eyes_m - image.centroids_m[flat, None]
    nearest = np.linalg.norm(away, axis=2).argmin(axis=1)
    seen_from = away[np.arange(len(flat)), nearest]
    normals = normals * np.where(np.sum(normals * seen_from, axis=1) < 0, -1.0, 1.0)[:, None]
    least, most = config.down
    down = -normals[:, 2]
    desks = (values[:, 0] < config.flat_m**2) & (values[:, 1] > (4 * config.flat_m) ** 2)
    found = np.zeros(len(image.cells), dtype=bool)
    found[flat] = desks & (down >= least) & (down <= most)
    return found


def _may_be_flat(
    covariances: Float64[np.ndarray, "voxels 3 3"], flat_m: float
) -> Bool[np.ndarray, "voxels"]:
    """Return where the smallest eigenvalue is below flat_m²: where C − flat_m² I is not positive.

    Source: Sylvester's criterion. Nine in ten voxels need no eigenvectors.
    """
    a, b, c = (covariances[:, axis, axis] - flat_m**2 for axis in range(3))
    d, e, f = covariances[:, 0, 1], covariances[:, 0, 2], covariances[:, 1, 2]
    minor = a * b - d * d
    whole = c * minor + 2 * d * e * f - a * f * f - b * e * e
    return ~((a > 0) & (minor > 0) & (whole > 0))


def _local_covariances(image: Components) -> Float64[np.ndarray, "voxels 3 3"]:
    """Return how the centroids of each voxel and its 26 neighbours spread."""
    origin = image.cells.min(axis=0) - 1
    places = image.cells - origin
    row_at = np.full(places.max(axis=0) + 2, -1, dtype=np.int64)
    row_at[tuple(places.T)] = np.arange(len(places))
    return _spread(row_at, places, image.centroids_m)


@njit(cache=True, nogil=True)
def _spread(row_at: np.ndarray, places: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return the covariance of the centroids of each voxel and its neighbours.

    Sums are about the voxel itself, so that no digits are lost.
    """
    found = np.empty((len(places), 3, 3))
    first = np.empty(3)
    off = np.empty(3)
    for row in range(len(places)):
        first[:] = 0.0
        second = found[row]
        second[:] = 0.0
        count = 0
        for step in range(27):
            x, y, z = step // 9 - 1, step // 3 % 3 - 1, step % 3 - 1
            other = row_at[places[row, 0] + x, places[row, 1] + y, places[row, 2] + z]
            if other < 0:
                continue
            count += 1
            for a in range(3):
                off[a] = centroids[other, a] - centroids[row, a]
                first[a] += off[a]
            for a in range(3):
                for b in range(3):
                    second[a, b] += off[a] * off[b]
        for a in range(3):
            for b in range(3):
                second[a, b] = second[a, b] / count - first[a] * first[b] / (count * count)
    return found
