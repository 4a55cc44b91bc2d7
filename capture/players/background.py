"""Find what belongs to the room, floor and walls, and take it out of images.

It is found once for a take. Points are in the world frame: z up, the floor near z = 0, the first
camera above the origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64
from numba import njit

from capture.players.segment import SegmentConfig

_WALL_TRIES = 400
_WALL_POINTS = 5000
_WALL_CHECKS = 20
ORIGIN_M = np.zeros((1, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Floor and walls of a take.

    Attributes:
        floor: (a, b, c): the floor's height is a·x + b·y + c.
        walls: Rows (nx, ny, d): the wall is where nx·x + ny·y = d; the room is on the side of
            smaller values.
    """

    floor: Float64[np.ndarray, "3"]
    walls: Float64[np.ndarray, "walls 3"]

    def foreground(
        self,
        points_m: Float[np.ndarray, "points 3"],
        config: SegmentConfig,
        eyes_m: Float64[np.ndarray, "cameras 3"] = ORIGIN_M,
    ) -> Bool[np.ndarray, "points"]:
        """Return which points belong neither to the room nor lie out of the cameras' reach."""
        return _stands_out(
            points_m,
            self.floor,
            self.walls,
            np.ascontiguousarray(eyes_m[:, :2]),
            (config.floor_m, config.ceiling_m),
            (config.near_m**2, config.far_m**2),
            config.wall_m,
        )


