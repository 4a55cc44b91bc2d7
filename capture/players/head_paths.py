"""Link the heads of images to paths: one for each person, bridging what hides somebody for short.

Each path is predicted by a Kalman filter of nearly constant velocity, and heads are assigned by the
smallest sum of distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import linear_sum_assignment

_FARTHEST = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """How people move.

    Attributes:
        head_noise_m: Standard deviation of where a head is found.
        acceleration_m_s2: How hard people accelerate, as white noise over a second.
        gate_m: A head this far from where it is expected is another one.
        forget_s: A path that was not seen for this long has ended.
    """

    head_noise_m: float = 0.05
    acceleration_m_s2: float = 1.0
    gate_m: float = 0.45
    forget_s: float = 3.0


class HeadPath:
    """One head over time, with a Kalman filter of nearly constant velocity.

    Axes are alike and independent, so that one covariance serves the three.
    """

    def __init__(self, image: int, time_s: float, head_m: np.ndarray, noise_m: float) -> None:
        self.images = [image]
        self.times_s = [time_s]
        self.heads_m = [head_m]
        self._state = np.vstack([head_m, np.zeros(3)])
        self._covariance = np.diag([noise_m**2, 0.25])
        self._times, self._heads = np.zeros(0), np.zeros((0, 3))

    def expect(self, time_s: float) -> Float64[np.ndarray, "3"]:
        """Return where the head should be."""
        return self._state[0] + (time_s - self.times_s[-1]) * self._state[1]

    def add(self, image: int, time_s: float, head_m: np.ndarray, config: LinkConfig) -> None:
        """Take a sighting in."""
        step_s = time_s - self.times_s[-1]
        transition = np.array([[1.0, step_s], [0.0, 1.0]])
        drive = np.array([[step_s**3 / 3, step_s**2 / 2], [step_s**2 / 2, step_s]])
        state = transition @ self._state
        covariance = transition @ self._covariance @ transition.T
        covariance += config.acceleration_m_s2**2 * drive
        gain = covariance[:, 0] / (covariance[0, 0] + config.head_noise_m**2)
        self._state = state + gain[:, None] * (head_m - state[0])
        self._covariance = covariance - np.outer(gain, covariance[0])
        self.images.append(image)
        self.times_s.append(time_s)
        self.heads_m.append(head_m)

    def at(self, time_s: float) -> Float64[np.ndarray, "3"]:
        """Return where the head was, between sightings by interpolation."""
        times, heads = self._sightings()
        return np.array([np.interp(time_s, times, heads[:, axis]) for axis in range(3)])

    def _sightings(self) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n 3"]]:
        """Return all times and heads, as arrays that are made once the path is whole."""
        if len(self._times) != len(self.times_s):
            self._times, self._heads = np.array(self.times_s), np.array(self.heads_m)
        return self._times, self._heads


def link_heads(
    seen: Sequence[Float64[np.ndarray, "heads 3"]],
    times_s: Float64[np.ndarray, "images"],
    config: LinkConfig,
) -> list[HeadPath]:
    """Link the heads of all images to paths."""
    paths: list[HeadPath] = []
    for index, (heads, time) in enumerate(zip(seen, times_s, strict=True)):
        time_s = float(time)
        open_paths = [path for path in paths if time_s - path.times_s[-1] <= config.forget_s]
        free = set(range(len(heads)))
        if open_paths and len(heads):
            expected = np.array([path.expect(time_s)[:2] for path in open_paths])
            distance = np.linalg.norm(expected[:, None] - heads[None, :, :2], axis=2)
            # Somebody hidden is expected to have stayed as much as to have moved on.
            last = np.array([path.heads_m[-1][:2] for path in open_paths])
            distance = np.minimum(
                distance, np.linalg.norm(last[:, None] - heads[None, :, :2], axis=2)
            )
            cost = np.where(distance <= config.gate_m, distance, _FARTHEST)
            for path, head in zip(*linear_sum_assignment(cost), strict=True):
                if cost[path, head] < _FARTHEST:
                    open_paths[path].add(index, time_s, heads[head], config)
                    free.remove(int(head))
        paths.extend(
            HeadPath(index, time_s, heads[head], config.head_noise_m) for head in sorted(free)
        )
    return paths


def people_at(
    paths: Sequence[HeadPath], time_s: float, config: LinkConfig
) -> tuple[Int64[np.ndarray, "people"], Float64[np.ndarray, "people 3"]]:
    """Return which paths are there at a time, and their heads.

    Somebody is there a little before the first and after the last sighting, as far as the
    sightings are from each other: the head may have been hidden while the body was not.
    """
    names: list[int] = []
    heads: list[np.ndarray] = []
    for name, path in enumerate(paths):
        lasted_s = path.times_s[-1] - path.times_s[0]
        slack_s = min(config.forget_s, lasted_s)
        if path.times_s[0] - slack_s <= time_s <= path.times_s[-1] + slack_s:
            names.append(name)
            heads.append(path.at(time_s))
    return np.array(names, dtype=np.int64), np.array(heads).reshape(-1, 3)
