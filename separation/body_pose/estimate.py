"""Joints of a performer from its point clouds, smoothed over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from capture.body_pose import JOINTS, BodyPoses
from capture.errors import DataError
from capture.performer import Performer
from capture.players import DepthImages, WatchConfig, watch_performers
from capture.point_cloud import PointCloud
from separation.body_pose.checkpoint import load_network
from separation.body_pose.network import JointNetwork, within
from separation.body_pose.smoothing import SmoothingConfig, smoothed_joints
from separation.body_pose.views import View, view_of, voxels_of
from separation.sparse import collate

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

_LEAST_POINTS = 100
_BATCH = 8
_SURE_M = 0.10
_MOST_REACH_M = 5.0
"""Points farther from the middle are nobody's, and would fill the voxels' table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one image says of a performer's joints.

    Attributes:
        joints_m: Shape (joints, 3), world frame; NaN where the image shows too little.
        scales_m: Shape (joints,): how far off, see `separation.body_pose.network.within`.
    """

    joints_m: Float32[np.ndarray, "joints 3"]
    scales_m: Float32[np.ndarray, "joints"]


@dataclass(slots=True)
class PoseWatcher:
    """Estimates joints cloud by cloud, a few at once, and keeps nothing of the clouds.

    Attributes:
        network: From `load_network`.
        sightings: Of all clouds so far, in their order; call `flush` before reading.
    """

    network: JointNetwork
    sightings: list[Sighting] = field(default_factory=list)
    _waiting: list[tuple[int, View, tuple[np.ndarray, np.ndarray]]] = field(default_factory=list)

    def see(self, cloud: PointCloud | None) -> None:
        """Take the next cloud; None where the performer is not seen."""
        self.sightings.append(_UNSEEN)
        points_m = _usable(cloud)
        if points_m is None:
            return
        view = view_of(points_m)
        voxels = voxels_of(view.from_world(points_m), self.network.config.voxel_m)
        self._waiting.append((len(self.sightings) - 1, view, voxels))
        if len(self._waiting) == _BATCH:
            self.flush()

    @torch.inference_mode()
    def flush(self) -> None:
        """Estimate the joints of the clouds that wait."""
        if not self._waiting:
            return
        joints, log_scales = self.network(collate([voxels for _, _, voxels in self._waiting]))
        scales = torch.exp(log_scales)
        for (index, view, _), own, scale in zip(self._waiting, joints, scales, strict=True):
            self.sightings[index] = Sighting(
                joints_m=view.to_world(own.numpy()), scales_m=scale.numpy()
            )
        self._waiting.clear()


_UNSEEN = Sighting(
    joints_m=np.full((len(JOINTS), 3), np.nan, np.float32),
    scales_m=np.full(len(JOINTS), np.inf, np.float32),
)


def estimate_poses(
    clouds: Iterable[PointCloud | None],
    times_s: Float64[np.ndarray, "T"] | Sequence[float],
    *,
    network: JointNetwork | None = None,
    smoothing: SmoothingConfig | None = None,
) -> BodyPoses:
    """Estimate a performer's joints from its clouds.

    Args:
        clouds: World frame: metres, floor at z = 0, the camera above the origin. Points that are
            not finite are left out. An image in which fewer than 100 points are left, or None, says
            nothing: its joints are put between those before and after, with confidence 0.
        times_s: When each was seen, increasing.
        network: From `separation.body_pose.checkpoint.load_network`; None for the one that ships.
        smoothing: How joints are smoothed over time; `SmoothingConfig(acceleration_m_s2=None)`
            leaves every image to itself.

    Returns:
        Poses at these times. A confidence is how likely the joint is within 10 cm.

    Raises:
        ValueError: There are not as many times as clouds, or they do not increase.
        DataError: No cloud shows the performer.
    """
    watcher = PoseWatcher(load_network() if network is None else network)
    for cloud in clouds:
        watcher.see(cloud)
    watcher.flush()
    return poses_of(watcher.sightings, np.asarray(times_s, np.float64), smoothing)


def estimate_take_poses(
    take: DepthImages,
    performers: Sequence[Performer],
    *,
    network: JointNetwork | None = None,
    watch: WatchConfig | None = None,
    smoothing: SmoothingConfig | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, BodyPoses]:
    """Watch the performers of a take and estimate their joints, some twelve times a second.

    Images are read once, in the order of time; of each, only joints are kept.

    Args:
        take: The recording.
        performers: Who was found in it, with their clouds.
        network: From `separation.body_pose.checkpoint.load_network`; None for the one that ships.
        watch: How images are cut.
        smoothing: How joints are smoothed over time.
        progress: Takes the fraction done.

    Returns:
        Performer's name → poses; performers whom no image shows are left out.

    Raises:
        DataError: There is no performer, or an image of the take is broken.
    """
    network = load_network() if network is None else network
    watchers = [PoseWatcher(network) for _ in performers]
    times: list[float] = []
    last_s = max(float(take.times_s[-1]), 1e-9)
    for time_s, clouds in watch_performers(take, performers, watch):
        times.append(time_s)
        for watcher, cloud in zip(watchers, clouds, strict=True):
            watcher.see(cloud)
        if progress is not None:
            progress(min(time_s / last_s, 1.0))
    found: dict[str, BodyPoses] = {}
    for performer, watcher in zip(performers, watchers, strict=True):
        watcher.flush()
        if any(np.isfinite(one.scales_m).all() for one in watcher.sightings):
            found[performer.name] = poses_of(watcher.sightings, np.array(times), smoothing)
    return found


def poses_of(
    sightings: Sequence[Sighting],
    times_s: Float64[np.ndarray, "T"],
    smoothing: SmoothingConfig | None = None,
) -> BodyPoses:
    """Join what images say to poses over time; arguments and errors are `estimate_poses`'."""
    if times_s.shape != (len(sightings),) or np.any(np.diff(times_s) <= 0):
        raise ValueError(
            f"{len(sightings)} clouds need as many times, which increase; got shape "
            f"{times_s.shape}."
        )
    if not any(np.isfinite(one.scales_m).all() for one in sightings):
        raise DataError(
            f"none of {len(sightings)} clouds shows a performer ({_LEAST_POINTS} points at least): "
            "segment the take again."
        )
    joints_m = np.stack([one.joints_m for one in sightings])
    scales_m = np.stack([one.scales_m for one in sightings])
    smooth = smoothed_joints(times_s, joints_m, scales_m, smoothing or SmoothingConfig())
    sure = within(_SURE_M, torch.log(torch.from_numpy(scales_m))).numpy()
    return BodyPoses(times_s=times_s, positions_m=smooth, confidences=sure)


def _usable(cloud: PointCloud | None) -> Float32[np.ndarray, "points 3"] | None:
    """Return the points that may be a performer's, None where they are too few."""
    if cloud is None:
        return None
    points_m = cloud.positions_m[np.isfinite(cloud.positions_m).all(axis=1)]
    if len(points_m) >= _LEAST_POINTS:
        away = np.abs(points_m - np.median(points_m, axis=0))
        points_m = points_m[(away < _MOST_REACH_M).all(axis=1)]
    return points_m if len(points_m) >= _LEAST_POINTS else None
