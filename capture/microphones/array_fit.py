"""Fit where a ring of microphones is to the delays with which it hears sounds of known places.

Delays of one sound say from which direction it came, in the plane of the ring, as seen from its
middle: one sound gives the rotation if the offset is known, and no more. The offset shows by how
the direction changes between sounds from several sides, the nearer the better; the sense in which
channels run around shows between two directions that are not opposite. What the sounds do not
show stays as it was, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from scipy.optimize import least_squares

from capture.errors import DataError
from capture.microphones.channel_delays import channel_pairs
from capture.microphones.geometry import MicrophoneGeometry

_SOUND_M_S = 343.0
_STARTS = 24
_DELAY_STD_S = 1.5e-6
"""How well a delay is measured at best."""
_SOFT_S = 10e-6
_WORST_RMS_S = 25e-6
_WORST_ROTATION_RAD = np.radians(10.0)
_WORST_OFFSET_M = 0.03
"""What is known worse is better kept as it was."""
_KEPT_STD_M = 0.03
"""How well an offset is known that is not fitted."""
_FARTHEST_M = 0.25
_CLEARLY = 3.0
"""Squared error of a mirrored ring, in multiples of the better one's, from which it is refused."""
_NAMES = ("rotation", "front", "left", "up")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSound:
    """A sound that was heard from a known place.

    Attributes:
        position_m: Front, left, up of the depth camera (its axes, turned to the world's).
        delays_s: Of each pair of channels (`channel_pairs`), by how much the first is later.
    """

    position_m: Float64[np.ndarray, "3"]
    delays_s: Float64[np.ndarray, "pairs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayFit:
    """Where the microphones are, and how sure that is.

    Attributes:
        geometry: Fitted.
        rotation_std_rad: Standard deviation of its rotation.
        offset_std_m: Of the offset's front, left and up; None for what was not fitted.
        rms_s: Root mean square of what the delays leave.
        kept: What the sounds do not show, which stays as it was: "front", "left", "up", "axis".
    """

    geometry: MicrophoneGeometry
    rotation_std_rad: float
    offset_std_m: tuple[float | None, float | None, float | None]
    rms_s: float
    kept: tuple[str, ...]


def fit_array(
    sounds: Sequence[HeardSound],
    geometry: MicrophoneGeometry,
    *,
    fit_offset: bool = True,
    source_std_m: float = 0.02,
) -> ArrayFit:
    """Find rotation and offset of a ring of microphones.

    Args:
        sounds: Heard from known places.
        geometry: Number, radius and axis, and what is kept where the sounds do not show it.
        fit_offset: Whether the offset is to be found, or only the rotation.
        source_std_m: How well the places of the sounds are known, along each axis.

    Raises:
        ValueError: There is no sound, or numbers of delays and microphones differ.
        DataError: The sounds do not show the rotation, or fit no such ring.
    """
    pairs = channel_pairs(geometry.channel_count)
    if not sounds or any(sound.delays_s.shape != (len(pairs),) for sound in sounds):
        raise ValueError(f"at least one sound with {len(pairs)} delays is needed.")
    if geometry.ring_count < 2:
        raise ValueError(f"a ring of {geometry.ring_count} microphones shows no direction.")
    problem = _Problem(sounds, geometry, pairs, source_std_m)
    front, left, up = geometry.axis
    mirrored = problem.about((-front, -left, -up))
    kept: tuple[str, ...] = ()
    turn, other = problem.best_turn(), mirrored.best_turn()
    error, other_error = problem.squared_error(turn), mirrored.squared_error(other)
    if error > _CLEARLY * other_error:
        problem, turn = mirrored, other
    elif other_error < _CLEARLY * error:
        kept = ("axis",)
    free = [True] + [fit_offset] * 3
    while True:
        solution = problem.solve(turn, free)
        stds = problem.stds(solution, free)
        offsets = np.where(free[1:], stds[1:], 0.0)
        if offsets.max() <= _WORST_OFFSET_M:
            break
        free[1 + int(offsets.argmax())] = False
    rms_s = problem.rms_s(solution)
    if not stds[0] < _WORST_ROTATION_RAD:
        raise DataError(
            "the sounds do not show how the microphones are turned: they come from near the ring's "
            "axis. Clap beside the sensor or in front of it, not above or below."
        )
    if rms_s > _WORST_RMS_S:
        raise DataError(
            f"the delays between channels fit no ring of {geometry.ring_count} microphones with a "
            f"radius of {1e3 * geometry.radius_m:.0f} mm ({1e6 * rms_s:.0f} µs are left). Check "
            "where and when the sounds were, the order of channels and the radius."
        )
    fitted_m = np.array(problem.geometry(solution).offset_m)
    moved_m = float(np.linalg.norm(fitted_m - geometry.offset_m))
    if moved_m > _FARTHEST_M:
        raise DataError(
            f"the sounds put the microphones {moved_m:.2f} m away from where they are taken to be. "
            "Check where and when the sounds were, or give the offset from the depth camera."
        )
    kept += tuple(name for name, fitted in zip(_NAMES[1:], free[1:], strict=True) if not fitted)
    places = [float(std) if fitted else None for std, fitted in zip(stds, free, strict=True)]
    return ArrayFit(
        geometry=problem.geometry(solution),
        rotation_std_rad=float(stds[0]),
        offset_std_m=(places[1], places[2], places[3]),
        rms_s=rms_s,
        kept=kept,
    )


class _Problem:
    """Delays, and what a ring would hear; unknown are (rotation, front, left, up)."""

    def __init__(
        self,
        sounds: Sequence[HeardSound],
        geometry: MicrophoneGeometry,
        pairs: np.ndarray,
        source_std_m: float,
    ) -> None:
        self._sounds = sounds
        self._places = np.array([sound.position_m for sound in sounds], dtype=np.float64)
        self._delays = np.array([sound.delays_s for sound in sounds], dtype=np.float64)
        self._geometry = geometry
        self._pairs = pairs
        self._source_std_m = source_std_m

    def about(self, axis: tuple[float, float, float]) -> _Problem:
        """Return the problem of a ring about another axis."""
        geometry = replace(self._geometry, axis=axis)
        return _Problem(self._sounds, geometry, self._pairs, self._source_std_m)

    def geometry(self, unknowns: np.ndarray) -> MicrophoneGeometry:
        """Return the ring of a solution, its rotation within half a turn."""
        turn, front, left, up = (float(value) for value in unknowns)
        turn = float((turn + np.pi) % (2 * np.pi) - np.pi)
        return replace(self._geometry, rotation_rad=turn, offset_m=(front, left, up))

    def start(self, turn: float) -> np.ndarray:
        """Return unknowns with a rotation and the offset as it was."""
        return np.array([turn, *self._geometry.offset_m])

    def best_turn(self) -> float:
        """Return the rotation that fits best where the offset is as it was."""
        turns = 2 * np.pi * np.arange(_STARTS) / _STARTS
        best = min(turns, key=lambda turn: self.rms_s(self.start(turn)))
        return float(self.solve(float(best), [True, False, False, False])[0])

    def squared_error(self, turn: float) -> float:
        """Return the mean squared error of a rotation, no smaller than that of the delays."""
        return self.rms_s(self.start(turn)) ** 2 + _DELAY_STD_S**2

    def solve(self, turn: float, free: Sequence[bool]) -> np.ndarray:
        """Return the unknowns that fit best, those that are not free as they were."""
        start, mask = self.start(turn), np.array(free)

        def residuals(values: np.ndarray) -> np.ndarray:
            unknowns = start.copy()
            unknowns[mask] = values
            return self._left(unknowns, self._places).ravel() / _SOFT_S

        found = least_squares(residuals, start[mask], loss="soft_l1", x_scale=0.1)
        solution = start.copy()
        solution[mask] = found.x
        return solution

    def rms_s(self, unknowns: np.ndarray) -> float:
        """Return the root mean square of what is left."""
        return float(np.sqrt(np.mean(self._left(unknowns, self._places) ** 2)))

    def stds(self, unknowns: np.ndarray, free: Sequence[bool]) -> np.ndarray:
        """Return standard deviations, from errors of the delays and of the sounds' places."""
        mask = np.array(free)
        every = _slopes(lambda x: self._left(x, self._places).ravel(), unknowns)
        slopes = every[:, mask]
        by_place = _slopes(
            lambda x: self._left(unknowns, x.reshape(-1, 3)).ravel(), self._places.ravel()
        )
        # The damping gives what the sounds do not show at all a finite, huge variance.
        squares = slopes.T @ slopes
        damped = squares + np.eye(len(squares)) * (1e-9 * _DELAY_STD_S**2)
        solver = np.linalg.solve(damped, slopes.T)
        delay_s = max(_DELAY_STD_S, self.rms_s(unknowns))
        placed = solver @ by_place * self._source_std_m
        kept = solver @ every[:, ~mask] * _KEPT_STD_M
        variances = np.diag(np.linalg.inv(damped)) * delay_s**2
        variances += (placed**2).sum(axis=1) + (kept**2).sum(axis=1)
        stds = np.zeros(len(mask))
        stds[mask] = np.sqrt(variances)
        return stds

    def _left(self, unknowns: np.ndarray, places: np.ndarray) -> np.ndarray:
        microphones = self.geometry(unknowns).on_device_m()
        away = np.linalg.norm(places[:, None] - microphones, axis=2) / _SOUND_M_S
        return away[:, self._pairs[:, 0]] - away[:, self._pairs[:, 1]] - self._delays


def _slopes(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Return the Jacobian by central differences."""
    step = 1e-5
    columns = [
        (function(at + step * unit) - function(at - step * unit)) / (2 * step)
        for unit in np.eye(len(at))
    ]
    return np.stack(columns, axis=1)
