"""The lag between two silent takes by what moves in both views.

How much of the view changes from image to image rises and falls with what people do, from whatever
side they are seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

if TYPE_CHECKING:
    from capture.take import Take

_LONGEST_S = 90.0
_MOVED_MM = 60
_LARGEST_SIDE = 400
_STILL_PERCENT = 30
_LEAST_MOVED = 1e-3
"""Share of the view."""
_STEP_S = 0.005
_LEAST_SHARED = 0.4
_LEAST_AGREEMENT = 0.6
_APART_S = 0.25
_CLEARLY = 0.9
_PAIRS, _STEPS_ON, _MOST_POINTS = 40, 3, 200
_IMAGE_SHARE = 0.25
"""Standard error, as a part of the time between images."""


def motion_lag(
    first: Take, other: Take, progress: Callable[[float], None] | None = None
) -> tuple[float, float] | None:
    """Return the lag and its standard error, None where motion does not show it.

    Raises:
        DataError: An image is broken.
    """
    report = progress or (lambda fraction: None)
    times, signals, steps = [], [], []
    for number, take in enumerate((first, other)):
        if take.calibration is None or len(take.times_s) < 8:
            return None
        at_s, moved = _motion(take, lambda done, n=number: report((n + done) / 2))
        grid = np.arange(at_s[0], at_s[-1], _STEP_S)
        times.append(float(grid[0]) if len(grid) else 0.0)
        signals.append(np.interp(grid, at_s, moved))
        steps.append(float(np.median(np.diff(take.times_s))))
    shift, agreement = _agreement(signals[0], signals[1])
    best = int(agreement.argmax())
    if agreement[best] < _LEAST_AGREEMENT:
        return None
    apart = np.abs(shift - shift[best]) * _STEP_S > _APART_S
    if apart.any() and agreement[apart].max() > _CLEARLY * agreement[best]:
        return None
    seconds = times[1] - times[0] + _STEP_S * _peak(shift, agreement, best)
    return seconds, _IMAGE_SHARE * max(steps)


def moved_points(take: Take) -> Float64[np.ndarray, "points 3"]:
    """Return points of what moves, of some moments of a take, in the depth camera's frame.

    Raises:
        DataError: An image is broken.
    """
    if take.calibration is None or len(take.times_s) <= _STEPS_ON:
        return np.zeros((0, 3))
    found = [np.zeros((0, 3))]
    rays = take.calibration.depth_rays().astype(np.float64)
    count = len(take.times_s) - _STEPS_ON
    for index in np.unique(np.linspace(0, count - 1, min(count, _PAIRS)).astype(int)):
        now, later = take.depth_mm(int(index)), take.depth_mm(int(index) + _STEPS_ON)
        assert now is not None
        assert later is not None
        moved = (now > 0) & (later > now.astype(np.int32) + _MOVED_MM) & np.isfinite(rays[..., 0])
        ndimage.binary_opening(moved, np.ones((3, 3)), output=moved)
        points = rays[moved] * (1e-3 * now[moved])[:, None]
        found.append(points[:: max(1, len(points) // _MOST_POINTS)])
    return np.concatenate(found)


def _motion(
    take: Take, report: Callable[[float], None]
) -> tuple[Float64[np.ndarray, "changes"], Float64[np.ndarray, "changes"]]:
    """Return times between images, and the root of how much of the view changed there."""
    count = int(np.searchsorted(take.times_s, take.times_s[0] + _LONGEST_S))
    moved = np.zeros(max(0, count - 1))
    before: np.ndarray | None = None
    usual_s = float(np.median(np.diff(take.times_s)))
    for index in range(count):
        whole = take.depth_mm(index)
        assert whole is not None
        step = max(1, round(max(whole.shape) / _LARGEST_SIDE))
        now = whole[::step, ::step].astype(np.int32)
        if before is not None:
            changed = (now > 0) & (before > 0) & (np.abs(now - before) > _MOVED_MM)
            share = np.count_nonzero(changed) / now.size
            moved[index - 1] = share * usual_s / (take.times_s[index] - take.times_s[index - 1])
        before = now
        report((index + 1) / count)
    # Edges flicker where nothing moves.
    above = np.clip(moved - np.percentile(moved, _STILL_PERCENT), 0, None)
    if above.max() < _LEAST_MOVED:
        above[:] = 0
    return (take.times_s[1:count] + take.times_s[: count - 1]) / 2, np.sqrt(above)


def _agreement(first: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shifts of the other signal, and how well it agrees with the first at each.

    That is the correlation coefficient, less where little is shared: a shorter stretch is sooner
    alike by chance.
    """
    shortest = min(len(first), len(other))
    least = round(_LEAST_SHARED * shortest)
    shifts = np.arange(-(len(first) - least), len(other) - least + 1)
    found = np.zeros(len(shifts))
    for row, shift in enumerate(shifts):
        begin, end = max(0, -shift), min(len(first), len(other) - shift)
        here, there = first[begin:end], other[begin + shift : end + shift]
        spread = here.std() * there.std()
        if spread > 0:
            found[row] = np.mean((here - here.mean()) * (there - there.mean())) / spread
            found[row] *= np.sqrt(len(here) / shortest)
    return shifts, found


def _peak(shifts: np.ndarray, agreement: np.ndarray, best: int) -> float:
    """Return where a peak is, between the shifts."""
    if not 0 < best < len(shifts) - 1:
        return float(shifts[best])
    before, top, after = agreement[best - 1 : best + 2]
    curve = before - 2 * top + after
    return float(shifts[best]) + (0.5 * float((before - after) / curve) if curve < 0 else 0.0)
