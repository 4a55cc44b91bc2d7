"""What a sound file measures: levels, spectrum, and where it seems to come from."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Complex128, Float, Float64

from auralize.dsp.fourier import irfft, rfft
from auralize.hrtf.interaural import interaural_time_difference_s
from auralize.output.loudness import LoudnessMeter, TruePeakMeter
from capture.take.sound import FileSound
from capture.waveform import blocks_of

# Spectra of about 0.3 s resolve the third of an octave at 25 Hz.
_SEGMENT_S = 0.34
_OVERLAP = 4
_BLOCK = 65_536
_LOWEST_THIRD, _HIGHEST_THIRD = -16, 13  # 25 Hz and 20 kHz, in tenths of a decade from 1 kHz
_OCTAVES = range(-4, 5)  # 63 Hz and 16 kHz, in octaves from 1 kHz


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundMeasures:
    """What a sound file measures.

    Attributes:
        path: The file.
        subtype: Its sample format, as libsndfile names it.
        sample_rate_hz: Samples a second of each channel.
        channel_count: Channels.
        sample_count: Samples of each.
        is_ambisonic: Whether it is ambisonic: it has 4, 9, 16, … channels. They are taken for
            ACN (AmbiX, N3D) unless the file's comment says Furse-Malham.
        levels_dbfs: Root mean square of each channel; a square wave at full scale has 0.
        true_peak_dbtp: True peak of all channels.
        loudness_lufs: Integrated loudness; of the pressure in the middle for ambisonics.
        itd_s: Interaural time difference, below 1.5 kHz; positive is left; None but for 2
            channels that sound.
        ild_db: Interaural level difference; positive is left.
        band_centers_hz: Middles of thirds of octaves.
        band_levels_dbfs: Level of each channel in each band, shape (channels, bands).
        octave_centers_hz: Middles of octaves.
        intensity: Mean direction from which sound comes in each octave, as unit vectors (x front,
            y left, z up), NaN where there is none; None but for ambisonics.
    """

    path: Path
    subtype: str
    sample_rate_hz: int
    channel_count: int
    sample_count: int
    is_ambisonic: bool
    levels_dbfs: tuple[float, ...]
    true_peak_dbtp: float
    loudness_lufs: float
    itd_s: float | None
    ild_db: float | None
    band_centers_hz: Float64[np.ndarray, "bands"]
    band_levels_dbfs: Float64[np.ndarray, "channels bands"]
    octave_centers_hz: Float64[np.ndarray, "octaves"]
    intensity: Float64[np.ndarray, "octaves 3"] | None


def measure_sound(path: str | os.PathLike[str]) -> SoundMeasures:
    """Measure a sound file, in memory that does not grow with its length.

    Raises:
        FileFormatError: It cannot be read.
        DataError: It holds NaN, or no sample.
    """
    sound = FileSound(path)
    channels, rate = sound.channel_count, sound.sample_rate_hz
    ambisonic = channels >= 4 and math.isqrt(channels) ** 2 == channels
    is_fuma = ambisonic and "Furse-Malham" in sound.comment
    xyz, pressure_over_w = ([1, 2, 3], 2**0.5) if is_fuma else ([3, 1, 2], 1.0)
    loudness = LoudnessMeter(1 if ambisonic else channels, rate)
    peak = TruePeakMeter(channels)
    spectra = _MeanSpectra(channels, rate)
    energies = np.zeros(channels)
    for _, block in blocks_of(sound, _BLOCK):
        loudness.add(pressure_over_w * block[:1] if ambisonic else block)
        peak.add(block)
        spectra.add(block)
        energies += np.sum(np.square(block, dtype=np.float64), axis=1)
    peak.finish()
    spectra.finish()
    powers, crossed = spectra.powers(sound.sample_count)
    thirds, octaves = _centers_hz(rate)
    frequencies = np.linspace(0, rate / 2, powers.shape[1])
    is_stereo = channels == 2 and bool(energies.all())
    return SoundMeasures(
        path=sound.path,
        subtype=sound.subtype,
        sample_rate_hz=rate,
        channel_count=channels,
        sample_count=sound.sample_count,
        is_ambisonic=ambisonic,
        levels_dbfs=tuple(_decibels(e / sound.sample_count) for e in energies),
        true_peak_dbtp=peak.peak_dbtp,
        loudness_lufs=loudness.integrated_lufs,
        itd_s=_itd_s(crossed[1], rate) if is_stereo else None,
        ild_db=_decibels(energies[0] / energies[1]) if is_stereo else None,
        band_centers_hz=thirds,
        band_levels_dbfs=10 * np.log10(_bands(powers, frequencies, thirds, 10**0.05) + 1e-30),
        octave_centers_hz=octaves,
        intensity=_unit_vectors(_bands(np.real(crossed[xyz]), frequencies, octaves, 2**0.5))
        if ambisonic
        else None,
    )


class _MeanSpectra:
    """Mean power of each channel in each bin, and its cross power with the first channel.

    The squared windows add up to the same everywhere, also at both ends, so no part of the sound
    counts more than another.
    """

    def __init__(self, channels: int, sample_rate_hz: int) -> None:
        self._length = 2 ** math.ceil(math.log2(_SEGMENT_S * sample_rate_hz))
        self._hop = self._length // _OVERLAP
        self._window = np.hanning(self._length + 1)[:-1]
        self._rest = np.zeros((channels, self._length - self._hop))
        bins = self._length // 2 + 1
        self._powers = np.zeros((channels, bins))
        self._crossed = np.zeros((channels, bins), dtype=np.complex128)

    def add(self, block: Float[np.ndarray, "channels samples"]) -> None:
        samples = np.concatenate([self._rest, block], axis=1)
        start = 0
        while start + self._length <= samples.shape[1]:
            spectra = rfft(samples[:, start : start + self._length] * self._window)
            self._powers += np.abs(spectra) ** 2
            self._crossed += spectra[:1] * np.conj(spectra)
            start += self._hop
        self._rest = samples[:, start:].copy()

    def finish(self) -> None:
        self.add(np.zeros((len(self._rest), self._length)))

    def powers(
        self, sample_count: int
    ) -> tuple[Float64[np.ndarray, "channels bins"], Complex128[np.ndarray, "channels bins"]]:
        """Return powers and cross powers, whose sums over the bins are mean squares."""
        # Both halves of the spectrum count, but 0 Hz and half the rate occur once.
        scale = np.full(self._powers.shape[1], 2.0)
        scale[[0, -1]] = 1.0
        windows = float(np.sum(self._window**2)) / self._hop
        scale /= self._length * windows * sample_count
        return self._powers * scale, self._crossed * scale


def _centers_hz(
    sample_rate_hz: int,
) -> tuple[Float64[np.ndarray, "thirds"], Float64[np.ndarray, "octaves"]]:
    """Return the middles of the bands that end below half the rate."""
    thirds = 1000 * 10 ** (np.arange(_LOWEST_THIRD, _HIGHEST_THIRD + 1) / 10)
    octaves = 1000 * 2.0 ** np.array(_OCTAVES)
    half = sample_rate_hz / 2
    return thirds[thirds * 10**0.05 < half], octaves[octaves * 2**0.5 < half]


def _bands(
    powers: Float64[np.ndarray, "channels bins"],
    frequencies: Float64[np.ndarray, "bins"],
    centers_hz: Float64[np.ndarray, "bands"],
    half_width: float,
) -> Float64[np.ndarray, "channels bands"]:
    """Return the power in bands; a bin that a border cuts is divided."""
    width = frequencies[1]
    borders = np.append(frequencies - width / 2, frequencies[-1] + width / 2)
    total = np.concatenate([np.zeros((len(powers), 1)), np.cumsum(powers, axis=1)], axis=1)
    low, high = centers_hz / half_width, centers_hz * half_width
    return np.stack([np.interp(high, borders, t) - np.interp(low, borders, t) for t in total])


def _itd_s(cross_power: Complex128[np.ndarray, "bins"], sample_rate_hz: int) -> float:
    """Return the time difference of two ears from their cross power.

    An ear that hears the correlation of both, beside one that hears an impulse, has the same.
    """
    length = 2 * (len(cross_power) - 1)
    ears = np.zeros((2, length))
    ears[0] = np.roll(irfft(cross_power, length), length // 2)
    ears[1, length // 2] = 1.0
    return interaural_time_difference_s(ears, sample_rate_hz)


def _unit_vectors(active: Float64[np.ndarray, "3 octaves"]) -> Float64[np.ndarray, "octaves 3"]:
    """Return unit vectors along the active intensity, whose parts along x, y and z are given."""
    vectors = active.T
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(lengths > 1e-20, vectors / lengths, np.nan)


def _decibels(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
