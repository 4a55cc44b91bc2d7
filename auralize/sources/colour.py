"""What colours the sound of a source on its way, the same for all ears: air and directivity.

Both are known as magnitudes over frequency; each gets the phase with which it responds soonest.
Logarithms of spectra add up, and minimum phase is linear in them, so a filter for any distance and
direction is a weighted sum of a few spectra that are prepared once.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Complex64, Float

from auralize.dsp.minimum_phase import minimum_phase_log_spectra
from auralize.sources.air import air_absorption_db_per_m
from auralize.sources.directivity import OCTAVES_HZ
from auralize.sources.heard_source import HeardSource
from scenes.room import Medium

_NEPERS = math.log(10) / 20
_COLOUR_S = 0.005
# Bases are made on a finer grid, where their long cepstra do not wrap round.
_OVERSAMPLED = 8


def colour_taps(source: HeardSource) -> int:
    """Return how many taps a source's colour adds to its filters; 0 if it has none."""
    if not _air_counts(source) and (source.directivity is None or not source.directivity.has_bands):
        return 0
    return math.ceil(_COLOUR_S * source.sample_rate_hz)


def colour_factors(
    source: HeardSource, times_s: Float[np.ndarray, "T"]
) -> Float[np.ndarray, "T"] | None:
    """Return the factors at all frequencies from the cardioid family; None if there are none."""
    if source.directivity is None or source.directivity.shape == 0:
        return None
    return source.directivity.factors(source.seen_from_source(times_s))


def colour_spectra(
    source: HeardSource,
    times_s: Float[np.ndarray, "T"],
    distances_m: Float[np.ndarray, "T"],
    length: int,
) -> Complex64[np.ndarray, "T bins"] | None:
    """Return what a source's colour does to the bins of a transform; None if it has none.

    The file is the sound at the reference distance, so the air counts from there; what it may have
    swallowed before is not brought back.

    Args:
        source: The source.
        times_s: Times of the scene.
        distances_m: How far away the source is heard from at these times.
        length: Length of the transform; even.
    """
    exponents: Complex64[np.ndarray, "T bins"] | None = None
    if _air_counts(source):
        ways = source.air_way_m(distances_m)
        air = source.medium
        metre = _air_basis(
            air.temperature_c,
            air.relative_humidity_percent,
            air.pressure_kpa,
            source.sample_rate_hz,
            length,
        )
        exponents = ways.astype(np.float32)[:, None] * metre
    if source.directivity is not None and source.directivity.has_bands:
        levels_db = source.directivity.octave_levels_db(source.seen_from_source(times_s))
        bands = levels_db.astype(np.complex64) @ _octave_basis(source.sample_rate_hz, length)
        exponents = bands if exponents is None else exponents + bands
    return None if exponents is None else np.exp(exponents, out=exponents)


def _air_counts(source: HeardSource) -> bool:
    return source.medium.air_absorption


@lru_cache(maxsize=4)
def _air_basis(
    temperature_c: float, humidity_percent: float, pressure_kpa: float, rate_hz: int, length: int
) -> Complex64[np.ndarray, "bins"]:
    """Return the logarithm of the spectrum of one metre of air."""
    medium = Medium(
        temperature_c=temperature_c,
        relative_humidity_percent=humidity_percent,
        pressure_kpa=pressure_kpa,
    )
    frequencies = np.fft.rfftfreq(_OVERSAMPLED * length, 1 / rate_hz)
    loss = -_NEPERS * air_absorption_db_per_m(frequencies, medium)
    return minimum_phase_log_spectra(loss)[::_OVERSAMPLED].astype(np.complex64)


@lru_cache(maxsize=4)
def _octave_basis(rate_hz: int, length: int) -> Complex64[np.ndarray, "octaves bins"]:
    """Return the logarithms of the spectra of a decibel in each octave band.

    Between the middles of bands, levels are straight lines over the logarithm of frequency.
    """
    frequencies = np.fft.rfftfreq(_OVERSAMPLED * length, 1 / rate_hz)
    places = np.log2(np.maximum(frequencies, 1.0))
    middles = np.log2(OCTAVES_HZ)
    shares = [np.interp(places, middles, band) for band in np.eye(len(middles))]
    basis = minimum_phase_log_spectra(_NEPERS * np.array(shares))[:, ::_OVERSAMPLED]
    return basis.astype(np.complex64)
