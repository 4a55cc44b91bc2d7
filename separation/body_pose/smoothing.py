"""Joints over time: what each image says, and that nobody's hand accelerates without end.

For each joint the path x is the one that makes least

    Σ ‖xₜ − yₜ‖² / sₜ²  +  Σ Δt ‖x″‖² / a²

with y and s from the network: the most likely path of a body driven by white noise of
acceleration, which is what a Kalman smoother of nearly constant velocity finds, by one banded
solve. An image that is far off what its neighbors say then counts less (Cauchy weights), and
everything is solved again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solveh_banded

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

_LEAST_WEIGHT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingConfig:
    """How hard joints are smoothed.

    Attributes:
        acceleration_m_s2: a, root mean square over a second; None for no smoothing. 0.4 was best
            for the right wrists of a simulated quartet; 0.2 to 0.8 is about as good.
        jitter: Share of an estimate's error that is new in every image; the rest stays for long,
            as an arm that is taken to be too short, and no smoothing helps against it.
        far: From how many standard deviations on an image counts half.
        passes: How often weights are found anew.
    """

    acceleration_m_s2: float | None = 0.4
    jitter: float = 0.35
    far: float = 2.5
    passes: int = 2

    def __post_init__(self) -> None:
        if self.acceleration_m_s2 is not None and not self.acceleration_m_s2 > 0:
            raise ValueError(f"acceleration_m_s2 must be positive, got {self.acceleration_m_s2}.")
        if not (self.jitter > 0 and self.far > 0 and self.passes >= 0):
            raise ValueError(f"jitter and far must be positive, got {self}.")


def smoothed_joints(
    times_s: Float64[np.ndarray, "T"],
    joints_m: Float32[np.ndarray, "T joints 3"],
    scales_m: Float32[np.ndarray, "T joints"],
    config: SmoothingConfig,
) -> Float32[np.ndarray, "T joints 3"]:
    """Return the likely paths; where joints are NaN, what the others say.

    Args:
        times_s: Increasing.
        joints_m: As seen; NaN where nothing is seen, but not everywhere.
        scales_m: How far off each may be; per axis the standard deviation is twice the scale.
        config: How hard to smooth.
    """
    seen = np.isfinite(joints_m).all(axis=(1, 2))
    filled = np.empty_like(joints_m, dtype=np.float64)
    for joint in range(joints_m.shape[1]):
        for axis in range(3):
            filled[:, joint, axis] = np.interp(times_s, times_s[seen], joints_m[seen, joint, axis])
    if config.acceleration_m_s2 is None or seen.sum() < 3:
        return filled.astype(np.float32)
    bending = _bending(times_s) / config.acceleration_m_s2**2
    smooth = np.empty_like(filled)
    for joint in range(joints_m.shape[1]):
        deviation = 2.0 * config.jitter * np.where(seen, scales_m[:, joint], np.inf)
        weights = np.maximum(1.0 / deviation**2, _LEAST_WEIGHT)
        path = _solve(bending, weights, filled[:, joint])
        for _ in range(config.passes):
            off = np.linalg.norm(filled[:, joint] - path, axis=1) / deviation
            path = _solve(bending, weights / (1.0 + (off / config.far) ** 2), filled[:, joint])
        smooth[:, joint] = path
    return smooth.astype(np.float32)


def _bending(times_s: Float64[np.ndarray, "T"]) -> Float64[np.ndarray, "3 T"]:
    """Return the upper bands of the matrix of Σ Δt (x″)², for `solveh_banded`."""
    before, after = np.diff(times_s)[:-1], np.diff(times_s)[1:]
    step = (before + after) / 2
    left, right = 1.0 / (before * step), 1.0 / (after * step)
    middle = -(left + right)
    bands = np.zeros((3, len(times_s)))
    for offset, row in enumerate((left, middle, right)):
        bands[2, offset : offset + len(row)] += step * row * row
    bands[1, 1:-1] += step * left * middle
    bands[1, 2:] += step * middle * right
    bands[0, 2:] += step * left * right
    return bands


def _solve(
    bending: Float64[np.ndarray, "3 T"],
    weights: Float64[np.ndarray, "T"],
    seen_m: Float64[np.ndarray, "T 3"],
) -> Float64[np.ndarray, "T 3"]:
    bands = bending.copy()
    bands[2] += weights
    return np.asarray(solveh_banded(bands, weights[:, None] * seen_m))
