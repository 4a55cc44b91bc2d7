"""Measure loudness and true peak of sounds that come block by block.

Source: Recommendation ITU-R BS.1770-5, annex 1 (integrated loudness, with gates) and annex 2
(true peak, with fourfold oversampling). As annex 2 says, a peak that lies between the points is
missed by up to −20 log10 cos(πf/4) for a sine of f times the sample rate: 0.03 dB at 0.1, 0.17 dB
at 0.25, 0.44 dB at 0.4. The filter adds less than 0.001 dB to that up to 0.4.

Loudness agrees with pyloudnorm 0.2 within 0.0001 LU and with FFmpeg 9's ebur128 within 0.01 LU,
true peak with the latter within 0.02 dB at 44.1 and 48 kHz (tests/references/auralize).
"""

from __future__ import annotations

import math

import numpy as np
import scipy.signal
from jaxtyping import Float, Float32, Float64

_GATE_BLOCK_S = 0.4
_GATE_STEP_S = 0.1
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_LUFS = -0.691

_OVERSAMPLING = 4
_PEAK_TAPS = 32
_PEAK_PART = 16


class LoudnessMeter:
    """Integrated loudness of a sound whose channels all count the same (mono, stereo, binaural)."""

    def __init__(self, channels: int, sample_rate_hz: int) -> None:
        """Start with silence before the first block."""
        self._filter = k_weighting(sample_rate_hz)
        self._state = np.zeros((len(self._filter), channels, 2))
        self._step = round(_GATE_STEP_S * sample_rate_hz)
        self._rest = np.zeros((channels, 0))
        self._step_powers: list[float] = []

    def add(self, block: Float[np.ndarray, "channels samples"]) -> None:
        """Take the next block."""
        weighted, self._state = scipy.signal.sosfilt(self._filter, block, axis=-1, zi=self._state)
        weighted = np.concatenate([self._rest, weighted], axis=-1)
        steps = weighted.shape[-1] // self._step
        whole, self._rest = np.split(weighted, [steps * self._step], axis=-1)
        powers = np.mean(whole.reshape(len(whole), steps, self._step) ** 2, axis=-1).sum(axis=0)
        self._step_powers.extend(powers.tolist())

    @property
    def integrated_lufs(self) -> float:
        """Loudness so far; −inf where nothing passes the gates, or there is less than 0.4 s."""
        overlap = round(_GATE_BLOCK_S / _GATE_STEP_S)
        steps = np.asarray(self._step_powers)
        if len(steps) < overlap:
            return -math.inf
        powers = np.convolve(steps, np.full(overlap, 1 / overlap), mode="valid")
        powers = powers[powers > _power(_ABSOLUTE_GATE_LUFS)]
        if len(powers) == 0:
            return -math.inf
        gate = _power(_loudness(float(powers.mean())) + _RELATIVE_GATE_LU)
        return _loudness(float(powers[powers > gate].mean()))


class TruePeakMeter:
    """Largest magnitude of a sound between and at its samples."""

    def __init__(self, channels: int) -> None:
        """Start with silence before the first block."""
        self._rest = np.zeros((channels, _PEAK_TAPS - 1), dtype=np.float32)
        self._filters = _peak_filters()
        # No sample in between can be larger than this times the samples around it.
        self._bound = float(np.abs(self._filters).sum(axis=0).max())
        self.peak: float = 0.0

    def add(self, block: Float[np.ndarray, "channels samples"]) -> None:
        """Take the next block."""
        samples = np.concatenate([self._rest, block], axis=-1, dtype=np.float32)
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        parts = (samples.shape[1] - _PEAK_TAPS + 1) // _PEAK_PART
        self._rest = samples[:, parts * _PEAK_PART :].copy()
        if parts == 0:
            return
        around = np.lib.stride_tricks.sliding_window_view(samples, len(self._filters), axis=-1)
        # Only the parts whose samples are large enough to beat the peak are oversampled: the
        # largest first, which settles most of the others.
        bounds = (self._bound * _largest_around(samples, parts)).ravel()
        some = np.flatnonzero(bounds > self.peak)
        first = some[np.argsort(-bounds[some])[:16]]
        for chosen in (first, some):
            channels, numbers = np.divmod(chosen[bounds[chosen] > self.peak], parts)
            between = around[channels, _PEAK_PART * numbers] @ self._filters
            largest = max(between.max(initial=0.0), -between.min(initial=0.0))
            self.peak = max(self.peak, float(largest))

    def finish(self) -> None:
        """Take the silence after the last block, into which the sound may still rise."""
        self.add(np.zeros((len(self._rest), _PEAK_TAPS + _PEAK_PART), dtype=np.float32))

    @property
    def peak_dbtp(self) -> float:
        """The peak in decibels of full scale; −inf for silence."""
        return 20 * math.log10(self.peak) if self.peak > 0 else -math.inf


