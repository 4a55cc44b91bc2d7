"""Equalise headphones: read an impulse response or settings, and filter what goes to the ears.

Settings become a minimum-phase filter of finite length, cut where less than −100 dB of its energy
follows. An impulse response is used as it is, with its own delay.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
from jaxtyping import Float32, Float64

from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.dsp.minimum_phase import minimum_phase_log_spectra
from auralize.output.equalizer_text import EarSettings, read_equalizer_text
from capture.errors import DataError
from capture.waveform import Waveform, read_waveform

_LONGEST_S = 10.0
_SETTLED_S = 2.0
_REST = 1e-10
# Silence put before a response that is resampled, for what rings before its start.
_LEAD = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadphoneEq:
    """Filters for the two ears.

    Attributes:
        filters: Impulse responses of left and right, at the scene's rate.
        name: The file it came from, and what was done to it.
    """

    filters: Float32[np.ndarray, "2 taps"]
    name: str

    def applied_to(
        self, blocks: Iterator[Float32[np.ndarray, "2 samples"]]
    ) -> Iterator[Float32[np.ndarray, "2 samples"]]:
        """Filter a sound that comes in blocks of any length; what rings after its end is cut."""
        taps = self.filters.shape[1]
        tail = np.zeros((2, taps - 1), dtype=np.float32)
        length, spectra = 0, np.zeros(0)
        for block in blocks:
            count = block.shape[1]
            if length != fast_length(count + taps - 1):
                length = fast_length(count + taps - 1)
                spectra = rfft(self.filters, length)
            longer = irfft(rfft(block, length) * spectra, length)[:, : count + taps - 1]
            longer[:, : taps - 1] += tail
            tail = longer[:, count:].copy()
            yield longer[:, :count].astype(np.float32)


def read_headphone_eq(path: str | os.PathLike[str], sample_rate_hz: int) -> HeadphoneEq:
    """Read the equalisation of headphones.

    Args:
        path: `*.txt` with the settings of AutoEq or Equalizer APO (see `equalizer_text`), or an
            impulse response for both ears (one channel) or each (two), as WAV or FLAC. A response
            of another rate is resampled with the same frequency response, which `name` tells.
        sample_rate_hz: Rate of the scene.

    Raises:
        FileFormatError: The file is missing or of another kind, or a line is wrong.
        DataError: The response is silent, has more than two channels, or lasts longer than 10 s.
    """
    file = Path(path)
    if file.suffix.lower() == ".txt":
        left, right = read_equalizer_text(file, sample_rate_hz)
        ears = [_minimum_phase(ear, sample_rate_hz) for ear in (left, right)]
        taps = max(map(len, ears))
        filters = np.stack([np.pad(ear, (0, taps - len(ear))) for ear in ears])
        return HeadphoneEq(filters=filters.astype(np.float32), name=file.name)
    response = read_waveform(file)
    _check(response, file)
    name = file.name
    if response.sample_rate_hz != sample_rate_hz:
        name += f" (resampled from {response.sample_rate_hz} Hz)"
        response = _resampled(response, sample_rate_hz)
    both = np.broadcast_to(response.samples, (2, response.sample_count))
    return HeadphoneEq(filters=np.ascontiguousarray(both), name=name)


def _check(response: Waveform, file: Path) -> None:
    if response.channel_count > 2:
        raise DataError(
            f"{file}: an equalisation has one channel (both ears) or two (left, right), and this "
            f"has {response.channel_count}."
        )
    if response.duration_s > _LONGEST_S:
        raise DataError(
            f"{file}: lasts {response.duration_s:.1f} s; an impulse response of headphones lasts "
            f"at most {_LONGEST_S:g} s. Is it music?"
        )
    if not np.any(response.samples, axis=1).all():
        raise DataError(f"{file}: a channel is silent, so an ear would hear nothing.")


def _resampled(response: Waveform, sample_rate_hz: int) -> Waveform:
    """Return the response at another rate: the spectrum stays, so taps scale with the rates."""
    import soxr

    padded = np.pad(response.samples.astype(np.float64), ((0, 0), (_LEAD, _LEAD)))
    samples = soxr.resample(padded.T, response.sample_rate_hz, sample_rate_hz, quality="VHQ").T
    scale = response.sample_rate_hz / sample_rate_hz
    return Waveform(samples=(scale * samples).astype(np.float32), sample_rate_hz=sample_rate_hz)


def _minimum_phase(ear: EarSettings, sample_rate_hz: int) -> Float64[np.ndarray, "taps"]:
    """Return the impulse response of the settings of one ear.

    The biquads have all poles within the unit circle and no zero outside, so their own response
    is the one of minimum phase; graphic curves get theirs from the cepstrum.
    """
    impulse = np.zeros(2 ** math.ceil(math.log2(_SETTLED_S * sample_rate_hz)))
    impulse[0] = 10 ** (ear.preamp_db / 20)
    if ear.curves:
        impulse = impulse[0] * _graphic(ear.curves, sample_rate_hz, len(impulse))
    if ear.biquads:
        sections = np.stack([biquad.section(sample_rate_hz) for biquad in ear.biquads])
        impulse = np.asarray(scipy.signal.sosfilt(sections, impulse))
    rest = np.cumsum(impulse[::-1] ** 2)[::-1]
    return impulse[: max(1, int(np.count_nonzero(rest > _REST * rest[0])))]


def _graphic(
    curves: list[Float64[np.ndarray, "points 2"]], sample_rate_hz: int, length: int
) -> Float64[np.ndarray, "length"]:
    """Return the minimum-phase response of graphic equalisers.

    Between its points a curve is straight over the logarithm of frequency, beyond them flat.
    """
    # The lowest frequency stands for 0 Hz, whose logarithm there is not.
    frequencies = np.fft.rfftfreq(length, 1 / sample_rate_hz)
    frequencies[0] = frequencies[1] / 2
    gains_db = np.sum(
        [np.interp(np.log(frequencies), np.log(curve[:, 0]), curve[:, 1]) for curve in curves],
        axis=0,
    )
    return irfft(np.exp(minimum_phase_log_spectra(gains_db * math.log(10) / 20)), length)
