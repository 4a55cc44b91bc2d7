"""A performer as the camera sees it: the axes in which joints are estimated, and voxels.

Axes of a view: x away from the camera along the floor, y to the left, z up from the floor, metres;
the origin is on the floor below the middle of the cloud. So what is hidden is always behind, and
heights are those over the floor, whatever the place in the room. The camera is above the world's
origin, as `capture.take.level` puts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from capture.errors import DataError

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, Int32

Points: TypeAlias = "Float32[np.ndarray, 'points 3']"
Joints: TypeAlias = "Float32[np.ndarray, 'joints 3']"

FEATURES = 6
"""Of a voxel: where it is (x, y, z), and where in it the mean of its points is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPerformer:
    """A cloud and the true joints, in the axes of the view."""

    points_m: Points
    joints_m: Joints


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """From where a performer is seen.

    Attributes:
        middle_m: Point of the floor below the middle of the cloud, world frame.
        yaw_rad: Direction in which the camera looks at it, anticlockwise from +x.
    """

    middle_m: Float64[np.ndarray, "3"]
    yaw_rad: float

    def from_world(self, points_m: Float[np.ndarray, "*batch 3"]) -> Float32[np.ndarray, "..."]:
        """Turn points of the world to the axes of the view."""
        turned = (np.asarray(points_m, np.float64) - self.middle_m) @ self._axes().T
        return turned.astype(np.float32)

    def to_world(self, points_m: Float[np.ndarray, "*batch 3"]) -> Float32[np.ndarray, "..."]:
        """Turn points in the axes of the view to the world's."""
        return (np.asarray(points_m, np.float64) @ self._axes() + self.middle_m).astype(np.float32)

    def _axes(self) -> Float64[np.ndarray, "3 3"]:
        cosine, sine = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def view_of(points_m: Float[np.ndarray, "points 3"]) -> View:
    """Return the view of a performer's cloud, in the world frame.

    Raises:
        DataError: There is no point.
    """
    if len(points_m) == 0:
        raise DataError("a performer's cloud holds no point: segment the take again.")
    middle = np.median(np.asarray(points_m, np.float64), axis=0)
    middle[2] = 0.0
    return View(middle_m=middle, yaw_rad=float(np.arctan2(middle[1], middle[0])))


def voxels_of(
    points_m: Points, voxel_m: float
) -> tuple[Int32[np.ndarray, "voxels 3"], Float32[np.ndarray, "voxels 6"]]:
    """Put points in the axes of a view into voxels, and describe each by the mean of its points."""
    cells = np.floor(points_m / np.float32(voxel_m)).astype(np.int32)
    low = cells.min(axis=0)
    spans = (cells.max(axis=0) - low + 1).astype(np.int64)
    offsets = (cells - low).astype(np.int64)
    keys = (offsets[:, 0] * spans[1] + offsets[:, 1]) * spans[2] + offsets[:, 2]
    _, first, inverse, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    coordinates = cells[first]
    means = np.stack(
        [np.bincount(inverse, weights=axis, minlength=len(first)) for axis in points_m.T], axis=1
    )
    means /= counts[:, None]
    inside = means / voxel_m - coordinates - 0.5
    return coordinates, np.concatenate([means, inside], axis=1).astype(np.float32)
