"""Head-related impulse responses (HRIRs): what a head does to sound from each direction.

Directions are unit vectors in the listener's frame: x front, y left, z up. Ears: left, then right.
The level is the file's own, and all its taps are kept: 256 of KEMAR's 512 hold 99.7 % of the
energy, but leaving the others out changes the spectrum by 0.8 dB.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.hrtf.cache import resampled_once
from auralize.hrtf.sofa import read_sofa
from capture.errors import FileFormatError
from scenes.listener import Listener

_LOGGER = logging.getLogger(__name__)

DEFAULT_HRTF = "MIT_KEMAR_normal_pinna.sofa"

# Part of the common band in which a resampled response fades out, so that it does not ring longer
# than the silence before its onset. Heads have little left at the end of their own band (KEMAR
# fades from 20.9 kHz), but much where a lower rate cuts it off.
_FADE_UP, _FADE_DOWN = 0.05, 0.1
# Silence before the first onset, and taps after the last, for what rings there.
_LEAD, _TAIL = 24, 24
# Sound from the left that comes this much later to the left ear is no head's.
_BACKWARDS_S = 100e-6


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
        rings before them. What takes long is kept for the next time (`auralize.hrtf.cache`).
        """
        if sample_rate_hz == self.sample_rate_hz:
            return self
        return replace(
            self,
            impulse_responses=resampled_once(
                self.impulse_responses,
                (self.sample_rate_hz, sample_rate_hz),
                lambda: self._resample(sample_rate_hz),
            ),
            sample_rate_hz=sample_rate_hz,
        )

    def _resample(self, sample_rate_hz: int) -> Float64[np.ndarray, "D 2 taps"]:
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
        return irfft(spectrum, after)[..., :taps]


def read_hrtf(path: str | os.PathLike[str] | None = None) -> Hrtf:
    """Read a head from a SOFA file.

    Where a file holds several distances, the farthest is read, because the distance of a source
    is rendered by other means. Directions that occur twice are read once, the first time.

    Many files made after the first drafts of the format place the first ear on the right, though
    what it hears is the left (CIPIC, LISTEN, older KEMAR files). Where exchanging the ears' places
    makes sense of the levels, that is done, and a warning is logged.

    Args:
        path: A SOFA file (see `auralize.hrtf.sofa`); None for the MIT KEMAR head that is shipped
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
    return _with_ears_in_order(hrtf, file, sofa.right_first)


def read_listeners_hrtf(listener: Listener, folder: str | os.PathLike[str]) -> Hrtf:
    """Read the head that a scene asks for, and no other.

    Args:
        listener: The scene's listener.
        folder: Where its files are (the folder of the scene file).

    Raises:
        FileFormatError: The file is no HRTF that can be used, or not the one that the scene means.
    """
    path = default_hrtf_path() if listener.sofa is None else Path(folder) / listener.sofa
    hrtf = read_hrtf(path)
    if listener.sofa_sha256 not in (None, hrtf.sha256):
        raise FileFormatError(
            f"{path}: its SHA-256 is {hrtf.sha256}, but the scene asks for "
            f"{listener.sofa_sha256} (listener.sofa_sha256). Give the file that the scene was made "
            "with, or change or remove the hash."
        )
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


def _with_ears_in_order(hrtf: Hrtf, file: Path, right_first: bool) -> Hrtf:
    """Return a head that hears what is on its left with its left ear: louder and earlier.

    Raises:
        FileFormatError: It does neither as it is nor as older files have it.
    """
    if _leaning(_level_differences(hrtf), hrtf) <= 0:
        if not right_first or _leaning(_level_differences(hrtf), hrtf) == 0:
            raise FileFormatError(
                f"{file}: cannot be used as an HRTF: sources on the left (azimuth 90°) are not "
                "louder in the left ear, so ears or azimuths are exchanged, or it is no HRTF at "
                "all."
            )
        _warn_of_exchanged_places(file)
        hrtf = replace(hrtf, impulse_responses=hrtf.impulse_responses[:, ::-1])
    if _leaning(_time_differences_s(hrtf), hrtf) < -_BACKWARDS_S:
        raise FileFormatError(
            f"{file}: cannot be used as an HRTF: sources on the left (azimuth 90°) are louder, but "
            "later in the left ear, so the phase of its spectra has the other sign, or its delays "
            "are exchanged."
        )
    return hrtf


@cache
def _warn_of_exchanged_places(file: Path) -> None:
    """Warn once of each file, however often it is read."""
    _LOGGER.warning(
        "%s: the file places its first ear on the right, but what it hears is louder from the left "
        "(a known mistake of older files); it is taken as the left ear.",
        file,
    )


def _leaning(differences: Float64[np.ndarray, "D"], hrtf: Hrtf) -> float:
    """Return how much differences between the ears rise from the right to the left."""
    sideways = hrtf.directions[:, 1]
    return float(np.dot(differences, sideways) / np.dot(sideways, sideways))


def _level_differences(hrtf: Hrtf) -> Float64[np.ndarray, "D"]:
    energy = np.sum(hrtf.impulse_responses**2, axis=2)
    return np.log(energy[:, 0] / energy[:, 1])


def _time_differences_s(hrtf: Hrtf) -> Float64[np.ndarray, "D"]:
    """Return how much later the right ear's energy comes, in the mean."""
    energy = hrtf.impulse_responses**2
    times = energy @ np.arange(hrtf.tap_count) / energy.sum(axis=2)
    return (times[:, 1] - times[:, 0]) / hrtf.sample_rate_hz
