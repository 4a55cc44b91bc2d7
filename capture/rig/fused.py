"""The clouds of several cameras as one, at the times of the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64

from capture.errors import DataError
from capture.point_cloud import PointCloud
from capture.pose import Pose
from capture.rig.lag import Lag
from capture.take import Take

_LATEST_S = 0.05


class FusedImages:
    """Depth images of several takes in one world; what `find_performers` looks at.

    Attributes:
        times_s: Of the first take, where all others have an image within 50 ms.
    """

    def __init__(
        self,
        takes: Sequence[Take],
        world_from_cameras: Sequence[Pose] | None = None,
        *,
        lags: Sequence[Lag] | None = None,
        voxel_m: float | None = 0.01,
    ) -> None:
        """Pair images up.

        Args:
            takes: Of one scene at the same time.
            world_from_cameras: Of each; None: as their take.json say.
            lags: Of each, how much later its times are than those of the first; None: not at all.
            voxel_m: Keep one point a cube of this side; None: all.

        Raises:
            ValueError: There is no take, or not one pose and lag each.
            DataError: The takes share no time.
        """
        known = [Lag()] * len(takes) if lags is None else list(lags)
        poses = world_from_cameras or [take.world_from_camera for take in takes]
        if not takes or len(known) != len(takes) or len(poses) != len(takes):
            raise ValueError("fusing needs takes, and a pose and a lag for each.")
        self._takes = tuple(takes)
        self._poses = tuple(poses)
        self._voxel_m = voxel_m
        first_s = takes[0].times_s
        wanted = [first_s + lag.at(first_s) for lag in known]
        rows = [
            np.array([take.index_at(float(time)) for time in times])
            for take, times in zip(takes, wanted, strict=True)
        ]
        off = [
            np.abs(take.times_s[row] - times)
            for take, row, times in zip(takes, rows, wanted, strict=True)
        ]
        paired = np.all(np.array(off) < _LATEST_S, axis=0)
        if not paired.any():
            raise DataError(
                f"{takes[0].path}: the takes share no time: no two images are within "
                f"{_LATEST_S:g} s. Give the lag of each."
            )
        self._rows = np.stack(rows, axis=1)[paired]
        self.times_s: Float64[np.ndarray, "images"] = first_s[paired]

    @property
    def world_from_cameras(self) -> tuple[Pose, ...]:
        """Where each depth camera is in the shared world."""
        return self._poses

    def camera_points_m(self, index: int) -> list[Float32[np.ndarray, "points 3"]]:
        """Return the points of each camera at one time, in the shared world.

        Raises:
            IndexError: There is no such image.
            DataError: An image is broken.
        """
        return [cloud.positions_m for cloud in self._clouds(index, color=False)]

    def image_point_cloud(self, index: int, *, color: bool = True) -> PointCloud:
        """Return the points of all cameras at one time, in the shared world.

        Raises:
            IndexError: There is no such image.
            DataError: An image is broken.
        """
        clouds = self._clouds(index, color=color)
        colored = all(cloud.colors is not None for cloud in clouds)
        colors = [cloud.colors for cloud in clouds if cloud.colors is not None]
        whole = PointCloud(
            positions_m=np.concatenate([cloud.positions_m for cloud in clouds]),
            colors=np.concatenate(colors) if colored else None,
        )
        return whole if self._voxel_m is None else whole.thinned(self._voxel_m)

    def _clouds(self, index: int, *, color: bool) -> list[PointCloud]:
        if not 0 <= index < len(self.times_s):
            raise IndexError(f"image {index} of {len(self.times_s)}.")
        return [
            take.camera_point_cloud(int(row), color=color).transformed(pose)
            for take, row, pose in zip(self._takes, self._rows[index], self._poses, strict=True)
        ]