def find_background(
    clouds_m: Sequence[Float[np.ndarray, "points 3"]],
    config: SegmentConfig,
    rng: np.random.Generator,
) -> Background:
    """Find floor and walls from some images of a take.

    A wall is an upright plane, taller and wider than people, filled with points, and with next to
    nothing behind it. The room may have none.

    Args:
        clouds_m: Clouds in the world frame.
        config: Distances.
        rng: Draws the points that planes are tried through.
    """
    share = max(1, sum(len(cloud) for cloud in clouds_m) // (4 * _WALL_POINTS))
    points = np.concatenate([cloud[::share] for cloud in clouds_m]).astype(np.float64)
    floor = _fit_floor(points)
    upright = points[points[:, 2] > 0.3]
    walls: list[Float64[np.ndarray, "3"]] = []
    rest = upright
    for _ in range(config.largest_walls):
        wall = _find_wall(rest, upright, config, rng)
        if wall is None:
            break
        walls.append(wall)
        rest = rest[rest[:, :2] @ wall[:2] < wall[2] - config.wall_m]
    return Background(floor=floor, walls=np.array(walls).reshape(-1, 3))


def _fit_floor(points: Float64[np.ndarray, "points 3"]) -> Float64[np.ndarray, "3"]:
    """Fit the floor's plane to what lies near z = 0, in rounds with a narrowing band."""
    floor = np.zeros(3)
    for band_m in (0.12, 0.06, 0.03):
        height = points[:, 2] - (points[:, :2] @ floor[:2] + floor[2])
        near = points[np.abs(height) < band_m]
        if len(near) < 50:
            return floor
        design = np.column_stack([near[:, :2], np.ones(len(near))])
        floor = np.linalg.lstsq(design, near[:, 2], rcond=None)[0]
        if np.hypot(floor[0], floor[1]) > np.tan(np.radians(6.0)):
            return np.zeros(3)  # that is a stair or a table: the world's own level is better
    return floor


def _find_wall(
    candidates: Float64[np.ndarray, "candidates 3"],
    everything: Float64[np.ndarray, "points 3"],
    config: SegmentConfig,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "3"] | None:
    """Return the wall (nx, ny, d) with the most points, or None.

    Source: Fischler and Bolles 1981 (RANSAC), with planes held upright, so that two points make
    one.
    """
    if len(candidates) < 200:
        return None
    if len(candidates) > _WALL_POINTS:
        candidates = candidates[rng.choice(len(candidates), _WALL_POINTS, replace=False)]
    pairs = candidates[rng.integers(0, len(candidates), (_WALL_TRIES, 2)), :2]
    along = pairs[:, 1] - pairs[:, 0]
    length = np.linalg.norm(along, axis=1)
    pairs, along, length = (each[length > 0.3] for each in (pairs, along, length))
    normals = np.column_stack([along[:, 1], -along[:, 0]]) / length[:, None]
    offsets = np.sum(normals * pairs[:, 0], axis=1)
    flip = np.where(offsets < 0, -1.0, 1.0)  # the camera, at the origin, is inside
    normals, offsets = normals * flip[:, None], offsets * flip
    beyond = candidates[:, :2] @ normals.T - offsets
    inside = np.count_nonzero(np.abs(beyond) < config.wall_m / 2, axis=0)
    behind = np.count_nonzero(beyond > config.wall_m, axis=0)
    score = np.where(behind <= 0.01 * len(candidates), inside, 0)
    for best in np.argsort(-score)[:_WALL_CHECKS]:
        if score[best] < 0.03 * len(candidates):
            return None
        wall = _refined(everything, normals[best], float(offsets[best]), config)
        if wall is not None:
            return wall
    return None


def _refined(
    points: Float64[np.ndarray, "points 3"],
    normal: Float64[np.ndarray, "2"],
    offset: float,
    config: SegmentConfig,
) -> Float64[np.ndarray, "3"] | None:
    """Fit the plane to its points; None if they do not fill a wall."""
    on = points[np.abs(points[:, :2] @ normal - offset) < config.wall_m / 2]
    if len(on) < 50:
        return None
    centre = on[:, :2].mean(axis=0)
    direction = np.linalg.svd(on[:, :2] - centre, full_matrices=False)[2]
    fitted = direction[1] if direction[1] @ normal > 0 else -direction[1]
    # A wall is flat: half of its points lie nearer to its plane than the sensor's noise. The fronts
    # of people side by side are round.
    from_plane = np.abs((points[:, :2] - centre) @ fitted)
    if np.median(from_plane[from_plane < 1.5 * config.wall_m]) > config.wall_m / 5:
        return None
    along = (on[:, :2] - centre) @ direction[0]
    left, right = np.percentile(along, [2, 98])
    low, high = np.percentile(on[:, 2], [2, 98])
    if right - left < 0.8 or high - low < 1.2:
        return None
    cells = np.unique(np.floor(np.column_stack([along, on[:, 2]]) / 0.15).astype(int), axis=0)
    filled = len(cells) * 0.15**2 / ((right - left) * (high - low))
    if filled < 0.5 or len(cells) * 0.15**2 < 1.5:
        return None
    return np.array([*fitted, float(fitted @ centre)])


@njit(cache=True, nogil=True)
def _stands_out(
    points_m: np.ndarray,
    floor: np.ndarray,
    walls: np.ndarray,
    eyes_m: np.ndarray,
    heights_m: tuple[float, float],
    reaches_m2: tuple[float, float],
    wall_m: float,
) -> np.ndarray:
    kept = np.zeros(len(points_m), np.bool_)
    for point in range(len(points_m)):
        x, y, z = points_m[point, 0], points_m[point, 1], points_m[point, 2]
        height_m = z - (floor[0] * x + floor[1] * y + floor[2])
        if not heights_m[0] < height_m < heights_m[1]:
            continue
        nearest_m2 = np.inf
        for eye in range(len(eyes_m)):
            nearest_m2 = min(nearest_m2, (x - eyes_m[eye, 0]) ** 2 + (y - eyes_m[eye, 1]) ** 2)
        if not reaches_m2[0] < nearest_m2 < reaches_m2[1]:
            continue
        inside = True
        for wall in range(len(walls)):
            inside &= walls[wall, 0] * x + walls[wall, 1] * y < walls[wall, 2] - wall_m
        kept[point] = inside
    return kept
