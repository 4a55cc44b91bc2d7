"""What a sound file measures: levels, spectrum, and where it seems to come from."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Complex128, Float32, Float64

from auralize.fourier import irfft, rfft
from auralize.interaural import interaural_level_difference_db, interaural_time_difference_s
from auralize.loudness import integrated_loudness_lufs, true_peak_dbtp
from capture.waveform import Waveform, read_waveform

# Spectra of about 0.3 s resolve the third of an octave at 25 Hz.
_SEGMENT_S = 0.34
_OVERLAP = 4
_LOWEST_THIRD, _HIGHEST_THIRD = -16, 13  # 25 Hz and 20 kHz, in tenths of a decade from 1 kHz
_OCTAVES = range(-4, 5)  # 63 Hz and 16 kHz, in octaves from 1 kHz


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundMeasures:
    """What a sound file measures.

    Attributes:
        path: The file.
        subtype: Its sample format, as libsndfile names it.
        waveform: Its sound.
        is_ambisonic: Whether it is ambisonic: it has 4, 9, 16, … channels. They are taken for
            ACN (AmbiX, N3D) unless the file's comment says Furse-Malham.
        levels_dbfs: Root mean square of each channel; a square wave at full scale has 0.
        peak_dbtp: True peak of all channels.
        loudness_lufs: Integrated loudness; of the channel W for ambisonics.
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
    waveform: Waveform
    is_ambisonic: bool
    levels_dbfs: tuple[float, ...]
    peak_dbtp: float
    loudness_lufs: float
    itd_s: float | None
    ild_db: float | None
    band_centers_hz: Float64[np.ndarray, "bands"]
    band_levels_dbfs: Float64[np.ndarray, "channels bands"]
    octave_centers_hz: Float64[np.ndarray, "octaves"]
    intensity: Float64[np.ndarray, "octaves 3"] | None


def measure_sound(path: str | os.PathLike[str]) -> SoundMeasures:
    """Measure a sound file.

    Raises:
        FileFormatError: It cannot be read.
        DataError: It holds NaN.
    """
    file = Path(path)
    waveform = read_waveform(file)
    samples, rate = waveform.samples, waveform.sample_rate_hz
    channels = waveform.channel_count
    ambisonic = channels >= 4 and math.isqrt(channels) ** 2 == channels
    powers, crossed = _spectra(samples, rate)
    frequencies = np.linspace(0, rate / 2, powers.shape[1])
    thirds = 1000 * 10 ** (np.arange(_LOWEST_THIRD, _HIGHEST_THIRD + 1) / 10)
    thirds = thirds[thirds * 10**0.05 < rate / 2]
    octaves = 1000 * 2.0 ** np.array(_OCTAVES)
    octaves = octaves[octaves * 2**0.5 < rate / 2]
    with soundfile.SoundFile(file) as opened:
        subtype = str(opened.subtype)
        xyz = [1, 2, 3] if "Furse-Malham" in str(opened.comment) else [3, 1, 2]
    is_stereo = channels == 2 and bool(np.any(samples, axis=1).all())
    return SoundMeasures(
        path=file,
        subtype=subtype,
        waveform=waveform,
        is_ambisonic=ambisonic,
        levels_dbfs=tuple(
            _decibels(float(np.mean(np.square(channel, dtype=np.float64)))) for channel in samples
        ),
        peak_dbtp=true_peak_dbtp(samples),
        loudness_lufs=integrated_loudness_lufs(samples[:1] if ambisonic else samples, rate),
        itd_s=_itd_s(crossed[1], rate) if is_stereo else None,
        ild_db=interaural_level_difference_db(samples, rate) if is_stereo else None,
        band_centers_hz=thirds,
        band_levels_dbfs=10 * np.log10(_bands(powers, frequencies, thirds, 10**0.05) + 1e-30),
        octave_centers_hz=octaves,
        intensity=_intensity(_bands(np.real(crossed[xyz]), frequencies, octaves, 2**0.5))
        if ambisonic
        else None,
    )


def _spectra(
    samples: Float32[np.ndarray, "channels samples"], sample_rate_hz: int
) -> tuple[Float64[np.ndarray, "channels bins"], Complex128[np.ndarray, "channels bins"]]:
    """Return the mean power of each channel in each bin, and its cross power with the first.

    The squared windows add up to the same everywhere, also at both ends, so no part of the sound
    counts more than another.
    """
    length = 2 ** math.ceil(math.log2(_SEGMENT_S * sample_rate_hz))
    hop = length // _OVERLAP
    window = np.hanning(length + 1)[:-1]
    channels, count = samples.shape
    padded = np.pad(samples, ((0, 0), (length - hop, length)))
    powers = np.zeros((channels, length // 2 + 1))
    crossed = np.zeros((channels, length // 2 + 1), dtype=np.complex128)
    for start in range(0, count + length - hop, hop):
        spectra = rfft(padded[:, start : start + length] * window)
        powers += np.abs(spectra) ** 2
        crossed += spectra[:1] * np.conj(spectra)
    # Both halves of the spectrum, but 0 Hz and half the rate occur once.
    scale = np.full(length // 2 + 1, 2.0)
    scale[[0, -1]] = 1.0
    scale /= length * float(np.sum(window**2)) / hop * max(count, 1)
    return powers * scale, crossed * scale


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


def _intensity(active: Float64[np.ndarray, "3 octaves"]) -> Float64[np.ndarray, "octaves 3"]:
    """Return unit vectors along the active intensity, whose sizes along x, y and z are given."""
    vectors = active.T
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(lengths > 1e-20, vectors / lengths, np.nan)


def _decibels(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
