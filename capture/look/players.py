"""Which points of an image are whose, and the colors of players."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int8, UInt8
from scipy.spatial import KDTree

from capture.performer import Performer
from capture.point_cloud import PointCloud

NOBODY = -1
_NEAR_M = 0.05
_THIN_M = 0.03
_FLOOR_M = 0.03
_STALE_S = 1.5

_COLORS = (
    (255, 127, 80),
    (86, 180, 233),
    (240, 228, 66),
    (64, 200, 140),
    (220, 130, 200),
    (255, 190, 60),
    (130, 140, 255),
    (190, 220, 120),
)
"""On dark ground, told apart with any kind of color vision as far as eight colors can be."""


def player_color(index: int) -> tuple[int, int, int]:
    """Return the color of the player with this number, counted from 0."""
    return _COLORS[index % len(_COLORS)]


class PlayerPoints:
    """Finds players' points in images, from the clouds that were kept of them."""

    def __init__(self, performers: Sequence[Performer]) -> None:
        self._performers = performers
        self._trees: dict[tuple[int, int], KDTree | None] = {}

    def owners(
        self, positions_m: Float32[np.ndarray, "points 3"], time_s: float
    ) -> Int8[np.ndarray, "points"]:
        """Return the number of the player of each point, `NOBODY` for all else.

        Args:
            positions_m: In the world frame.
            time_s: Of the image.
        """
        owners = np.full(len(positions_m), NOBODY, dtype=np.int8)
        nearest = np.full(len(positions_m), np.inf)
        above = positions_m[:, 2] > _FLOOR_M
        for number, performer in enumerate(self._performers):
            tree, moved_m = self._cloud_near(number, performer, time_s)
            if tree is None:
                continue
            low, high = tree.mins + moved_m - _NEAR_M, tree.maxes + moved_m + _NEAR_M
            rows = np.flatnonzero(above & ((positions_m > low) & (positions_m < high)).all(axis=1))
            away, _ = tree.query(positions_m[rows] - moved_m, distance_upper_bound=_NEAR_M)
            closer = away < nearest[rows]
            owners[rows[closer]] = number
            nearest[rows[closer]] = away[closer]
        return owners

    def _cloud_near(
        self, number: int, performer: Performer, time_s: float
    ) -> tuple[KDTree | None, np.ndarray]:
        """Return the cloud nearest in time, and how far the player has moved since."""
        if len(performer.clouds) == 0:
            return None, np.zeros(3)
        index = int(np.argmin(np.abs(performer.cloud_times_s - time_s)))
        seen_s = float(performer.cloud_times_s[index])
        if abs(seen_s - time_s) > _STALE_S:
            return None, np.zeros(3)
        key = (number, index)
        if key not in self._trees:
            if len(self._trees) > 2 * len(self._performers):
                self._trees.clear()
            cloud = performer.clouds[index].thinned(_THIN_M)
            self._trees[key] = KDTree(cloud.positions_m) if len(cloud) else None
        then, now = performer.trajectory.positions_at(np.array([seen_s, time_s]))
        return self._trees[key], now - then


def painted(cloud: PointCloud, owners: Int8[np.ndarray, "points"]) -> UInt8[np.ndarray, "points 3"]:
    """Return a color of each point: players' in their colors, all else dim, both shaded."""
    light = _light(cloud)
    colors = np.outer(40 + 100 * light, (0.95, 1.0, 1.08))
    for number in np.unique(owners[owners >= 0]):
        mine = owners == number
        colors[mine] = np.outer(0.35 + 0.75 * light[mine], player_color(int(number)))
    return np.clip(colors, 0, 255).astype(np.uint8)


def _light(cloud: PointCloud) -> Float32[np.ndarray, "points"]:
    """Return brightness from 0 to 1: of the colors, or by distance where there are none."""
    if cloud.colors is not None:
        light = cloud.colors @ np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
        # What the color camera does not see is black.
        seen = cloud.colors.any(axis=1)
        if seen.any():
            light[~seen] = np.median(light[seen])
    else:
        light = 1 - cloud.positions_m[:, 0]
    if len(light) == 0:
        return light.astype(np.float32)
    low, high = np.percentile(light, [2, 98])
    return np.clip((light - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
