"""A source that is a body: a few points across it, each with its own share of the sound.

The sound is divided by two allpass filters A and B into four shares, (1 ± A)(1 ± B)/4. Together
they are the sound itself, unchanged and undelayed, so a sum to mono has no colour and a body that
is small or far away is a point again. Their energies add up to that of the sound at every
frequency, and each frequency goes elsewhere, so the points are heard apart: the wider they stand,
the less the ears agree. The allpasses turn about once in an auditory band, so that bands are not
torn to one side.

Source: the allpass-complementary pair of Orban 1970, "A rational technique for synthesizing
pseudo-stereo from monophonic sources", J. Audio Eng. Soc. 18, in a tree of two levels; auditory
bands of Glasberg and Moore 1990.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Float64

# How many auditory bands make a turn of the allpasses' phases, and their longest delays.
_BANDS_PER_TURN = (1.0, 1.6)
_LONGEST_S = (0.008, 0.005)
# Where points stand, in parts of half the extent, and the signs of A and B in their shares.
_PLACES = (-0.75, -0.25, 0.25, 0.75)
_SIGNS = ((1, 1), (-1, 1), (1, -1), (-1, -1))
_DESIGN_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPart:
    """A point of a body.

    Attributes:
        offset_m: How far it stands from the middle, to the listener's left, seen from the listener.
        filter: The impulse response of its share of the sound.
    """

    offset_m: float
    filter: Float32[np.ndarray, "taps"]


def body_parts(extent_m: float, sample_rate_hz: int) -> tuple[BodyPart, ...]:
    """Return the points of a body of some width."""
    return tuple(
        BodyPart(offset_m=place * extent_m / 2, filter=share)
        for place, share in zip(_PLACES, _shares(sample_rate_hz), strict=True)
    )


@lru_cache(maxsize=4)
def _shares(rate_hz: int) -> tuple[Float32[np.ndarray, "taps"], ...]:
    first, second = (
        _allpass(rate_hz, bands, longest)
        for bands, longest in zip(_BANDS_PER_TURN, _LONGEST_S, strict=True)
    )
    shares: list[Float32[np.ndarray, "taps"]] = []
    for sign, other in _SIGNS:
        one, two = sign * first, other * second
        one[0] += 1
        two[0] += 1
        shares.append((np.convolve(one, two) / 4).astype(np.float32))
    return tuple(shares)


def _allpass(rate_hz: int, bands_per_turn: float, longest_s: float) -> Float64[np.ndarray, "taps"]:
    """Return an allpass whose phase turns once in some auditory bands, low frequencies last."""
    length = 2 * math.ceil(_DESIGN_S * rate_hz / 2)
    frequencies = np.fft.rfftfreq(length, 1 / rate_hz)
    # An auditory band is 24.7 (1 + 0.00437 f) Hz wide.
    delays_s = np.minimum(1 / (bands_per_turn * 24.7 * (1 + 0.00437 * frequencies)), longest_s)
    step = 2 * np.pi * rate_hz / length
    phases = step * np.concatenate([[0.0], np.cumsum((delays_s[1:] + delays_s[:-1]) / 2)])
    # The highest bin is real.
    phases *= np.round(phases[-1] / np.pi) * np.pi / phases[-1]
    taps = math.ceil(1.25 * longest_s * rate_hz)
    return np.fft.irfft(np.exp(-1j * phases), length)[:taps].copy()
