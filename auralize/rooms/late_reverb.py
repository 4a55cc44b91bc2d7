"""The late part of a room's response: noise that decays, band by band, as diffuse sound does.

Diffuse sound comes from all sides, so at two ears it is alike only at low frequencies: noise for
a head has the head's diffuse-field spectrum and interaural coherence. In ambisonics, all channels
are independent, and each degree is as strong as plane waves from everywhere make it.

Noise is evened out: within a band its level follows the decay that is asked for, and does not
waver by chance, which would make decay times differ by a tenth in the lowest bands.

Source: Menzer and Faller 2010, "Investigations on an early-reflection-free model for BRIRs", for
late parts from noise with diffuse-field coherence; Kuttruff, Room Acoustics, 6th ed., chapter 5.
"""

from __future__ import annotations

import itertools
import math
from typing import Protocol

import numpy as np
from jaxtyping import Complex128, Float, Float32, Float64
from scipy import signal
from scipy.ndimage import uniform_filter1d

from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.dsp.sphere_grids import golden_spiral
from auralize.hrtf.interpolation import HrtfInterpolator
from scenes.surface import OCTAVE_BANDS_HZ

# Neighbouring bands fade into one another over this part of an octave, so that the slower one is
# not heard far inside the faster one.
_CROSSOVER_OCTAVES = 1 / 12
# Levels are evened over so many periods of a band's width.
_PERIODS = 6.0
_SHORTEST_EVENED_S = 0.004
# The order of octave filters; how much softer than a fast band its slow neighbour is heard in it,
# how far that may move their border, and how different they are where it moves so far.
_OCTAVE_ORDER, _SOFTER_DB, _FARTHEST_OCTAVES, _UNEQUAL = 6, 8.0, 0.4, 0.1
# Decay times are corrected for chance and neighbours so often at most, until they are as close.
_ROUNDS, _STEP, _CLOSE = 8, 0.7, 0.005
# A decay whose level strays more from a line has no one time.
_STRAIGHT_DB = 2.0
_DIRECTIONS = 512
_DIFFUSE_LENGTH = 1024


def band_count(sample_rate_hz: int) -> int:
    """Return how many bands late parts have: the seven octaves, and one above, if there is any."""
    above = OCTAVE_BANDS_HZ[-1] * math.sqrt(2) < 0.45 * sample_rate_hz
    return len(OCTAVE_BANDS_HZ) + int(above)


class Diffuse(Protocol):
    """What diffuse sound is at some outputs: a mixture of independent noises."""

    noises: int
    """How many."""

    def mixture(self, length: int) -> Complex128[np.ndarray, "outputs noises bins"]:
        """Return the spectra with which noises are mixed, for transforms of some length."""
        ...


