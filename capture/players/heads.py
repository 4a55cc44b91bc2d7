"""Find people's heads among occupied voxels: what tells two bodies apart when they touch.

A head is a clump of the size of a head with nothing above it, little beside it, and a trunk below.
Scrolls, bows and hands are too small; the edge of a table, a music stand or a piano goes on to the
side, is flat, or has no trunk below. Sums over boxes come from one summed volume, and only places
that passed one question are asked the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64
from numba import njit

from capture.players.segment import Components, thickness_m


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """What a head is. Areas are of occupied voxels, one face each.

    Attributes:
        half_width_m: Half the width of the box that holds a head.
        height_m: Its height.
        free_above_m: Next to nothing is within this above a head.
        beside_m: Inner and outer half width of the frame about a head that is nearly empty.
        least_area_m2: A head, less what is beside and twice what is above, has at least this.
        least_crown_m2: And its topmost layer at least this.
        least_thickness_m: It is no flatter than this (standard deviation across a plane).
        trunk_half_width_m: Half the width of the box that holds the trunk.
        trunk_m: Where the trunk begins and ends, below the head's top.
        least_trunk_m2: A trunk has at least this.
        lowest_m: Tops of heads are at least this high.
        highest_m: And at most this.
        apart_m: Two heads are at least this far apart, seen from above.
        arm_m: Within this of a clearer head, a raised arm or a scroll may look like a head, unless
        arm_beside_m2: no more than this is beside it and
        arm_trunk_m2: it has a trunk of this.
    """

    half_width_m: float = 0.125
    height_m: float = 0.25
    free_above_m: float = 0.2
    beside_m: tuple[float, float] = (0.175, 0.275)
    least_area_m2: float = 0.035
    least_crown_m2: float = 0.005
    least_thickness_m: float = 0.012
    trunk_half_width_m: float = 0.275
    trunk_m: tuple[float, float] = (0.3, 0.7)
    least_trunk_m2: float = 0.18
    lowest_m: float = 0.9
    highest_m: float = 2.2
    apart_m: float = 0.45
    arm_m: float = 0.65
    arm_beside_m2: float = 0.01
    arm_trunk_m2: float = 0.25


def find_heads(
    image: Components,
    voxel_m: float,
    config: HeadConfig,
    things_m: Float64[np.ndarray, "things 3"] | None = None,
) -> Float64[np.ndarray, "heads 3"]:
    """Return the middle of the top of each head, in metres, the clearest head first.

    Args:
        image: Occupied voxels.
        voxel_m: Side of a voxel.
        config: What a head is.
        things_m: Tops of what looks like heads and is known not to be.
    """
    cells = image.cells
    if len(cells) == 0:
        return np.zeros((0, 3))
    centroids = image.centroids_m
    sums = _SummedVolume(cells, _margin(config, voxel_m))
    half = round(config.half_width_m / voxel_m - 0.5)
    high = round(config.height_m / voxel_m)
    inner, outer = (round(width / voxel_m - 0.5) for width in config.beside_m)
    start, stop = (round(depth / voxel_m) for depth in config.trunk_m)
    area = voxel_m**2
    places = sums.places(half, round(config.least_crown_m2 / area), _levels(config, voxel_m))
    own = area * sums.boxes(places, half, 1 - high, 0)
    places, own = _where(own >= config.least_area_m2, places, own)
    trunk_half = round(config.trunk_half_width_m / voxel_m - 0.5)
    trunk = area * sums.boxes(places, trunk_half, -stop, -start)
    places, own, trunk = _where(trunk >= config.least_trunk_m2, places, own, trunk)
    above = area * sums.boxes(places, half, 1, round(config.free_above_m / voxel_m))
    around = area * sums.boxes(places, inner, 2 - high, 0)
    beside = area * sums.boxes(places, outer, 2 - high, 0) - around
    score = own - 2.0 * above - beside
    clear = score - (around - area * sums.boxes(places, half, 2 - high, 0))
    likely = score >= config.least_area_m2
    if things_m is not None:
        likely &= ~_near_things(places, np.floor(things_m / voxel_m).astype(np.int64), half)
    alone = (beside <= config.arm_beside_m2) & (trunk >= config.arm_trunk_m2)
    places, clear, alone = _where(likely, places, clear, alone)
    order = np.argsort(-clear, kind="stable")
    places, alone = places[order], alone[order]
    heads: list[np.ndarray] = []
    while len(places):
        place = places[0]
        off = np.abs(cells - place)
        clump = (off[:, :2].max(axis=1) <= half) & (cells[:, 2] <= place[2])
        clump &= off[:, 2] < high
        gap = voxel_m * np.hypot(*(places - place)[:, :2].T)
        if thickness_m(centroids[clump]) >= config.least_thickness_m:
            heads.append((place + np.array([0.5, 0.5, 1.0])) * voxel_m)
            others = (gap >= config.arm_m) | ((gap >= config.apart_m) & alone)
        else:
            others = gap >= 2 * config.half_width_m
        others[0] = False
        places, alone = _where(others, places, alone)
    return np.array(heads).reshape(-1, 3)


def _margin(config: HeadConfig, voxel_m: float) -> Int64[np.ndarray, "3"]:
    """Return how many voxels the boxes reach from their place along each axis."""
    across = max(config.half_width_m, config.beside_m[1], config.trunk_half_width_m)
    along = max(config.trunk_m[1], config.height_m, config.free_above_m)
    return np.ceil(np.array([across, across, along]) / voxel_m).astype(np.int64) + 1


def _levels(config: HeadConfig, voxel_m: float) -> tuple[int, int]:
    """Return the lowest and the highest layer of voxels in which a head may end."""
    return (
        int(np.ceil(config.lowest_m / voxel_m - 1e-6)) - 1,
        int(np.floor(config.highest_m / voxel_m + 1e-6)) - 1,
    )


def _where(keep: Bool[np.ndarray, "places"], *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(array[keep] for array in arrays)


def _near_things(
    places: Int64[np.ndarray, "places 3"], things: Int64[np.ndarray, "things 3"], half: int
) -> Bool[np.ndarray, "places"]:
    """Return which places are where things are."""
    near = np.zeros(len(places), dtype=bool)
    for thing in things:
        near |= np.abs(places - thing).max(axis=1) <= half + 1
    return near


class _SummedVolume:
    """How many voxels are occupied in boxes about places.

    Source: Crow 1984, in three dimensions.
    """

    def __init__(
        self, cells: Int64[np.ndarray, "voxels 3"], margin: Int64[np.ndarray, "3"]
    ) -> None:
        """Sum; boxes may reach `margin` voxels from a place among the voxels."""
        self._origin = cells.min(axis=0)
        self._shape = cells.max(axis=0) - self._origin + 1
        self._margin = margin
        self._sums: np.ndarray = np.zeros(tuple(self._shape + 2 * margin + 1), np.int32)
        self._sums[tuple((cells - self._origin + margin + 1).T)] = 1
        _sum_up(self._sums)

    def places(
        self, half: int, least: int, levels: tuple[int, int]
    ) -> Int64[np.ndarray, "places 3"]:
        """Return places of some layers with `least` voxels within ±half in x and y, in order."""
        first, last = np.clip(np.array(levels) - self._origin[2], 0, self._shape[2] - 1)
        if levels[1] < self._origin[2] or levels[0] >= self._origin[2] + self._shape[2]:
            return np.zeros((0, 3), np.int64)
        start = self._margin[2] + first
        counts = np.diff(self._sums[:, :, start : start + last - first + 2], axis=2)
        for axis in range(2):
            low = self._margin[axis] - half + np.arange(self._shape[axis])
            counts = counts.take(low + 2 * half + 1, axis) - counts.take(low, axis)
        return np.argwhere(counts >= least) + self._origin + np.array([0, 0, first])

    def boxes(
        self, places: Int64[np.ndarray, "places 3"], half: int, low: int, high: int
    ) -> Int32[np.ndarray, "places"]:
        """Return the count in each place's box: ±half in x and y, low … high in z, inclusive."""
        _, columns, layers = self._sums.shape
        first = places - self._origin + self._margin
        flat = (first[:, 0] * columns + first[:, 1]) * layers + first[:, 2]
        total = np.zeros(len(places), np.int32)
        for over_x, over_y, over_z in product((0, 1), repeat=3):
            step = (half + 1 if over_x else -half) * columns + (half + 1 if over_y else -half)
            corner = self._sums.ravel()[flat + step * layers + (high + 1 if over_z else low)]
            total += corner if (over_x + over_y + over_z) % 2 else -corner
        return total


@njit(cache=True, nogil=True)
def _sum_up(volume: np.ndarray) -> None:
    """Let each place hold the sum of all up to it."""
    for x in range(1, volume.shape[0]):
        for y in range(1, volume.shape[1]):
            row = 0
            for z in range(1, volume.shape[2]):
                row += volume[x, y, z]
                before = volume[x - 1, y, z] - volume[x - 1, y - 1, z]
                volume[x, y, z] = row + volume[x, y - 1, z] + before
