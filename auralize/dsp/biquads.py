"""Filters of second order, as equalisers have them.

Source: R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

Shape = Literal["peak", "low shelf", "high shelf", "low pass", "high pass", "band pass", "notch"]
Width = Literal["q", "octaves", "slope"]

SHELVES: tuple[Shape, ...] = ("low shelf", "high shelf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Biquad:
    """One filter of second order.

    Attributes:
        shape: What it does.
        frequency_hz: Where it does it: the middle of peak or shelf, or the corner of a pass.
        gain_db: Of peak or shelf.
        width: Q, bandwidth in octaves, or slope of a shelf (1: 12 dB an octave).
        width_is: Which of them.
    """

    shape: Shape
    frequency_hz: float
    gain_db: float
    width: float
    width_is: Width

    def section(self, sample_rate_hz: int) -> Float64[np.ndarray, "6"]:
        """Return the filter as a second-order section (b0, b1, b2, 1, a1, a2)."""
        turn = 2 * math.pi * self.frequency_hz / sample_rate_hz
        cosine, sine = math.cos(turn), math.sin(turn)
        a = 10 ** (self.gain_db / 40)
        if self.width_is == "q":
            alpha = sine / (2 * self.width)
        elif self.width_is == "octaves":
            alpha = sine * math.sinh(math.log(2) / 2 * self.width * turn / sine)
        else:
            alpha = sine / 2 * math.sqrt((a + 1 / a) * (1 / self.width - 1) + 2)
        if self.shape == "peak":
            up = (1 + alpha * a, -2 * cosine, 1 - alpha * a)
            down = (1 + alpha / a, -2 * cosine, 1 - alpha / a)
        elif self.shape in SHELVES:
            up, down = _shelf(a, cosine if self.shape == "low shelf" else -cosine, alpha)
            if self.shape == "high shelf":  # a low shelf with the spectrum turned round
                up, down = (up[0], -up[1], up[2]), (down[0], -down[1], down[2])
        else:
            down = (1 + alpha, -2 * cosine, 1 - alpha)
            up = {
                "low pass": ((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2),
                "high pass": ((1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2),
                "band pass": (alpha, 0.0, -alpha),
                "notch": (1.0, -2 * cosine, 1.0),
            }[self.shape]
        return np.array([*up, *down]) / down[0]


def middle_of_shelf(
    shape: Shape, corner_hz: float, gain_db: float, width: float, kind: Width
) -> float:
    """Return the middle of a shelf whose corner is given, as LS and HS do (LSC and HSC do not)."""
    slope = width
    if kind == "q":
        a = 10 ** (gain_db / 40)
        slope = 1 / ((1 / width**2 - 2) / (a + 1 / a) + 1)
    factor = 10 ** (abs(gain_db) / 80 / slope)
    return corner_hz * factor if shape == "low shelf" else corner_hz / factor


def _shelf(
    a: float, cosine: float, alpha: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return numerator and denominator of a low shelf."""
    beta = 2 * math.sqrt(a) * alpha
    up = (
        a * ((a + 1) - (a - 1) * cosine + beta),
        2 * a * ((a - 1) - (a + 1) * cosine),
        a * ((a + 1) - (a - 1) * cosine - beta),
    )
    down = (
        (a + 1) + (a - 1) * cosine + beta,
        -2 * ((a - 1) + (a + 1) * cosine),
        (a + 1) + (a - 1) * cosine - beta,
    )
    return up, down
