"""Floors that are not flat: waves of some centimetres on a slight slope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """How high the floor is above z = 0, below which the camera stands.

    Attributes:
        wave_m: Height of the waves, crest over the mean.
        slope: Rise in x and in y, in metres a metre.
        phase_rad: Where the waves begin, in x and y.
    """

    wave_m: float = 0.0
    slope: tuple[float, float] = (0.0, 0.0)
    phase_rad: tuple[float, float] = (0.0, 0.0)

    def height_m(self, x: Float[np.ndarray, "*n"], y: Float[np.ndarray, "*n"]) -> np.ndarray:
        """Return the height at places, shape as theirs."""
        waves = np.sin(2.1 * x + self.phase_rad[0]) * np.cos(1.7 * y + self.phase_rad[1])
        return self.wave_m * waves + self.slope[0] * x + self.slope[1] * y


FLAT = Relief()
