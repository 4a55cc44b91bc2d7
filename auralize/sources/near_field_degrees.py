"""Near sources in ambisonics: the wave from near by curves, and each degree feels it.

The sound of a source at a distance r has, in degree n, the strength h_n(kr)/h_0(kr) of a plane
wave's, with the spherical Hankel function h_n. What plays the channels (a head that was measured,
or loudspeakers) stands at a distance R itself, so the filters are the quotient of both. Towards
low frequencies they rise by (R/r)^n; beyond 20 dB they are held, which costs the ears little: the
high degrees of low frequencies are hardly heard.

As for headphones (`auralize.sources.near_field`), this begins below 1 m, fades in down to 0.8 m,
and stays as it is below 0.15 m. Degree 0 is untouched.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Float64

from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.dsp.minimum_phase import minimum_phase_log_spectra
from auralize.sources.heard_source import NEAREST_M
from auralize.sources.near_field import apparent_distances_m

PLAYED_FROM_M = 1.4
"""The distance of what plays the channels; KEMAR's responses were measured from there."""

_LARGEST_DB = 20.0
_TAPS_S = 0.012
_SHARPNESS = 4.0
_DISTANCES_M = np.geomspace(NEAREST_M, PLAYED_FROM_M, 12)


class DegreeFilters:
    """Filters one sound into its degrees, block by block, while its distance changes.

    There are filters for twelve distances; in between, their outputs are mixed.
    """

    def __init__(self, order: int, *, sample_rate_hz: int, speed_m_s: float, block: int) -> None:
        """Prepare for blocks of `block` samples."""
        self._past = math.ceil(_TAPS_S * sample_rate_hz)
        self._length = fast_length(self._past + block)
        filters = _filters(order, sample_rate_hz, speed_m_s)
        self._spectra = rfft(filters, self._length)
        self._buffer = np.zeros(self._past + block, dtype=np.float32)

    def process(
        self, sound: Float32[np.ndarray, "block"], distances_m: Float[np.ndarray, "borders"]
    ) -> Float32[np.ndarray, "degrees block"]:
        """Return the next block of all degrees.

        Args:
            sound: The next block.
            distances_m: Distances at its start, at its end, and evenly in between.
        """
        self._buffer[self._past :] = sound
        spectrum = rfft(self._buffer, self._length)
        apparent = np.log(apparent_distances_m(distances_m, PLAYED_FROM_M))
        nodes = np.interp(apparent, np.log(_DISTANCES_M), np.arange(len(_DISTANCES_M)))
        places = np.interp(
            np.arange(len(sound)), np.linspace(0, len(sound), len(nodes)), nodes
        ).astype(np.float32)
        total = np.zeros((len(self._spectra[0]), len(sound)), dtype=np.float32)
        for row in range(int(places.min()), math.ceil(places.max()) + 1):
            share = np.maximum(0.0, 1.0 - np.abs(places - np.float32(row)))
            degrees = irfft(spectrum * self._spectra[row], self._length)
            total += share * degrees[:, self._past : self._past + len(sound)]
        self._buffer[: self._past] = self._buffer[len(sound) :].copy()
        return total


def degree_magnitudes(
    waves: Float[np.ndarray, "F"], played_waves: Float[np.ndarray, "F"], order: int
) -> Float64[np.ndarray, "degrees F"]:
    """Return the magnitudes of the quotients of the strengths at two distances, with no limit.

    Source: Daniel 2003, "Spatial sound encoding including near field effect", AES 23rd
    International Conference, eqs. (15) to (20).

    Args:
        waves: 2π times the distance of the source over the wavelength (kr), above 0.
        played_waves: Likewise of what plays (kR).
        order: Highest degree.
    """
    strengths = [_strengths(waves, order), _strengths(played_waves, order)]
    return np.abs(strengths[0] / strengths[1])


def _strengths(x: Float[np.ndarray, "F"], order: int) -> np.ndarray:
    """Return h_n(x)/h_0(x), from the recurrence of their ratios."""
    values = [np.ones(len(x), dtype=np.complex128)]
    ratio = 1 / x - 1j
    for n in range(1, order + 1):
        values.append(values[-1] * ratio)
        ratio = (2 * n + 1) / x - 1 / ratio
    return np.stack(values)


@lru_cache(maxsize=4)
def _filters(
    order: int, rate_hz: int, speed_m_s: float
) -> Float32[np.ndarray, "distances degrees taps"]:
    """Return the filters for some distances.

    The quotients are minimum-phase (Bessel polynomials have their roots on the left), and so are
    the filters, which keep to that where they are held.
    """
    taps = math.ceil(_TAPS_S * rate_hz)
    length = 16 * fast_length(taps)
    frequencies = np.maximum(np.fft.rfftfreq(length, 1 / rate_hz), 1.0)
    numbers = 2 * np.pi * frequencies / speed_m_s
    limit = _LARGEST_DB * math.log(10) / 20
    filters: list[np.ndarray] = []
    for distance in _DISTANCES_M:
        wanted = np.log(degree_magnitudes(numbers * distance, numbers * PLAYED_FROM_M, order))
        # Held softly: as it is where it is far below the limit.
        held = wanted - np.logaddexp(0.0, _SHARPNESS * (wanted - limit)) / _SHARPNESS
        held += np.logaddexp(0.0, -_SHARPNESS * limit) / _SHARPNESS
        spectra = np.exp(minimum_phase_log_spectra(held))
        filters.append(irfft(spectra, length)[:, :taps].astype(np.float32))
    return np.stack(filters)
