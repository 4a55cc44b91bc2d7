"""Head-related impulse responses (HRIRs): what a head does to sound from each direction.

Directions are unit vectors in the listener's frame: x front, y left, z up. Ears: left, then right.
The level is the file's own, and all its taps are kept: 256 of KEMAR's 512 hold 99.7 % of the
energy, but leaving the others out changes the spectrum by 0.8 dB.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from auralize.fourier import fast_length, irfft, rfft
from auralize.sofa import read_sofa
from capture.errors import FileFormatError

DEFAULT_HRTF = "MIT_KEMAR_normal_pinna.sofa"

# Part of the common band in which a resampled response fades out, so that it does not ring longer
# than the silence before its onset. Heads have little left at the end of their own band (KEMAR
# fades from 20.9 kHz), but much where a lower rate cuts it off.
_FADE_UP, _FADE_DOWN = 0.05, 0.1
# Silence before the first onset, and taps after the last, for what rings there.
_LEAD, _TAIL = 24, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Hrtf:
    """Impulse responses of a head at two ears, for directions all round.

    Attributes:
        directions: Unit vectors from the head, shape (D, 3).
        impulse_responses: Shape (D, 2, taps), left ear first.
        sample_rate_hz: Rate of the responses.
        distance_m: Mean distance of the measurement.
        name: What its maker calls the head.
        sha256: Hash of the file it came from.
    """

    directions: Float64[np.ndarray, "D 3"]
    impulse_responses: Float64[np.ndarray, "D 2 taps"]
    sample_rate_hz: int
    distance_m: float
    name: str
    sha256: str

    @property
    def tap_count(self) -> int:
        """Samples of each impulse response."""
        return self.impulse_responses.shape[2]

    def resampled(self, sample_rate_hz: int) -> Hrtf:
        """Return the same head at another rate, with the same frequency response.

        The spectrum is carried over, and with it the gain: a response whose samples were only
        interpolated would be too loud by the ratio of the rates (0.74 dB from 44.1 to 48 kHz).
        Where responses start at once, all are delayed by up to 24 samples to make room for what
        rings before them.
        """
        if sample_rate_hz == self.sample_rate_hz:
            return self
        common = math.gcd(sample_rate_hz, self.sample_rate_hz)
        up, down = sample_rate_hz // common, self.sample_rate_hz // common
        envelope = np.abs(self.impulse_responses).max(axis=(0, 1))
        onset = int(np.argmax(envelope > 1e-3 * envelope.max()))
        lead = max(0, _LEAD - onset)
        responses = np.pad(self.impulse_responses, ((0, 0), (0, 0), (lead, 0)))
        # A length that is whole at both rates, with room for the ends to die out.
        periods = math.ceil((lead + self.tap_count + 256) / down)
        before, after = periods * down, periods * up
        bins = min(before, after) // 2 + 1
        place = np.arange(bins) / (min(before, after) / 2)
        width = _FADE_UP if up > down else _FADE_DOWN
        fade = np.cos(np.clip((place - 1 + width) / width, 0, 1) * np.pi / 2) ** 2
        spectrum = rfft(responses, before)[..., :bins] * fade
        taps = math.ceil((lead + self.tap_count + _TAIL) * up / down)
        return replace(
            self,
            impulse_responses=irfft(spectrum, after)[..., :taps],
            sample_rate_hz=sample_rate_hz,
        )


def read_hrtf(path: str | os.PathLike[str] | None = None) -> Hrtf:
    """Read a head from a SOFA file.

    Where a file holds several distances, the farthest is read, because the distance of a source
    is rendered by other means. Directions that occur twice are read once.

    Args:
        path: A SOFA file (SimpleFreeFieldHRIR); None for the MIT KEMAR head that is shipped
            (Gardner and Martin 1994).

    Raises:
        FileFormatError: The file is no HRTF that can be used; the message says why.
    """
    file = default_hrtf_path() if path is None else Path(path)
    sofa = read_sofa(file)
    distances = np.linalg.norm(sofa.positions_m, axis=1)
    far = distances > distances.max() * 0.99
    directions = sofa.positions_m[far] / distances[far, None]
    _, first = np.unique(np.round(directions, 6) + 0.0, axis=0, return_index=True)
    kept = np.flatnonzero(far)[np.sort(first)]
    hrtf = Hrtf(
        directions=sofa.positions_m[kept] / distances[kept, None],
        impulse_responses=_delayed(sofa.impulse_responses[kept], sofa.delays_samples[kept]),
        sample_rate_hz=sofa.sample_rate_hz,
        distance_m=float(distances[kept].mean()),
        name=sofa.title,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    _check_sides(hrtf, file)
    return hrtf


def default_hrtf_path() -> Path:
    """Return the path of the MIT KEMAR head that is shipped."""
    return Path(str(resources.files("auralize").joinpath("data", DEFAULT_HRTF)))


def _delayed(
    responses: Float64[np.ndarray, "D 2 taps"], delays_samples: Float64[np.ndarray, "D 2"]
) -> Float64[np.ndarray, "D 2 longer"]:
    """Put the measured delays, which may be fractions of a sample, into the responses."""
    # What all share says nothing about direction.
    delays = delays_samples - math.floor(delays_samples.min())
    if not delays.any():
        return responses
    taps = responses.shape[2] + math.ceil(delays.max())
    if np.all(delays == np.round(delays)):
        moved = np.zeros((*responses.shape[:2], taps))
        for index in np.ndindex(delays.shape):
            start = int(delays[index])
            moved[index][start : start + responses.shape[2]] = responses[index]
        return moved
    length = fast_length(taps + 256)
    turns = np.arange(length // 2 + 1) / length
    spectrum = rfft(responses, length)
    spectrum *= np.exp(-2j * np.pi * turns * delays[..., None])
    return irfft(spectrum, length)[..., :taps]


def _check_sides(hrtf: Hrtf, file: Path) -> None:
    """Refuse a head that hears what is on its left with its right ear."""
    energy = np.sum(hrtf.impulse_responses**2, axis=2)
    level_difference = np.log(energy[:, 0] / energy[:, 1])
    if np.dot(level_difference, hrtf.directions[:, 1]) <= 0:
        raise FileFormatError(
            f"{file}: cannot be used as an HRTF: sources on the left (azimuth 90°) are not louder "
            "in the left ear, so ears or azimuths are exchanged, or it is no HRTF at all."
        )
