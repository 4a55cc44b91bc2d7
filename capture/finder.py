"""Find the players of a take: cut its images, follow who is in them, and say where they face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from capture.axes import spherical_from_world
from capture.facing import facing_yaw_rad
from capture.follow import FollowConfig, follow
from capture.performer import Performer
from capture.point_cloud import PointCloud
from capture.pose import Trajectory, quaternion_from_yaw
from capture.segment import Components, SegmentConfig, components, find_background
from capture.smoothing import smoothed

_ODD_SHARE = 0.12
_NEAR_IMAGES = 4
_JUMP_M = 0.05


class DepthImages(Protocol):
    """What players are found in: a take, or anything else that sees points over time."""

    @property
    def times_s(self) -> Float64[np.ndarray, "images"]:
        """When each image was seen."""
        ...

    def point_cloud(self, index: int, *, color: bool = True) -> PointCloud:
        """Return the points of one image in the world frame."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FindConfig:
    """How players are found.

    Attributes:
        rate_hz: Images a second that are looked at.
        clouds_hz: Clouds a second that are kept of each player.
        cloud_voxel_m: At most one point a cube of this side is kept.
        background_images: Images from which floor and walls are found.
        seed: Draws the planes that are tried.
        segment: How images are cut.
        follow: What a player is.
    """

    rate_hz: float = 5.0
    clouds_hz: float = 2.0
    cloud_voxel_m: float = 0.01
    background_images: int = 6
    seed: int = 0
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    follow: FollowConfig = field(default_factory=FollowConfig)

    def __post_init__(self) -> None:
        if self.rate_hz <= 0 or self.clouds_hz <= 0 or self.cloud_voxel_m <= 0:
            raise ValueError("rate_hz, clouds_hz and cloud_voxel_m must be positive.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A cloud that is kept, and the voxel of each point."""

    cloud: PointCloud
    point_cells: Int64[np.ndarray, "points"]


def find_performers(
    take: DepthImages,
    config: FindConfig | None = None,
    *,
    progress: Callable[[float], None] | None = None,
) -> tuple[Performer, ...]:
    """Find and follow the players of a take.

    Args:
        take: The recording.
        config: How; the defaults suit a seated or standing ensemble in one view.
        progress: Takes the fraction done.

    Returns:
        The players from left to right as the camera sees them; none if nobody is there.

    Raises:
        DataError: An image of the take is broken.
    """
    config = config or FindConfig()
    report = progress or (lambda fraction: None)
    chosen = _at_rate(take.times_s, config.rate_hz)
    times_s = take.times_s[chosen]
    spread = np.unique(
        np.linspace(0, len(chosen) - 1, min(config.background_images, len(chosen))).astype(int)
    )
    background = find_background(
        [take.point_cloud(int(chosen[i]), color=False).positions_m for i in spread],
        config.segment,
        np.random.default_rng(config.seed),
    )
    with_color = set(_at_rate(times_s, config.clouds_hz).tolist())
    images: list[Components] = []
    clouds: dict[int, _Kept] = {}
    for step, index in enumerate(chosen):
        cloud = take.point_cloud(int(index), color=step in with_color)
        cloud = cloud.select(background.foreground(cloud.positions_m, config.segment))
        image = components(cloud.positions_m, config.segment)
        if step in with_color:
            first = cloud.thinned_rows(config.cloud_voxel_m)
            clouds[step] = _Kept(cloud=cloud.select(first), point_cells=image.point_cells[first])
        # What is kept of every image must not grow with the number of its points.
        images.append(replace(image, point_cells=image.point_cells[:0]))
        report(0.8 * (step + 1) / len(chosen))
    labels = follow(images, times_s, config.segment.voxel_m, config.follow)
    report(0.95)
    count = max((int(image.max(initial=-1)) for image in labels), default=-1) + 1
    performers = [_performer(player, images, labels, clouds, times_s) for player in range(count)]
    performers.sort(key=lambda each: -_azimuth(each))
    report(1.0)
    return tuple(
        replace(performer, name=f"performer-{number}")
        for number, performer in enumerate(performers, start=1)
    )


def _performer(
    player: int,
    images: list[Components],
    labels: list[Int32[np.ndarray, "voxels"]],
    clouds: dict[int, _Kept],
    times_s: Float64[np.ndarray, "images"],
) -> Performer:
    """Make a performer of what was seen of one player."""
    own = [label == player for label in labels]
    sizes = np.array(
        [int(image.point_counts[mine].sum()) for image, mine in zip(images, own, strict=True)]
    )
    whole, centroids = _whole(images, own, sizes)
    kept = [index for index in clouds if index in set(whole.tolist())]
    kept = kept or [index for index in clouds if sizes[index] > 0]
    seen: list[PointCloud] = []
    for index in kept:
        mine = np.append(own[index], False)  # row −1: noise
        seen.append(clouds[index].cloud.select(mine[clouds[index].point_cells]))
    facing = _facing([cloud.positions_m for cloud in seen], centroids.mean(axis=0))
    return Performer(
        name=f"performer-{player + 1}",
        trajectory=Trajectory(
            times_s=times_s[whole],
            positions_m=smoothed(times_s[whole], centroids),
            orientations_wxyz=np.tile(quaternion_from_yaw(facing), (len(whole), 1)),
        ),
        cloud_times_s=times_s[kept],
        clouds=tuple(seen),
    )


def _whole(
    images: list[Components],
    own: list[Bool[np.ndarray, "voxels"]],
    sizes: Int64[np.ndarray, "images"],
) -> tuple[Int64[np.ndarray, "whole"], Float64[np.ndarray, "whole 3"]]:
    """Return the images that show a player whole, and the centroids there.

    Half of a player, behind somebody who walks by, has its centroid elsewhere. Where a good part
    is missing or too much, and the centroid jumps at once, both are taken for a mistake.
    """
    usual = np.median(sizes[sizes > 0])
    whole = np.flatnonzero(sizes > 0.5 * usual)
    centroids = np.array(
        [images[index].point_sums_m[own[index]].sum(axis=0) / sizes[index] for index in whole]
    )
    odd = np.abs(sizes[whole] / usual - 1) > _ODD_SHARE
    for place in np.flatnonzero(odd):
        near = centroids[max(0, place - _NEAR_IMAGES) : place + _NEAR_IMAGES + 1]
        odd[place] = np.linalg.norm(centroids[place] - np.median(near, axis=0)) > _JUMP_M
    if odd.all():
        return whole, centroids
    return whole[~odd], centroids[~odd]


def _facing(seen_m: list[np.ndarray], centroid_m: Float64[np.ndarray, "3"]) -> float:
    """Return the mean facing over the clouds; towards the camera if there is none."""
    yaws, weights = np.array(
        [facing_yaw_rad(points) for points in seen_m]
        or [(np.arctan2(-centroid_m[1], -centroid_m[0]), 1.0)]
    ).T
    weights = np.maximum(weights, 0.05)
    return float(np.arctan2((weights * np.sin(yaws)).sum(), (weights * np.cos(yaws)).sum()))


def _at_rate(times_s: Float64[np.ndarray, "images"], rate_hz: float) -> Int64[np.ndarray, "kept"]:
    """Return the indices of images about 1 / rate_hz apart, from the first on."""
    slots = np.floor((times_s - times_s[0]) * rate_hz + 1e-6).astype(np.int64)
    return np.unique(slots, return_index=True)[1]


def _azimuth(performer: Performer) -> float:
    azimuth, _, _ = spherical_from_world(performer.trajectory.mean_position_m)
    return float(azimuth)