class DiffuseField:
    """What a head makes of diffuse sound: a spectrum for each ear, and coherence between them."""

    noises = 2

    def __init__(self, interpolator: HrtfInterpolator) -> None:
        """Average a head over directions that cover the sphere evenly."""
        responses = interpolator.impulse_responses(golden_spiral(_DIRECTIONS))
        length = max(_DIFFUSE_LENGTH, fast_length(2 * responses.shape[2]))
        spectra = rfft(responses.astype(np.float64), length)
        left, right = np.mean(np.abs(spectra) ** 2, axis=0)
        across = np.mean(spectra[:, 1] * np.conj(spectra[:, 0]), axis=0)
        # The ears' noises are L = a·n₁ and R = b·n₁ + c·n₂, which have these powers.
        first = np.sqrt(left)
        second = np.sqrt(np.maximum(right - np.abs(across / first) ** 2, 0))
        filters = np.array([[first, 0 * first], [across / first, second]])
        self._taps = np.roll(irfft(filters, length), length // 2, axis=-1)
        # How late the head's responses are: diffuse sound is no earlier than reflections.
        self.late = int(np.argmax(np.sum(responses**2, axis=(0, 1))))

    def mixture(self, length: int) -> Complex128[np.ndarray, "2 2 bins"]:
        """Return the spectra with which two noises are mixed, for transforms of some length."""
        if length < self._taps.shape[-1]:
            folded = np.pad(self._taps, ((0, 0), (0, 0), (0, -self._taps.shape[-1] % length)))
            return rfft(folded.reshape(2, 2, -1, length).sum(axis=2))
        return rfft(self._taps, length)


class DiffuseHarmonics:
    """Plane waves from everywhere in ambisonics (ACN, SN3D): all channels are independent."""

    def __init__(self, order: int) -> None:
        """Take an order."""
        self.noises = (order + 1) ** 2
        degrees = np.floor(np.sqrt(np.arange(self.noises)))
        self._factors = np.diag(1 / np.sqrt(2 * degrees + 1))

    def mixture(self, length: int) -> Complex128[np.ndarray, "channels channels 1"]:
        """Return the factors of the noises, which are the same for all bins."""
        return self._factors[..., None] + 0j


def decaying_noise(
    energies_per_s: Float[np.ndarray, "bands samples"],
    field: Diffuse,
    sample_rate_hz: int,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "outputs samples"]:
    """Return diffuse sound whose bands follow given energies over time.

    Args:
        energies_per_s: Energy per second of each band (`band_count`), beside that of a unit
            impulse in the band.
        field: What diffuse sound is at the outputs.
        sample_rate_hz: Rate.
        rng: Draws the noises.

    Raises:
        ValueError: The number of bands is not that of the rate.
    """
    bands, count = energies_per_s.shape
    if bands != band_count(sample_rate_hz):
        raise ValueError(f"needed are {band_count(sample_rate_hz)} bands, got {bands}.")
    length = 2 * fast_length(max(count, 64) // 2 + 1)
    rates = [_decay_rate(energy, sample_rate_hz) for energy in energies_per_s]
    windows = _band_windows(length, sample_rate_hz, _borders_hz(rates))
    noises = rfft(rng.standard_normal((field.noises, length)))
    calibration = _Calibration(rates, count, sample_rate_hz)
    amplitudes = np.sqrt(energies_per_s / sample_rate_hz).astype(np.float32)
    sound: list[np.ndarray] = []
    for mixing in field.mixture(length):
        used = np.flatnonzero(np.any(mixing, axis=1))
        spectrum = np.einsum("nb,nb->b", *np.broadcast_arrays(mixing[used], noises[used]))
        power = np.broadcast_to(np.sum(np.abs(mixing) ** 2, axis=0), len(spectrum))
        parts = np.zeros((bands, count), dtype=np.float32)
        for number, window in enumerate(windows):
            width_hz = np.sum(window**2) * sample_rate_hz / length
            if width_hz > 0:  # the lowest band has two windows: its octave, and all below
                inside = irfft(spectrum * window, length)
                expected = float(np.mean(window**2 * power))
                even = _evened(inside, expected, width_hz, sample_rate_hz)
                parts[max(0, number - 1)] += even[:count]
        parts *= amplitudes
        sound.append(calibration(parts))
    return np.stack(sound)


def _borders_hz(rates: list[float | None]) -> Float64[np.ndarray, "bands"]:
    """Return where bands begin that decay at some rates (one over the reverberation time).

    That is between the octaves, if both decay alike. An octave filter hears beyond its edges,
    where a slower band would outlast its own; so far, the slower one gives way to the faster one.
    """
    octaves = np.log2(OCTAVE_BANDS_HZ[0]) - 0.5 + np.arange(len(rates))
    for band, (low, high) in enumerate(itertools.pairwise(rates), start=1):
        if low is None or high is None or low == high:
            continue
        ratio = max(low, high) / min(low, high)
        # When the faster band has fallen by 35 dB, what is heard of the slower one is softer.
        softer_db = 35.0 * (1 - 1 / ratio) + _SOFTER_DB
        # A Butterworth filter of an octave is so much softer at f where f/f₀ − f₀/f is this.
        gap = (10 ** (softer_db / 10) - 1) ** (1 / (2 * _OCTAVE_ORDER)) / math.sqrt(2)
        beyond = math.log2(gap / 2 + math.hypot(gap / 2, 1)) - 0.5
        shift = min(beyond, _FARTHEST_OCTAVES) * min(1.0, (ratio - 1) / _UNEQUAL)
        octaves[band] += shift if low > high else -shift
    return 2.0**octaves


def _band_windows(
    length: int, sample_rate_hz: int, borders_hz: Float64[np.ndarray, "bands"]
) -> Float64[np.ndarray, "1+bands bins"]:
    """Return windows over frequency that add up to one: below all bands, and each band's."""
    frequencies = np.maximum(np.arange(length // 2 + 1) * sample_rate_hz / length, 1e-3)
    place = np.log2(frequencies / borders_hz[:, None]) / _CROSSOVER_OCTAVES
    above = np.sin(np.clip(place + 0.5, 0, 1) * np.pi / 2) ** 2
    ones = np.ones((1, len(frequencies)))
    return np.concatenate([ones, above]) - np.concatenate([above, 0 * ones])


def _evened(
    noise: Float64[np.ndarray, "samples"], expected: float, width_hz: float, sample_rate_hz: int
) -> Float32[np.ndarray, "samples"]:
    """Give a band of noise the power that it has in the mean, at all times."""
    over = math.ceil(max(_PERIODS / width_hz, _SHORTEST_EVENED_S) * sample_rate_hz)
    power = uniform_filter1d(uniform_filter1d(noise**2, over), over)
    floor = max(1e-12 * expected, 1e-30)
    return (noise * np.sqrt(expected / np.maximum(power, floor))).astype(np.float32)


class _Calibration:
    """Gives bands a further decay such that octaves decay as they are to.

    An octave filter also hears the edges of the neighbouring bands, which may ring for longer, and
    in a short decay low noise has few waves, of which some are higher by chance.
    """

    def __init__(self, rates: list[float | None], count: int, rate_hz: int) -> None:
        """Prepare the octave filters."""
        self._seconds = np.arange(count, dtype=np.float32) / rate_hz
        self._length = 2 * fast_length(count)
        self._octaves = {
            band: _Octave(OCTAVE_BANDS_HZ[band], self._length, count, rate_hz)
            for band, rate in enumerate(rates[: len(OCTAVE_BANDS_HZ)])
            if rate is not None and math.sqrt(2) * OCTAVE_BANDS_HZ[band] < rate_hz / 2
        }
        self._wanted = np.array([rates[band] for band in self._octaves], dtype=np.float64)

    def __call__(
        self, parts: Float32[np.ndarray, "bands samples"]
    ) -> Float32[np.ndarray, "samples"]:
        """Return the sum of bands."""
        bands = list(self._octaves)
        further = np.zeros(len(parts))
        best, least = further.copy(), math.inf
        for _ in range(_ROUNDS if bands else 0):
            spectrum = rfft(self._sum(parts, further), self._length)
            found = [octave.decay_rate(spectrum) for octave in self._octaves.values()]
            missing = self._wanted - np.array(found)
            worst = float(np.abs(missing / self._wanted).max())
            if worst < least:
                best, least = further.copy(), worst
            if worst < _CLOSE:
                break
            further[bands] += _STEP * missing
        return self._sum(parts, best).astype(np.float32)

    def _sum(
        self, parts: Float32[np.ndarray, "bands samples"], further: Float64[np.ndarray, "bands"]
    ) -> Float64[np.ndarray, "samples"]:
        total = parts.sum(axis=0, dtype=np.float64)
        for band in np.flatnonzero(further):
            total += parts[band] * (10 ** (-3 * further[band] * self._seconds) - 1)
        return total


class _Octave:
    """An octave filter (IEC 61260) that runs backwards, and takes low octaves at lower rates."""

    def __init__(self, center_hz: float, length: int, count: int, rate_hz: int) -> None:
        fewer = max(1, int(rate_hz // (8 * center_hz)))
        bins = length // 2 // fewer + (fewer == 1)
        self._short = 2 * (bins - 1)
        self._rate_hz = rate_hz * self._short / length
        self._count = round(count * self._short / length)
        edges = [center_hz / math.sqrt(2), center_hz * math.sqrt(2)]
        octave = signal.butter(_OCTAVE_ORDER, edges, "bandpass", fs=rate_hz, output="sos")
        turns = np.arange(bins) * (2 * np.pi / length)
        self._response = np.conj(signal.sosfreqz(octave, turns)[1])

    def decay_rate(self, spectrum: Complex128[np.ndarray, "bins"]) -> float:
        """Return one over the reverberation time of the octave in a sound; 0 if it cannot be told.

        Args:
            spectrum: Of the sound, filled up with zeros to the length.
        """
        inside = irfft(spectrum[: len(self._response)] * self._response, self._short)
        return _decay_rate(inside[: self._count] ** 2, self._rate_hz, most_db=math.inf) or 0.0


def _decay_rate(
    energies: Float[np.ndarray, "T"], rate_hz: float, *, most_db: float = _STRAIGHT_DB
) -> float | None:
    """Return one over the reverberation time of a falling energy; None if it cannot be told.

    That is where there is too little of it, or its level strays from a line by more than `most_db`.

    Source: ISO 3382-1, T30 by backward integration (Schroeder 1965).
    """
    left = np.cumsum(energies[::-1])[::-1]
    if left[0] <= 0:
        return None
    level_db = 10 * np.log10(np.maximum(left / left[0], 1e-12))
    start, stop = int(np.argmax(level_db < -5)), int(np.argmax(level_db < -35))
    if stop - start < 8:
        return None
    times, levels_db = np.arange(start, stop) / rate_hz, level_db[start:stop]
    slope, level = np.polyfit(times, levels_db, 1)
    straight = np.std(levels_db - level - slope * times) < most_db
    return float(-slope / 60) if straight else None
