"""Compare two sound files: what they measure, and what is left when one is taken from the other.

Differences are second minus first. A positive offset means that the second is late.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from auralize.fourier import fast_length, irfft, rfft
from auralize.sound_measures import SoundMeasures, measure_sound

# So many samples are enough to find the offset: three minutes at 48 kHz.
_MOST_SAMPLES = 2**23
_LEAST_LIKENESS = 0.1
_SHARED_BAND_DB = -90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is left of the second sound without the first.

    Attributes:
        is_identical: Whether every sample is the same.
        offset_s: How much later the second is; None where they have no time in common (then all
            that follows is None too).
        likeness: Correlation coefficient at that offset, −1 to 1.
        residual_db: Energy of second minus first, brought to the same time, over the first's.
        gain_db: Level of what of the first is in the second.
        residual_without_gain_db: The residual with the level brought to the same, too.
    """

    is_identical: bool
    offset_s: float | None
    likeness: float | None
    residual_db: float | None
    gain_db: float | None
    residual_without_gain_db: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundComparison:
    """Two sounds and what is between them.

    Attributes:
        first: Measures of the first file.
        second: Measures of the second file.
        notes: What keeps them from being compared in full.
        difference: Of their samples; None where rates or channel counts differ.
    """

    first: SoundMeasures
    second: SoundMeasures
    notes: tuple[str, ...]
    difference: Difference | None

    @property
    def largest_change_db(self) -> float:
        """The residual; −inf for identical files, +inf where there is none to be had."""
        if self.difference is None or self.difference.residual_db is None:
            return math.inf
        return self.difference.residual_db

    @property
    def band_changes_db(self) -> Float64[np.ndarray, "channels bands"] | None:
        """Change of level in each third of an octave; NaN where a sound has next to nothing."""
        first, second = self.first.band_levels_dbfs, self.second.band_levels_dbfs
        bands = min(first.shape[1], second.shape[1])
        if len(first) != len(second):
            return None
        first, second = first[:, :bands], second[:, :bands]
        quiet = np.minimum(
            first - first.max(initial=-300.0), second - second.max(initial=-300.0)
        ) < (_SHARED_BAND_DB)
        return np.where(quiet, np.nan, second - first)

    @property
    def intensity_turns_deg(self) -> Float64[np.ndarray, "octaves"] | None:
        """Angle between the mean directions in each octave; None but for ambisonics."""
        first, second = self.first.intensity, self.second.intensity
        if first is None or second is None:
            return None
        octaves = min(len(first), len(second))
        cosines = np.sum(first[:octaves] * second[:octaves], axis=1)
        return np.degrees(np.arccos(np.clip(cosines, -1, 1)))

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        changes, turns = self.band_changes_db, self.intensity_turns_deg
        centers = self.first.band_centers_hz
        difference = self.difference
        return {
            "kind": "sounds",
            "first": _facts(self.first),
            "second": _facts(self.second),
            "notes": list(self.notes),
            "is_identical": difference is not None and difference.is_identical,
            "offset_s": difference and difference.offset_s,
            "likeness": difference and difference.likeness,
            "residual_db": difference and difference.residual_db,
            "gain_db": difference and difference.gain_db,
            "residual_without_gain_db": difference and difference.residual_without_gain_db,
            "band_changes_db": None
            if changes is None
            else {
                f"{round(center, 1):g}": list(map(float, change))
                for center, change in zip(centers, changes.T, strict=False)
            },
            "intensity_turns_deg": None
            if turns is None
            else {
                f"{center:g}": float(turn)
                for center, turn in zip(self.first.octave_centers_hz, turns, strict=False)
            },
        }


def compare_sounds(
    first: str | os.PathLike[str], second: str | os.PathLike[str]
) -> SoundComparison:
    """Compare two sound files.

    Raises:
        FileFormatError: One cannot be read.
        DataError: One holds NaN.
    """
    a, b = measure_sound(first), measure_sound(second)
    notes: list[str] = []
    rates = a.waveform.sample_rate_hz, b.waveform.sample_rate_hz
    channels = a.waveform.channel_count, b.waveform.channel_count
    counts = a.waveform.sample_count, b.waveform.sample_count
    if rates[0] != rates[1]:
        notes.append(
            f"sample rates differ ({rates[0]} and {rates[1]} Hz): levels and spectra are compared, "
            "samples are not"
        )
    if channels[0] != channels[1]:
        notes.append(
            f"channel counts differ ({channels[0]} and {channels[1]}): only what belongs to the "
            "whole is compared"
        )
    if rates[0] == rates[1] and counts[0] != counts[1]:
        notes.append(
            f"lengths differ ({counts[0]} and {counts[1]} samples): the shorter one is taken to be "
            "followed by silence"
        )
    difference = None
    if rates[0] == rates[1] and channels[0] == channels[1]:
        difference = _difference(a.waveform.samples, b.waveform.samples, rates[0])
    return SoundComparison(first=a, second=b, notes=tuple(notes), difference=difference)


