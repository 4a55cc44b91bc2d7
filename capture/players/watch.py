"""Watch the players of a take image by image, when they have been found.

Finding players keeps few of their clouds, and looks at few images. Who wants to see hands move
needs more: here each image is cut by what is known. A point is the player's whose kept clouds,
before and after the image, it is nearest to, if it is near at all.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import KDTree

from capture.errors import DataError
from capture.performer import Performer
from capture.players.background import find_background
from capture.players.finder import DepthImages
from capture.players.segment import SegmentConfig
from capture.point_cloud import PointCloud

_VOXEL_M = 0.01
_KNOWN_VOXEL_M = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """How players are watched.

    Attributes:
        rate_hz: Images a second.
        reach_m: A point farther from all kept clouds is nobody's.
        gap_s: Where a player's kept clouds are farther away in time, the player is not seen.
        background_images: Images from which floor and walls are found.
        seed: Draws the planes that are tried.
        segment: How images are cut.
    """

    rate_hz: float = 12.5
    reach_m: float = 0.2
    gap_s: float = 2.0
    background_images: int = 6
    seed: int = 0
    segment: SegmentConfig = field(default_factory=SegmentConfig)

    def __post_init__(self) -> None:
        if min(self.rate_hz, self.reach_m, self.gap_s) <= 0 or self.background_images < 1:
            raise ValueError(f"rates, distances and counts must be positive, got {self}.")


def watch_performers(
    take: DepthImages, performers: Sequence[Performer], config: WatchConfig | None = None
) -> Generator[tuple[float, tuple[PointCloud | None, ...]]]:
    """Give each image's time and every player's cloud in it, None where there is none.

    Args:
        take: The recording.
        performers: Who was found in it, with their clouds.
        config: How.

    Raises:
        DataError: There is no performer, or an image of the take is broken.
    """
    config = config or WatchConfig()
    if not performers:
        raise DataError("there is no performer to watch: segment the take first.")
    times_s = take.times_s
    slots = np.floor((times_s - times_s[0]) * config.rate_hz + 1e-6).astype(np.int64)
    chosen = np.unique(slots, return_index=True)[1]
    spread = np.linspace(0, len(chosen) - 1, min(config.background_images, len(chosen)))
    background = find_background(
        [
            take.image_point_cloud(int(chosen[index]), color=False).positions_m
            for index in np.unique(spread.astype(int))
        ],
        config.segment,
        np.random.default_rng(config.seed),
    )
    known = _Known(performers, config)
    for index in chosen:
        time_s = float(times_s[index])
        cloud = take.image_point_cloud(int(index), color=False)
        cloud = cloud.select(background.foreground(cloud.positions_m, config.segment))
        cloud = cloud.thinned(_VOXEL_M)
        owners = known.owners(time_s, cloud)
        yield (
            time_s,
            tuple(
                cloud.select(owners == number) if np.any(owners == number) else None
                for number in range(len(performers))
            ),
        )


class _Known:
    """The kept clouds about a time, to which new points are compared."""

    def __init__(self, performers: Sequence[Performer], config: WatchConfig) -> None:
        self._performers = performers
        self._config = config
        self._near: tuple[tuple[int, int], ...] = ()
        self._tree: KDTree | None = None
        self._owners = np.zeros(0, np.int64)

    def owners(self, time_s: float, cloud: PointCloud) -> np.ndarray:
        """Return the number of each point's player, or −1."""
        near = tuple(
            (number, index)
            for number, performer in enumerate(self._performers)
            for index in self._about(performer, time_s)
        )
        if near != self._near:
            self._near = near
            self._learn()
        if self._tree is None or len(cloud) == 0:
            return np.full(len(cloud), -1)
        _, nearest = self._tree.query(cloud.positions_m, distance_upper_bound=self._config.reach_m)
        return np.append(self._owners, -1)[nearest]  # the last: nothing is near

    def _about(self, performer: Performer, time_s: float) -> list[int]:
        """Return which kept clouds are the last one before a time and the first one after it."""
        times_s = performer.cloud_times_s
        after = int(np.searchsorted(times_s, time_s))
        return [
            index
            for index in (after - 1, after)
            if 0 <= index < len(times_s)
            and abs(float(times_s[index]) - time_s) <= self._config.gap_s
            and len(performer.clouds[index]) > 0
        ]

    def _learn(self) -> None:
        parts = [
            self._performers[number].clouds[index].thinned(_KNOWN_VOXEL_M).positions_m
            for number, index in self._near
        ]
        self._tree = KDTree(np.concatenate(parts)) if parts else None
        self._owners = np.repeat([number for number, _ in self._near], [len(p) for p in parts])
