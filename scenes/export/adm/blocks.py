"""Where an object is over time, as ADM's audioBlockFormats say it.

A block says where the object is at its end; over its length, renderers go there from the end of the
block before in a straight line of gains (ITU-R BS.2127) or of angles. So paths are cut fine enough
that either is the scene's own straight line. The first block of a moving object has no length: it
says where the way begins (as the EBU Tech 3392 profile has it). No other is shorter than 5 ms.

Azimuth is in degrees, left positive; elevation up; both as the listener at time 0 hears them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from capture.axes import spherical_from_world, world_from_spherical
from capture.pose import Pose, Trajectory
from scenes.export.distance_law import NEAREST_M, amplitudes
from scenes.export.exported import ExportedSource

TICKS_PER_S = 100_000
"""ADM's times have five decimals."""

_SHORTEST_TICKS = 500
_MOST_TURN_RAD = np.radians(2.0)
_MOST_STRAY_M = 0.0005
_MOST_LEVEL_RATIO = 1.12

Path: TypeAlias = Callable[[int], Float64[np.ndarray, "3"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One audioBlockFormat.

    Attributes:
        start_ticks: Start in units of 10 µs; None for an object that stands still, whose one block
            has no times.
        length_ticks: Length in the same units; None likewise.
        azimuth_deg: In (−180, 180], left positive.
        elevation_deg: In [−90, 90].
        distance_m: From the listener.
        gain: Factor on the samples, with the distance law in it.
    """

    start_ticks: int | None
    length_ticks: int | None
    azimuth_deg: float
    elevation_deg: float
    distance_m: float
    gain: float


def blocks(source: ExportedSource, listener: Pose, duration_s: float) -> list[Block]:
    """Return the blocks of a source.

    Args:
        source: The source.
        listener: Whose front is azimuth 0; the listener's pose at time 0.
        duration_s: Length of the scene; the blocks end at its next tick.
    """
    head = listener.inverse()
    path = source.trajectory

    def at(ticks: int) -> Float64[np.ndarray, "3"]:
        world_m = path.positions_at(np.array([ticks / TICKS_PER_S]))
        return head.transform(world_m)[0]

    last = ticks_up(duration_s)
    corners = _corner_ticks(path, last)
    places = [at(ticks) for ticks in corners]
    if not np.ptp(np.stack(places), axis=0).any():
        return [_block(source, places[0], None, None)]
    found = [_block(source, places[0], 0, 0)]
    for start, stop in pairwise(corners):
        times = _cut(at, start, stop)
        found += [
            _block(source, at(after), before, after - before) for before, after in pairwise(times)
        ]
    return found


def ticks_up(time_s: float) -> int:
    """Return the first tick that is not before a time."""
    return int(np.ceil(round(time_s * TICKS_PER_S, 6)))


def nearest_m(all_blocks: list[list[Block]]) -> float:
    """Return how near anything ever comes, not below `NEAREST_M`."""
    return max(NEAREST_M, min(block.distance_m for each in all_blocks for block in each))


def _block(
    source: ExportedSource,
    place_m: Float64[np.ndarray, "3"],
    start_ticks: int | None,
    length_ticks: int | None,
) -> Block:
    azimuth, elevation, distance = spherical_from_world(place_m)
    return Block(
        start_ticks=start_ticks,
        length_ticks=length_ticks,
        azimuth_deg=float(np.degrees(azimuth)),
        elevation_deg=float(np.degrees(elevation)),
        distance_m=float(distance),
        gain=float(amplitudes(source, np.array([distance]))[0]),
    )


def _corner_ticks(path: Trajectory, last: int) -> list[int]:
    """Return the ticks of the keys within the scene, with both of its ends.

    Keys that are too close to the one before for a block of their own are left out.
    """
    inner = [round(float(time) * TICKS_PER_S) for time in path.times_s]
    corners = [0]
    for ticks in inner:
        if corners[-1] + _SHORTEST_TICKS <= ticks <= last - _SHORTEST_TICKS:
            corners.append(ticks)
    return [*corners, last]


def _cut(at: Path, start: int, stop: int) -> list[int]:
    """Return the ticks at which a straight line is cut: halves until every part is fine enough."""
    if stop - start < 2 * _SHORTEST_TICKS:
        return [start, stop]
    middle = (start + stop) // 2
    if _is_fine(at(start), at(middle), at(stop), (middle - start) / (stop - start)):
        return [start, stop]
    return [*_cut(at, start, middle), *_cut(at, middle, stop)[1:]]


def _is_fine(
    start_m: Float64[np.ndarray, "3"],
    middle_m: Float64[np.ndarray, "3"],
    stop_m: Float64[np.ndarray, "3"],
    part: float,
) -> bool:
    """Return whether angles and gains may be interpolated in a straight line."""
    ends_m = np.stack([start_m, stop_m])
    azimuths, elevations, distances = spherical_from_world(ends_m)
    turn = (azimuths[1] - azimuths[0] + np.pi) % (2 * np.pi) - np.pi
    between_m = world_from_spherical(
        azimuths[0] + part * turn,
        elevations[0] + part * (elevations[1] - elevations[0]),
        distances[0] + part * (distances[1] - distances[0]),
    )
    lengths = np.maximum(distances, 1e-9)
    cosine = np.clip(start_m @ stop_m / np.prod(lengths), -1.0, 1.0)
    heard = np.maximum(distances, NEAREST_M)
    return bool(
        np.linalg.norm(between_m - middle_m) <= _MOST_STRAY_M
        and np.arccos(cosine) <= _MOST_TURN_RAD
        and heard.max() / heard.min() <= _MOST_LEVEL_RATIO
    )
