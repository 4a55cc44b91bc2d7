"""Paths of a scene as straight lines, which every engine can play."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Float64

from capture.pose import Trajectory, quaternion_from_yaw
from scenes.listener import Listener
from scenes.source import Source

TOLERANCE_M = 0.001
"""How far straight lines may stray from a smooth path."""


def source_trajectory(source: Source, listener_m: Float64[np.ndarray, "3"]) -> Trajectory:
    """Return where a source is and how it is turned, with straight lines between its keys.

    Args:
        source: The source.
        listener_m: Where the listener is at the start; whom nothing tells where to face, faces it.
    """
    times = _key_times(source)
    positions = source.positions_at(times)
    yaw = source.yaw()
    if yaw is not None:
        yaws = yaw(times)
    else:
        away = listener_m - positions[0]
        yaws = np.full(len(times), np.arctan2(away[1], away[0]))
    return _without_repeats(
        Trajectory(
            times_s=times,
            positions_m=positions,
            orientations_wxyz=np.stack([quaternion_from_yaw(float(angle)) for angle in yaws]),
        )
    )


def listener_trajectory(listener: Listener) -> Trajectory:
    """Return where the head is; one key where it stands still."""
    return _without_repeats(listener.trajectory)


def _key_times(source: Source) -> Float64[np.ndarray, "T"]:
    """Return the times of keyframes, and on smooth paths those between that the tolerance needs."""
    if source.keyframes is None:
        return np.zeros(1)
    keys = np.array([key.time_s for key in source.keyframes], dtype=np.float64)
    if source.interpolation != "smooth" or len(keys) <= 2:
        return keys
    # Between two keys each coordinate is a cubic, and its second derivative a straight line, so
    # the largest is at one end. A chord over h strays from a curve by at most h² max|f''| / 8.
    path = source.path()
    times: list[Float64[np.ndarray, "N"]] = []
    for start, stop in itertools.pairwise(keys):
        bend = _largest_bend(path(np.linspace(start, stop, 4)), (stop - start) / 3)
        count = int(np.ceil((stop - start) * np.sqrt(bend / (8 * TOLERANCE_M)))) if bend else 1
        times.append(np.linspace(start, stop, max(count, 1) + 1)[:-1])
    return np.concatenate([*times, keys[-1:]])


def _largest_bend(four_m: Float64[np.ndarray, "4 3"], step_s: float) -> float:
    """Return the largest second derivative of the cubics through four equidistant points."""
    second = np.diff(four_m, 2, axis=0) / step_s**2  # exact in the second and third point
    at_ends = np.stack([2 * second[0] - second[1], 2 * second[1] - second[0]])
    return float(np.linalg.norm(at_ends, axis=1).max())


def _without_repeats(path: Trajectory) -> Trajectory:
    """Return one key instead of many that all say the same."""
    values = np.hstack([path.positions_m, path.orientations_wxyz])
    if len(values) == 1 or np.ptp(values, axis=0).any():
        return path
    return Trajectory(
        times_s=path.times_s[:1],
        positions_m=path.positions_m[:1],
        orientations_wxyz=path.orientations_wxyz[:1],
    )
