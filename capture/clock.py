"""ClockFit: how the sound's clock runs beside the camera's.

Microphones and cameras of the Azure Kinect have clocks of their own, which drift apart by a few
hundred parts per million: 2 s in an hour and a half. A take's time is the sound's, so that samples
stay as they are; the times of images are moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Float64

_NO_DRIFT = 5e-6
"""Less than this is not told from the jitter of timestamps: half a millisecond in 100 s."""
_SHORTEST_FIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFit:
    """The line: sound time = offset_s + (1 + drift) · camera time.

    Attributes:
        offset_s: Sound time when the images' recording starts.
        drift: How much faster the sound's clock runs: 370e-6 is 370 ppm.
    """

    offset_s: float = 0.0
    drift: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.offset_s) and abs(self.drift) < 0.01):
            raise ValueError(
                f"a clock fit needs a finite offset and a drift below 1 %, got {self.offset_s} s "
                f"and {self.drift}."
            )

    @classmethod
    def from_times(
        cls, camera_times_s: Float[np.ndarray, "N"], sound_times_s: Float[np.ndarray, "N"]
    ) -> Self:
        """Fit the line to pairs of times by least squares.

        Less than ten seconds of pairs give an offset only: a drift cannot be told from jitter.

        Raises:
            ValueError: There is no pair.
        """
        camera = np.asarray(camera_times_s, dtype=np.float64)
        sound = np.asarray(sound_times_s, dtype=np.float64)
        if camera.size == 0 or camera.shape != sound.shape:
            raise ValueError("a clock fit needs as many camera times as sound times, at least one.")
        difference = sound - camera
        centered = camera - camera.mean()
        drift = 0.0
        if np.ptp(camera) >= _SHORTEST_FIT_S:
            drift = float(centered @ difference / (centered @ centered))
        if abs(drift) < _NO_DRIFT:
            return cls(offset_s=round(float(np.median(difference)), 6) + 0.0)
        offset_s = round(float(np.mean(difference) - drift * camera.mean()), 6)
        return cls(offset_s=offset_s, drift=drift)

    def sound_from_camera(self, times_s: Float[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
        """Return the sound's time at times of the camera's clock."""
        return self.offset_s + (1 + self.drift) * np.asarray(times_s, dtype=np.float64)

    def __str__(self) -> str:
        if self == ClockFit():
            return "sound and images start together and run alike"
        return f"sound = {self.offset_s:+.4f} s + (1 {self.drift * 1e6:+.1f} ppm) × camera"
