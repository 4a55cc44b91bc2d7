"""Find where a clock jumps: samples were lost, or a device was set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.ndimage import median_filter

_WINDOW = 40
"""Stamps on either side whose medians are compared: 1 % of outliers don't move them."""
_LEAST_JUMP_S = 0.015
_JUMP_SCALES = 4.0
"""A jump stands out of the jitter (one standard deviation) by this."""
_SHORTEST_PIECE_S = 3.0


def find_jumps(clock_s: Float64[np.ndarray, "N"], late_s: Float64[np.ndarray, "N"]) -> list[int]:
    """Return the indices of the first stamps after jumps.

    A computer that stalls takes in a burst of late stamps and is on time again: that is no jump.

    Args:
        clock_s: What the clock said.
        late_s: Arrival minus what the clock said.
    """
    if len(clock_s) < 2 * _WINDOW:
        return []
    centre = median_filter(late_s, _WINDOW, mode="nearest")
    scale_s = 1.4826 * float(np.median(np.abs(late_s - centre)))
    least_s = max(_LEAST_JUMP_S, _JUMP_SCALES * scale_s)
    half = _WINDOW // 2
    # centre[i - half] looks at the window before stamp i, centre[i + half] at the one after it.
    middle = np.arange(half, len(late_s) - half)
    step = np.zeros(len(late_s))
    step[middle] = centre[middle + half] - centre[middle - half]
    found: list[int] = []
    above = np.flatnonzero(np.abs(step) > least_s)
    for run in np.split(above, np.flatnonzero(np.diff(above) > 1) + 1):
        if len(run):
            found.append(_place(late_s, int(run[0]), int(run[-1])))
    return _without_bursts(clock_s, late_s, found, least_s)


def _place(late_s: np.ndarray, first: int, last: int) -> int:
    """Return which stamp of a run is the first after the jump: two levels fit best there."""
    low, high = max(0, first - _WINDOW), min(len(late_s), last + _WINDOW)
    candidates = range(max(low + 1, first - 2), min(high, last + 3))

    def misfit(index: int) -> float:
        before, after = late_s[low:index], late_s[index:high]
        return float(
            np.abs(before - np.median(before)).sum() + np.abs(after - np.median(after)).sum()
        )

    return min(candidates, key=misfit)


def _without_bursts(
    clock_s: np.ndarray, late_s: np.ndarray, found: list[int], least_s: float
) -> list[int]:
    """Drop pairs of jumps that take a short piece away and back again."""
    kept: list[int] = []
    for index in found:
        if kept and clock_s[index] - clock_s[kept[-1]] < _SHORTEST_PIECE_S:
            before = np.median(late_s[max(0, kept[-1] - _WINDOW) : kept[-1]])
            after = np.median(late_s[index : index + _WINDOW])
            if abs(after - before) < least_s:
                kept.pop()
                continue
        kept.append(index)
    return kept