def _difference(
    first: Float32[np.ndarray, "channels samples"],
    second: Float32[np.ndarray, "channels other"],
    sample_rate_hz: int,
) -> Difference:
    if first.shape == second.shape and np.array_equal(first, second):
        silence = not first.any()
        return Difference(
            is_identical=True,
            offset_s=0.0,
            likeness=None if silence else 1.0,
            residual_db=-math.inf,
            gain_db=0.0,
            residual_without_gain_db=-math.inf,
        )
    offset, likeness = _offset_samples(first, second)
    if not abs(likeness) >= _LEAST_LIKENESS:
        return Difference(
            is_identical=False,
            offset_s=None,
            likeness=likeness,
            residual_db=None,
            gain_db=None,
            residual_without_gain_db=None,
        )
    energy = other = left = product = 0.0
    for a, b in zip(first, second, strict=True):
        x, y = _brought_together(a, b, offset)
        energy += float(x @ x)
        other += float(y @ y)
        left += float(np.sum((y - x) ** 2))
        product += float(x @ y)
    gain = product / energy
    # The sum of (y − g x)² with g = xy/xx, from sums that are there, would cancel: do it again.
    rest = 0.0
    for a, b in zip(first, second, strict=True):
        x, y = _brought_together(a, b, offset)
        rest += float(np.sum((y - gain * x) ** 2))
    return Difference(
        is_identical=False,
        offset_s=offset / sample_rate_hz,
        likeness=product / math.sqrt(energy * other),
        residual_db=_decibels(left / energy),
        gain_db=2 * _decibels(abs(gain)),
        residual_without_gain_db=_decibels(rest / energy),
    )


def _offset_samples(
    first: Float32[np.ndarray, "channels samples"], second: Float32[np.ndarray, "channels other"]
) -> tuple[float, float]:
    """Return by how many samples the second is late, and the correlation coefficient there."""
    first, second = first[:, :_MOST_SAMPLES], second[:, :_MOST_SAMPLES]
    energies = [float(np.sum(np.square(s, dtype=np.float64))) for s in (first, second)]
    if not min(energies) > 0:
        return 0.0, 0.0
    length = fast_length(first.shape[1] + second.shape[1])
    cross = np.zeros(length // 2 + 1, dtype=np.complex128)
    for a, b in zip(first, second, strict=True):
        cross += rfft(b.astype(np.float64), length) * np.conj(rfft(a.astype(np.float64), length))
    correlation = irfft(cross, length)
    top = int(np.argmax(np.abs(correlation)))
    whole = top if top <= length // 2 else top - length
    likeness = float(correlation[top]) / math.sqrt(energies[0] * energies[1])
    # What is left of the offset turns the phase in proportion to frequency.
    turns = 2 * np.pi * np.arange(len(cross)) / length
    aligned = cross * np.exp(1j * turns * whole) * math.copysign(1.0, likeness)
    weights = np.abs(aligned) * turns**2
    slope = np.sum(np.abs(aligned) * turns * np.angle(aligned)) / max(float(weights.sum()), 1e-300)
    rest = -float(np.clip(slope, -0.5, 0.5))
    return whole + (rest if abs(rest) > 1e-4 else 0.0), likeness


def _brought_together(
    first: Float32[np.ndarray, "samples"], second: Float32[np.ndarray, "other"], offset: float
) -> tuple[Float64[np.ndarray, "longest"], Float64[np.ndarray, "longest"]]:
    """Return two channels at one time, the first delayed (or the second, where it is early)."""
    whole = round(offset)
    before = max(whole, 0), max(-whole, 0)
    count = max(len(first) + before[0], len(second) + before[1])
    x, y = np.zeros(count), np.zeros(count)
    x[before[0] : before[0] + len(first)] = first
    y[before[1] : before[1] + len(second)] = second
    rest = offset - whole
    if rest:
        length = fast_length(count + 256)
        turns = 2 * np.pi * np.arange(length // 2 + 1) / length
        x = irfft(rfft(x, length) * np.exp(-1j * turns * rest), length)[:count]
    return x, y


def _facts(sound: SoundMeasures) -> dict[str, Any]:
    return {
        "path": str(sound.path),
        "subtype": sound.subtype,
        "sample_rate_hz": sound.waveform.sample_rate_hz,
        "channel_count": sound.waveform.channel_count,
        "sample_count": sound.waveform.sample_count,
        "is_ambisonic": sound.is_ambisonic,
        "levels_dbfs": list(sound.levels_dbfs),
        "loudness_lufs": sound.loudness_lufs,
        "true_peak_dbtp": sound.peak_dbtp,
        "itd_s": sound.itd_s,
        "ild_db": sound.ild_db,
    }


def _decibels(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
