"""Thin a trajectory out to the few keyframes that say the same."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from capture.pose import Trajectory, yaw_from_quaternion
from scenes.source import SourceKeyframe


def keyframes_from_trajectory(
    trajectory: Trajectory, *, tolerance_m: float = 0.005, tolerance_rad: float = 0.05
) -> tuple[SourceKeyframe, ...]:
    """Return keyframes that a person can read and that stay close to a trajectory.

    Times are rounded to 0.1 ms, positions to millimetres, yaw to 0.1°, so the keyframes stay
    within the tolerances and the rounding.

    Args:
        trajectory: Positions and orientations over time.
        tolerance_m: How far straight lines between keyframes may stray from the trajectory.
        tolerance_rad: How far the yaw may stray.

    Returns:
        At least one keyframe; first and last time are kept.
    """
    yaws = np.unwrap(yaw_from_quaternion(trajectory.orientations_wxyz))
    scaled = np.column_stack([trajectory.positions_m / tolerance_m, yaws / tolerance_rad])
    keep = _corners(trajectory.times_s, scaled)
    if len(keep) == 2 and np.all(np.abs(scaled[keep[0]] - scaled[keep[1]]) <= 1.0):
        keep = keep[:1]
    return tuple(
        SourceKeyframe(
            time_s=round(float(trajectory.times_s[i]), 4),
            position_m=to_millimetres(trajectory.positions_m[i]),
            yaw_deg=round(_wrapped_deg(yaws[i]), 1) + 0.0,
        )
        for i in keep
    )


def to_millimetres(position_m: Float64[np.ndarray, "3"]) -> tuple[float, float, float]:
    """Round a position for people to read, without a negative zero."""
    x, y, z = (round(float(value), 3) + 0.0 for value in position_m)
    return x, y, z


def _wrapped_deg(angle_rad: float) -> float:
    """Return the angle in degrees within ±180."""
    return float(np.degrees(np.arctan2(np.sin(angle_rad), np.cos(angle_rad))))


def _corners(times: Float64[np.ndarray, "T"], values: Float64[np.ndarray, "T D"]) -> list[int]:
    """Return the indices between which straight lines stray by at most one.

    Source: Ramer 1972, Douglas and Peucker 1973, with the distance taken at equal times, because
    a source must also be there when it is there.
    """
    keep = {0, len(times) - 1}
    open_parts = [(0, len(times) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        inner = slice(first + 1, last)
        part = ((times[inner] - times[first]) / (times[last] - times[first]))[:, None]
        line = values[first] + part * (values[last] - values[first])
        error = np.max(
            [
                np.linalg.norm((values[inner] - line)[:, :3], axis=1),
                np.abs((values[inner] - line)[:, 3]),
            ],
            axis=0,
        )
        worst = int(np.argmax(error))
        if error[worst] > 1.0:
            middle = first + 1 + worst
            keep.add(middle)
            open_parts += [(first, middle), (middle, last)]
    return sorted(keep)
