"""ClockFit: how the sound's clock runs beside the camera's.

Microphones and cameras of the Azure Kinect have clocks of their own, which drift apart by a few
hundred parts per million: 2 s in an hour and a half. A take's time is the sound's, so that samples
stay as they are; the times of images are moved. `capture.sync` finds the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFit:
    """sound time = offset_s + (1 + drift) · camera time + wander(camera time).

    Attributes:
        offset_s: Sound time when the images' recording starts.
        drift: How much faster the sound's clock runs: 370e-6 is 370 ppm.
        wander: What the line leaves: pairs of camera time and seconds to add, in the order of
            time. Between two pairs it runs straight, before the first and after the last it stays.
    """

    offset_s: float = 0.0
    drift: float = 0.0
    wander: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not (np.isfinite(self.offset_s) and abs(self.drift) < 0.01):
            raise ValueError(
                f"a clock fit needs a finite offset and a drift below 1 %, got {self.offset_s} s "
                f"and {self.drift}."
            )
        if self.wander:
            pairs = np.array(self.wander, dtype=np.float64)
            if not np.isfinite(pairs).all() or np.any(np.diff(pairs[:, 0]) <= 0):
                raise ValueError("the wander's pairs must be finite, and their times increase.")
            steps = np.diff(pairs, axis=0)
            if np.any(steps[:, 1] <= -(1 + self.drift) * steps[:, 0]):
                raise ValueError(
                    "the wander turns time back: it may not fall by a second in a second."
                )

    def sound_from_camera(self, times_s: Float[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
        """Return the sound's time at times of the camera's clock."""
        times = np.asarray(times_s, dtype=np.float64)
        sound = self.offset_s + (1 + self.drift) * times
        if self.wander:
            knots, seconds = np.array(self.wander, dtype=np.float64).T
            sound = sound + np.interp(times, knots, seconds)
        return sound

    def shifted(self, seconds: float) -> ClockFit:
        """Return the fit with every sound time later by `seconds`."""
        return ClockFit(offset_s=self.offset_s + seconds, drift=self.drift, wander=self.wander)

    def __str__(self) -> str:
        if self == ClockFit():
            return "sound and images start together and run alike"
        line = f"sound = {self.offset_s:+.4f} s + (1 {self.drift * 1e6:+.1f} ppm) × camera"
        if not self.wander:
            return line
        widest_ms = 1e3 * max(abs(seconds) for _, seconds in self.wander)
        return f"{line}, and a wander of up to {widest_ms:.1f} ms"