def integrated_loudness_lufs(
    samples: Float[np.ndarray, "channels samples"], sample_rate_hz: int
) -> float:
    """Return the integrated loudness of a whole sound; −inf for silence."""
    meter = LoudnessMeter(len(samples), sample_rate_hz)
    meter.add(samples)
    return meter.integrated_lufs


def true_peak_dbtp(samples: Float[np.ndarray, "channels samples"]) -> float:
    """Return the true peak of a whole sound in decibels of full scale; −inf for silence."""
    meter = TruePeakMeter(len(samples))
    meter.add(samples)
    meter.finish()
    return meter.peak_dbtp


def k_weighting(sample_rate_hz: int) -> Float64[np.ndarray, "2 6"]:
    """Return the K-weighting as second-order sections, for any sample rate.

    Source: the recommendation tabulates coefficients at 48 kHz only; these are its two analogue
    filters (a high shelf for the head and a high pass) in bilinear form, as derived by Brecht De
    Man 2018, "Evaluation of implementations of the EBU R128 loudness measurement". At 48 kHz they
    agree with the table.
    """
    shelf_hz, shelf_db, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * shelf_hz / sample_rate_hz)
    high = 10 ** (shelf_db / 20)
    band = high**0.4996667741545416
    norm = 1 + k / shelf_q + k * k
    shelf = [
        (high + band * k / shelf_q + k * k) / norm,
        2 * (k * k - high) / norm,
        (high - band * k / shelf_q + k * k) / norm,
        1.0,
        2 * (k * k - 1) / norm,
        (1 - k / shelf_q + k * k) / norm,
    ]
    k = math.tan(math.pi * pass_hz / sample_rate_hz)
    norm = 1 + k / pass_q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / pass_q + k * k) / norm]
    return np.array([shelf, high_pass])


def _largest_around(
    samples: Float32[np.ndarray, "channels samples"], parts: int
) -> Float32[np.ndarray, "channels parts"]:
    """Return the largest magnitude that plays a role in each part: in itself and the next ones."""
    following = -(-(_PEAK_TAPS - 1) // _PEAK_PART)
    padded = np.zeros((len(samples), (parts + following) * _PEAK_PART), dtype=np.float32)
    count = min(samples.shape[1], padded.shape[1])
    np.abs(samples[:, :count], out=padded[:, :count])
    # Halving again and again is faster than a maximum over a short axis.
    largest = padded
    for _ in range(_PEAK_PART.bit_length() - 1):
        largest = np.maximum(largest[:, ::2], largest[:, 1::2])
    return np.max([largest[:, i : i + parts] for i in range(following + 1)], axis=0)


def _peak_filters() -> Float32[np.ndarray, "around points"]:
    """Return the matrix that leads from the samples around a part to the points in between.

    Between two neighbours there are three points, each a sum of 32 samples around them, weighted
    by a sinc with a Kaiser window.
    """
    offsets = np.arange(_PEAK_TAPS)[:, None] - (_PEAK_TAPS // 2 - 1)
    distances = offsets - np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    half = _PEAK_TAPS / 2
    window = np.i0(9.0 * np.sqrt(np.clip(1 - (distances / half) ** 2, 0, None))) / np.i0(9.0)
    weights = np.sinc(distances) * window
    filters = np.zeros((_PEAK_PART + _PEAK_TAPS - 1, _PEAK_PART, _OVERSAMPLING - 1))
    for place in range(_PEAK_PART):
        filters[place : place + _PEAK_TAPS, place] = weights
    return filters.reshape(len(filters), -1).astype(np.float32)


def _loudness(power: float) -> float:
    return _OFFSET_LUFS + 10 * math.log10(power)


def _power(loudness_lufs: float) -> float:
    return 10 ** ((loudness_lufs - _OFFSET_LUFS) / 10)
