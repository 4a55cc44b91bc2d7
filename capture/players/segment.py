"""Cut one point cloud into the things that stand in it, background removed.

Points are in the world frame: z up, the floor near z = 0, the camera above the origin, x where it
looks. What belongs to the room (floor, walls, ceiling) is found once for a take; in each image the
rest falls into components of occupied voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Float64, Int32, Int64

_WALL_TRIES = 400
_WALL_POINTS = 5000
_WALL_CHECKS = 20
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentConfig:
    """How images are cut.

    Attributes:
        voxel_m: Side of a voxel. Things nearer to each other than about this are one component.
        points_in_voxel: A voxel with fewer points is noise.
        floor_m: Points below this height over the floor belong to it.
        wall_m: Points nearer than this to a wall, or behind it, belong to it.
        ceiling_m: Points above this height are nobody's.
        near_m: Points nearer to the camera, along the floor, are nobody's.
        far_m: Points farther from it are nobody's.
        largest_walls: How many walls are looked for.
    """

    voxel_m: float = 0.05
    points_in_voxel: int = 2
    floor_m: float = 0.06
    wall_m: float = 0.08
    ceiling_m: float = 2.5
    near_m: float = 0.4
    far_m: float = 4.2
    largest_walls: int = 4

    def __post_init__(self) -> None:
        if self.voxel_m <= 0 or self.points_in_voxel < 1:
            raise ValueError(
                "voxel_m must be positive and points_in_voxel at least 1, got "
                f"{self.voxel_m} and {self.points_in_voxel}."
            )


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
        self, points_m: Float[np.ndarray, "points 3"], config: SegmentConfig
    ) -> Bool[np.ndarray, "points"]:
        """Return which points belong neither to the room nor lie out of reach."""
        x, y, z = points_m[:, 0], points_m[:, 1], points_m[:, 2]
        a, b, c = self.floor.astype(points_m.dtype)
        height = z - (a * x + b * y + c)
        reach = np.hypot(x, y)
        keep = (height > config.floor_m) & (height < config.ceiling_m)
        keep &= (reach > config.near_m) & (reach < config.far_m)
        for nx, ny, d in self.walls.astype(points_m.dtype):
            keep &= nx * x + ny * y < d - config.wall_m
        return keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Occupied voxels of one image and what hangs together.

    Attributes:
        cells: Integer coordinates of each occupied voxel.
        labels: Component of each voxel, 0 … count − 1.
        count: How many components there are.
        point_counts: Points in each voxel.
        point_sums_m: Their sum, so that centroids need no points.
        point_cells: Row in `cells` of each foreground point; −1 for noise.
    """

    cells: Int64[np.ndarray, "voxels 3"]
    labels: Int32[np.ndarray, "voxels"]
    count: int
    point_counts: Int64[np.ndarray, "voxels"]
    point_sums_m: Float64[np.ndarray, "voxels 3"]
    point_cells: Int64[np.ndarray, "points"]

    @property
    def centroids_m(self) -> Float64[np.ndarray, "voxels 3"]:
        """The mean of the points in each voxel."""
        return self.point_sums_m / self.point_counts[:, None]

    def select(self, keep: Bool[np.ndarray, "voxels"]) -> Components:
        """Return some of the voxels, and what hangs together without the others."""
        if keep.all():
            return self
        labels = connected(self.cells[keep])
        row = np.append(np.where(keep, np.cumsum(keep) - 1, -1), -1)
        return Components(
            cells=self.cells[keep],
            labels=labels,
            count=int(labels.max(initial=-1)) + 1,
            point_counts=self.point_counts[keep],
            point_sums_m=self.point_sums_m[keep],
            point_cells=row[self.point_cells],
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


def components(points_m: Float[np.ndarray, "points 3"], config: SegmentConfig) -> Components:
    """Return the voxels that foreground points occupy and their connected components."""
    if len(points_m) == 0:
        return Components(
            cells=np.zeros((0, 3), np.int64),
            labels=np.zeros(0, np.int32),
            count=0,
            point_counts=np.zeros(0, np.int64),
            point_sums_m=np.zeros((0, 3)),
            point_cells=np.zeros(0, np.int64),
        )
    coordinates = np.floor(points_m / config.voxel_m).astype(np.int64)
    origin = coordinates.min(axis=0)
    shape = tuple(int(size) for size in coordinates.max(axis=0) - origin + 1)
    flat = np.ravel_multi_index(tuple((coordinates - origin).T), shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
    occupied = counts >= config.points_in_voxel
    places = np.argwhere(occupied)
    row = np.full(int(np.prod(shape)), -1, dtype=np.int64)
    row[np.ravel_multi_index(tuple(places.T), shape)] = np.arange(len(places))
    point_cells = row[flat]
    known = point_cells >= 0
    sums = [
        np.bincount(point_cells[known], points_m[known, axis], minlength=len(places))
        for axis in range(3)
    ]
    labels = connected(places)
    return Components(
        cells=places + origin,
        labels=labels,
        count=int(labels.max(initial=-1)) + 1,
        point_counts=counts[occupied],
        point_sums_m=np.stack(sums, axis=1),
        point_cells=point_cells,
    )


def connected(cells: Int64[np.ndarray, "voxels 3"]) -> Int32[np.ndarray, "voxels"]:
    """Return the component, 0 …, of each voxel; neighbours share a face, an edge or a corner."""
    if len(cells) == 0:
        return np.zeros(0, np.int32)
    places = tuple((cells - cells.min(axis=0)).T)
    occupied = np.zeros([int(place.max()) + 1 for place in places], dtype=bool)
    occupied[places] = True
    volume = np.zeros(occupied.shape, dtype=np.int32)
    scipy.ndimage.label(occupied, structure=_NEIGHBOURS, output=volume)
    return volume[places] - 1


def thickness_m(points_m: Float[np.ndarray, "points 3"]) -> float:
    """Return the standard deviation of points across the plane that fits them best."""
    if len(points_m) == 0:
        return 0.0
    off = points_m - points_m.mean(axis=0)
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(off.T @ off / len(off))[0])))


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
