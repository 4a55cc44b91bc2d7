"""Compare two sound files: what they measure, and what is left when one is taken from the other.

Differences are second minus first. A positive offset means that the second is late.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.signal import fftconvolve

from auralize.compare.measures import SoundMeasures, measure_sound
from auralize.dsp.fourier import fast_length, irfft, rfft
from capture.take.sound import FileSound
from capture.waveform import Sound, blocks_of, read_padded

_BLOCK = 65_536
# So many samples are enough to find the offset: 44 s at 48 kHz.
_MOST_SAMPLES = 2**21
_LEAST_FRACTION = 1e-4
_DELAY_REACH = 64
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
    """Compare two sound files, in memory that does not grow with their length.

    Raises:
        FileFormatError: One cannot be read.
        DataError: One holds NaN, or no sample.
    """
    a, b = measure_sound(first), measure_sound(second)
    notes: list[str] = []
    if a.sample_rate_hz != b.sample_rate_hz:
        notes.append(
            f"sample rates differ ({a.sample_rate_hz} and {b.sample_rate_hz} Hz): levels and "
            "spectra are compared, samples are not"
        )
    if a.channel_count != b.channel_count:
        notes.append(
            f"channel counts differ ({a.channel_count} and {b.channel_count}): only what belongs "
            "to the whole is compared"
        )
    difference = None
    if not notes:
        if a.sample_count != b.sample_count:
            notes.append(
                f"lengths differ ({a.sample_count} and {b.sample_count} samples): the shorter one "
                "is taken to be followed by silence"
            )
        silent = a.true_peak_dbtp == b.true_peak_dbtp == -math.inf
        difference = _difference(FileSound(first), FileSound(second), are_silent=silent)
    return SoundComparison(first=a, second=b, notes=tuple(notes), difference=difference)


def _difference(first: Sound, second: Sound, *, are_silent: bool) -> Difference:
    identical = _are_identical(first, second)
    if identical or are_silent:
        return Difference(
            is_identical=identical,
            offset_s=0.0,
            likeness=1.0,
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
    for x, y in _brought_together(first, second, offset):
        energy += float(np.vdot(x, x))
        other += float(np.vdot(y, y))
        left += float(np.sum((y - x) ** 2))
        product += float(np.vdot(x, y))
    gain = product / energy
    # The sum of (y − g x)² could be had from the other sums, but what is small would cancel.
    rest = sum(
        float(np.sum((y - gain * x) ** 2)) for x, y in _brought_together(first, second, offset)
    )
    return Difference(
        is_identical=False,
        offset_s=offset / first.sample_rate_hz,
        likeness=product / math.sqrt(energy * other),
        residual_db=_decibels(left / energy),
        gain_db=_decibels(gain**2),
        residual_without_gain_db=_decibels(rest / energy),
    )


def _are_identical(first: Sound, second: Sound) -> bool:
    return first.sample_count == second.sample_count and all(
        np.array_equal(a, b)
        for (_, a), (_, b) in zip(blocks_of(first, _BLOCK), blocks_of(second, _BLOCK), strict=True)
    )


def _offset_samples(first: Sound, second: Sound) -> tuple[float, float]:
    """Return by how many samples the second is late, and the correlation coefficient there.

    The first part after common silence tells.
    """
    start, longest = 0, max(first.sample_count, second.sample_count)
    while start < longest and not any(
        read_padded(sound, start, start + _BLOCK).any() for sound in (first, second)
    ):
        start += _BLOCK
    count = min(_MOST_SAMPLES, longest - start)
    a, b = (read_padded(sound, start, start + count) for sound in (first, second))
    energies = [float(np.sum(np.square(s, dtype=np.float64))) for s in (a, b)]
    if not min(energies) > 0:
        return 0.0, 0.0
    length = fast_length(2 * count)
    cross = np.zeros(length // 2 + 1, dtype=np.complex128)
    for x, y in zip(a, b, strict=True):
        cross += rfft(y.astype(np.float64), length) * np.conj(rfft(x.astype(np.float64), length))
    correlation = irfft(cross, length)
    top = int(np.argmax(np.abs(correlation)))
    whole = top if top <= length // 2 else top - length
    likeness = float(correlation[top]) / math.sqrt(energies[0] * energies[1])
    # What is left of the offset turns the phase in proportion to frequency.
    turns = 2 * np.pi * np.arange(len(cross)) / length
    aligned = cross * np.exp(1j * turns * whole) * math.copysign(1.0, likeness)
    weights = np.abs(aligned) * turns
    slope = np.sum(weights * np.angle(aligned)) / max(float(weights @ turns), 1e-300)
    rest = -float(np.clip(slope, -0.5, 0.5))
    return whole + (rest if abs(rest) > _LEAST_FRACTION else 0.0), likeness


def _brought_together(
    first: Sound, second: Sound, offset: float
) -> Iterator[tuple[Float64[np.ndarray, "channels block"], Float64[np.ndarray, "channels block"]]]:
    """Give blocks of both sounds, the first delayed by a number of samples."""
    whole = round(offset)
    delay = _fractional_delay(offset - whole)
    reach = len(delay) // 2
    stop = max(first.sample_count + whole, second.sample_count) + reach
    for start in range(min(0, whole) - reach, stop, _BLOCK):
        early = start - whole
        x = read_padded(first, early - reach, early + _BLOCK + reach).astype(np.float64)
        y = read_padded(second, start, start + _BLOCK).astype(np.float64)
        yield (fftconvolve(x, delay[None], mode="valid", axes=1) if reach else x), y


def _fractional_delay(samples: float) -> Float64[np.ndarray, "taps"]:
    """Return a filter that delays by up to half a sample more than half its length.

    A sinc with a Kaiser window: within −100 dB up to 0.95 of half the rate.
    """
    if samples == 0:
        return np.ones(1)
    distances = np.arange(-_DELAY_REACH, _DELAY_REACH + 1) - samples
    window = np.i0(10.0 * np.sqrt(1 - (distances / (_DELAY_REACH + 1)) ** 2)) / np.i0(10.0)
    return np.sinc(distances) * window


def _facts(sound: SoundMeasures) -> dict[str, Any]:
    return {
        "path": str(sound.path),
        "subtype": sound.subtype,
        "sample_rate_hz": sound.sample_rate_hz,
        "channel_count": sound.channel_count,
        "sample_count": sound.sample_count,
        "is_ambisonic": sound.is_ambisonic,
        "levels_dbfs": list(sound.levels_dbfs),
        "loudness_lufs": sound.loudness_lufs,
        "true_peak_dbtp": sound.true_peak_dbtp,
        "itd_s": sound.itd_s,
        "ild_db": sound.ild_db,
    }


def _decibels(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
