"""Short filters from levels per octave band and metres of air, for many arrivals at once.

Levels are straight lines over the logarithm of frequency between the middles of the bands, and
held beyond them. The filters have minimum phase: they start with their strongest sample, as what
walls and air do to sound does.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float

from auralize.dsp.minimum_phase import minimum_phase_log_spectra
from auralize.sources.air import air_absorption_db_per_m
from auralize.sources.directivity import OCTAVES_HZ
from scenes.room import Medium

# Smaller gains (−100 dB) count as these; they are silent.
_SMALLEST_GAIN = 1e-5
# Phases are worked out with so much finer steps of frequency.
_OVERSAMPLED = 8
# Sound between samples needs some room below half the sample rate: it fades out from 84 % of it.
_FADE_FROM = 0.84


class BandFilters:
    """Makes the spectra of filters for transforms of one length."""

    def __init__(self, length: int, sample_rate_hz: int, medium: Medium) -> None:
        """Prepare.

        Args:
            length: Samples of the transforms; even.
            sample_rate_hz: Their rate.
            medium: The air; it counts if its air_absorption is on.
        """
        frequencies = np.fft.rfftfreq(_OVERSAMPLED * length, 1 / sample_rate_hz)
        places = np.log2(np.maximum(frequencies, 1.0))
        middles = np.log2(OCTAVES_HZ)
        curves = [np.interp(places, middles, band) for band in np.eye(len(middles))]
        air_db = air_absorption_db_per_m(frequencies, medium) * medium.air_absorption
        curves.append(-air_db * np.log(10) / 20)
        logs = minimum_phase_log_spectra(np.array(curves))[:, ::_OVERSAMPLED]
        bins = np.arange(length // 2 + 1)
        self._log_magnitudes = np.real(logs).astype(np.float32)
        self._phases = np.vstack([np.imag(logs), -2 * np.pi * bins / length]).astype(np.float32)
        fade = np.clip((bins / (length / 2) - _FADE_FROM) / (1 - _FADE_FROM), 0, 1)
        self._fade = (np.cos(fade * np.pi / 2) ** 2).astype(np.float32)

    def spectra(
        self,
        factors: Float[np.ndarray, "P"],
        octave_gains: Float[np.ndarray, "P octaves"],
        metres: Float[np.ndarray, "P"],
        delays_samples: Float[np.ndarray, "P"],
    ) -> Complex64[np.ndarray, "P bins"]:
        """Return the spectra of filters.

        Args:
            factors: Gains at all frequencies, of either sign.
            octave_gains: Gains per octave (`auralize.sources.directivity.OCTAVES_HZ`), 0 or more.
            metres: Length of the way through the air.
            delays_samples: Delays, also between samples; small against the length.
        """
        logs = np.log(np.maximum(octave_gains, _SMALLEST_GAIN))
        weights = np.column_stack([logs, metres, delays_samples]).astype(np.float32)
        magnitudes = weights[:, :-1] @ self._log_magnitudes
        np.exp(magnitudes, out=magnitudes)
        magnitudes *= factors.astype(np.float32)[:, None] * self._fade
        phases = weights @ self._phases
        # Real functions of float32 are several times as fast as complex ones.
        spectra = np.empty(phases.shape, dtype=np.complex64)
        np.multiply(magnitudes, np.cos(phases), out=spectra.real)
        np.multiply(magnitudes, np.sin(phases), out=spectra.imag)
        return spectra
