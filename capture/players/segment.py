"""Cut the points that stand in a room into things: components of occupied voxels.

Points are in the world frame: z up, the floor near z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Float64, Int32, Int64
from numba import njit

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
        near_m: Points nearer to the nearest camera, along the floor, are nobody's.
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
    voxel = points_m.dtype.type(config.voxel_m)
    low, high = _extent(points_m)
    origin = np.floor(low / voxel).astype(np.int64)
    shape = np.floor(high / voxel).astype(np.int64) - origin + 1
    cell_of, counts = _count(points_m, voxel, origin, shape)
    occupied = np.flatnonzero(counts >= config.points_in_voxel)
    row = np.full(len(counts), -1)
    row[occupied] = np.arange(len(occupied))
    point_cells, sums = _add_up(points_m, cell_of, row, len(occupied))
    places = np.stack(np.unravel_index(occupied, tuple(shape.tolist())), axis=1)
    labels = connected(places)
    return Components(
        cells=places + origin,
        labels=labels,
        count=int(labels.max(initial=-1)) + 1,
        point_counts=counts[occupied],
        point_sums_m=sums,
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


@njit(cache=True, nogil=True)
def _extent(points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest coordinates: NumPy's own take five times as long."""
    low, high = points_m[0].copy(), points_m[0].copy()
    for point in range(1, len(points_m)):
        for axis in range(3):
            low[axis] = min(low[axis], points_m[point, axis])
            high[axis] = max(high[axis], points_m[point, axis])
    return low, high


@njit(cache=True, nogil=True)
def _count(
    points_m: np.ndarray, voxel_m: float, origin: np.ndarray, shape: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's voxel in the box, and how many points each voxel of the box holds."""
    cells = np.empty(len(points_m), np.int64)
    counts = np.zeros(shape[0] * shape[1] * shape[2], np.int64)
    for point in range(len(points_m)):
        cell = 0
        for axis in range(3):
            place = np.int64(np.floor(points_m[point, axis] / voxel_m)) - origin[axis]
            cell = cell * shape[axis] + place
        cells[point] = cell
        counts[cell] += 1
    return cells, counts


@njit(cache=True, nogil=True)
def _add_up(
    points_m: np.ndarray, cells: np.ndarray, row_of: np.ndarray, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's row, and the sum of the points of each row."""
    point_rows = np.empty(len(cells), np.int64)
    sums = np.zeros((rows, 3))
    for point in range(len(cells)):
        row = row_of[cells[point]]
        point_rows[point] = row
        if row >= 0:
            for axis in range(3):
                sums[row, axis] += points_m[point, axis]
    return point_rows, sums
