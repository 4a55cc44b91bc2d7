"""Find people's heads among occupied voxels: what tells two bodies apart when they touch.

A head is a clump of the size of a head with nothing above it, little beside it, and a trunk below.
Scrolls, bows and hands are too small; the edge of a table, a music stand or a piano goes on to the
side, is flat, or has no trunk below. Sums over boxes come from one summed volume, so that every
place is tried at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from capture.players.segment import Components, thickness_m

_MARGIN_M = 0.8  # around the occupied voxels: more than any box reaches


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
    sums = _SummedVolume(cells, round(_MARGIN_M / voxel_m))
    half = round(config.half_width_m / voxel_m - 0.5)
    high = round(config.height_m / voxel_m)
    inner, outer = (round(width / voxel_m - 0.5) for width in config.beside_m)
    start, stop = (round(depth / voxel_m) for depth in config.trunk_m)
    area = voxel_m**2
    above = area * sums.boxes(half, 1, round(config.free_above_m / voxel_m))
    around = area * sums.boxes(inner, 2 - high, 0)
    beside = area * sums.boxes(outer, 2 - high, 0) - around
    trunk = area * sums.boxes(round(config.trunk_half_width_m / voxel_m - 0.5), -stop, -start)
    own = area * sums.boxes(half, 1 - high, 0)
    score = own - 2.0 * above - beside
    clear = score - (around - area * sums.boxes(half, 2 - high, 0))
    crown = area * sums.boxes(half, 0, 0)
    tops = (np.arange(score.shape[2]) + sums.origin[2] + 1) * voxel_m
    likely = (score >= config.least_area_m2) & (trunk >= config.least_trunk_m2)
    likely &= crown >= config.least_crown_m2
    likely &= (tops >= config.lowest_m) & (tops <= config.highest_m)
    if things_m is not None:
        _take_out(likely, things_m, sums.origin, voxel_m, half)
    places = np.argwhere(likely)
    heads: list[np.ndarray] = []
    flats: list[np.ndarray] = []
    for place in places[np.argsort(-clear[likely], kind="stable")]:
        top = (place + sums.origin + np.array([0.5, 0.5, 1.0])) * voxel_m
        gap = min((float(np.hypot(*(top - head)[:2])) for head in heads), default=np.inf)
        x, y, z = place
        alone = beside[x, y, z] <= config.arm_beside_m2 and trunk[x, y, z] >= config.arm_trunk_m2
        if not (gap >= config.arm_m or (gap >= config.apart_m and alone)):
            continue
        if any(np.hypot(*(top - flat)[:2]) < 2 * config.half_width_m for flat in flats):
            continue
        off = np.abs(cells - (place + sums.origin))
        clump = (off[:, :2].max(axis=1) <= half) & (cells[:, 2] <= z + sums.origin[2])
        clump &= off[:, 2] < high
        if thickness_m(centroids[clump]) >= config.least_thickness_m:
            heads.append(top)
        else:
            flats.append(top)
    return np.array(heads).reshape(-1, 3)


def _take_out(
    likely: Bool[np.ndarray, "x y z"],
    things_m: Float64[np.ndarray, "things 3"],
    origin: Int64[np.ndarray, "3"],
    voxel_m: float,
    half: int,
) -> None:
    """Let there be no heads where things are."""
    for thing in np.floor(things_m / voxel_m).astype(np.int64) - origin:
        low, high = np.maximum(thing - half - 1, 0), np.maximum(thing + half + 2, 0)
        likely[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = False


class _SummedVolume:
    """How many voxels are occupied in boxes about every place.

    Source: Crow 1984, in three dimensions.
    """

    def __init__(self, cells: Int64[np.ndarray, "voxels 3"], margin: int) -> None:
        """Sum; boxes may reach `margin` voxels from their place."""
        self.origin = cells.min(axis=0)
        self._shape = cells.max(axis=0) - self.origin + 1
        self._margin = margin
        volume = np.zeros(self._shape + 2 * margin + 1, dtype=np.int32)
        volume[tuple((cells - self.origin + margin + 1).T)] = 1
        for axis in range(3):
            np.cumsum(volume, axis=axis, out=volume)
        self._sums = volume

    def boxes(self, half: int, low: int, high: int) -> Int32[np.ndarray, "x y z"]:
        """Return the count in each place's box: ±half in x and y, low … high in z, inclusive."""
        upright = self._between(self._sums, 2, low, high)
        return self._between(self._between(upright, 1, -half, half), 0, -half, half)

    def _between(self, sums: np.ndarray, axis: int, low: int, high: int) -> np.ndarray:
        size = int(self._shape[axis])
        where = [slice(None)] * 3
        where[axis] = slice(self._margin + high + 1, self._margin + high + 1 + size)
        until = sums[tuple(where)]
        where[axis] = slice(self._margin + low, self._margin + low + size)
        return until - sums[tuple(where)]
