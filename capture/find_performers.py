"""Find the players of a take: cut its images, follow who is in them, and say where they face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from capture.axes import spherical_from_world
from capture.facing import facing_yaw_rad
from capture.follow import FollowConfig, follow
from capture.performer import Performer
from capture.point_cloud import PointCloud
from capture.pose import Trajectory, quaternion_from_yaw
from capture.segment import Components, SegmentConfig, components, find_background
from capture.smoothing import smoothed
from capture.take import Take


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


def find_performers(
    take: Take,
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
    clouds: list[PointCloud] = []
    for step, index in enumerate(chosen):
        cloud = take.point_cloud(int(index), color=step in with_color)
        cloud = cloud.select(background.foreground(cloud.positions_m, config.segment))
        images.append(components(cloud.positions_m, config.segment))
        clouds.append(cloud)
        report(0.9 * (step + 1) / len(chosen))
    labels = follow(images, times_s, config.segment.voxel_m, config.follow)
    count = max((int(image.max(initial=-1)) for image in labels), default=-1) + 1
    seen = [_own_clouds(player, images, labels, clouds) for player in range(count)]
    performers = [
        performer
        for own in seen
        if (performer := _performer(own, times_s, with_color, config)) is not None
    ]
    performers.sort(key=lambda each: -_azimuth(each))
    report(1.0)
    return tuple(
        Performer(
            name=f"performer-{number}",
            trajectory=performer.trajectory,
            cloud_times_s=performer.cloud_times_s,
            clouds=performer.clouds,
        )
        for number, performer in enumerate(performers, start=1)
    )


def _own_clouds(
    player: int,
    images: list[Components],
    labels: list[np.ndarray],
    clouds: list[PointCloud],
) -> list[PointCloud]:
    """Return one player's points in each image."""
    own: list[PointCloud] = []
    for image, label, cloud in zip(images, labels, clouds, strict=True):
        mine = np.zeros(len(cloud), dtype=bool)
        known = image.point_cells >= 0
        mine[known] = label[image.point_cells[known]] == player
        own.append(cloud.select(mine))
    return own


def _performer(
    own: list[PointCloud],
    times_s: Float64[np.ndarray, "images"],
    with_color: set[int],
    config: FindConfig,
) -> Performer | None:
    """Make a performer of what was seen of one player."""
    sizes = np.array([len(cloud) for cloud in own])
    usual = np.median(sizes[sizes > 0])
    # Half of a player, behind somebody who walks by, has its centroid elsewhere.
    whole = [index for index in range(len(own)) if sizes[index] > 0.5 * usual]
    kept = [index for index in sorted(with_color) if index in set(whole)] or whole[:1]
    if not whole:
        return None
    centroids = np.array([own[index].centroid_m for index in whole])
    positions = smoothed(times_s[whole], centroids)
    yaws, weights = np.array([facing_yaw_rad(own[index].positions_m) for index in kept]).T
    weights = np.maximum(weights, 0.05)
    facing = np.arctan2((weights * np.sin(yaws)).sum(), (weights * np.cos(yaws)).sum())
    return Performer(
        name="performer",
        trajectory=Trajectory(
            times_s=times_s[whole],
            positions_m=positions,
            orientations_wxyz=np.tile(quaternion_from_yaw(float(facing)), (len(whole), 1)),
        ),
        cloud_times_s=times_s[kept],
        clouds=tuple(own[index].thinned(config.cloud_voxel_m) for index in kept),
    )


def _at_rate(times_s: Float64[np.ndarray, "images"], rate_hz: float) -> np.ndarray:
    """Return the indices of images about 1 / rate_hz apart, from the first on."""
    slots = np.floor((times_s - times_s[0]) * rate_hz + 1e-6).astype(np.int64)
    return np.unique(slots, return_index=True)[1]


def _azimuth(performer: Performer) -> float:
    azimuth, _, _ = spherical_from_world(performer.trajectory.mean_position_m)
    return float(azimuth)
