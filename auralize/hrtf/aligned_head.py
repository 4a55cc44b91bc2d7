"""A head's responses as delays, magnitudes and phases, which can be mixed between directions.

Phases can be mixed where they differ little, so what is mixed is what remains without a delay. High
up, that is the onset's (a tenth of the maximum). Below 2.5 kHz, where the interaural time is heard,
it is the delay that the response has beyond its minimum phase: the onset says little about it where
a measurement rings beforehand or is noisy. Leaving every other azimuth of such a set out (LISTEN
1002, 15°), the ITD was wrong by 140 µs with onsets alone, and is by 3.5 µs.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Complex64, Float, Float32, Float64
from scipy.sparse import csr_array

from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.dsp.minimum_phase import minimum_phase_log_spectra
from auralize.hrtf.gap_filling import continuation_weights
from auralize.hrtf.head import Hrtf

# Magnitudes are kept above −180 dB of the largest, so that their logarithms are finite.
_SMALLEST = 1e-9
_FLOOR = 1e-4  # for the minimum phase
_ONSET_THRESHOLD = 0.1
# What an aligned response keeps at least before its onset (a tenth of the maximum), all that is
# above −90 dB before, and samples at its ends for what rings there.
_LEAD_S = 1.4e-3
_INAUDIBLE = 3e-5
_TAIL = 24
# Where one delay takes over from the other, and where the low one is looked for.
_CROSSOVER_HZ = 2500.0
_LOW_BAND_HZ = (150.0, 2000.0)
_LOW_DELAY_S = np.arange(-0.5e-3, 3e-3, 1 / 24_000)


class AlignedHead:
    """Delays, magnitudes and phases at the measured directions and at those that fill gaps.

    Magnitudes and phases are computed when they are needed, because of a large set few are.

    Attributes:
        directions: The measured ones, then the filled ones, shape (V, 3).
        tap_count: Samples of an aligned response.
        early_samples: How much later than the impulse response the aligned response with its
            delay is.
    """

    def __init__(self, hrtf: Hrtf, filled: Float64[np.ndarray, "K 3"]) -> None:
        """Find the onsets of a head whose gaps are filled at some directions."""
        self.directions = np.concatenate([hrtf.directions, filled])
        self._hrtf = hrtf
        self._length = 2 * fast_length(math.ceil(hrtf.tap_count / 2) + 256)
        self._turns = np.arange(self._length // 2 + 1) / self._length
        self._frequencies_hz = self._turns * hrtf.sample_rate_hz
        self._low_turns = self._turns / (1 + (self._frequencies_hz / _CROSSOVER_HZ) ** 4)
        magnitudes = np.abs(hrtf.impulse_responses)
        largest = magnitudes.max(axis=-1, keepdims=True)
        onsets = _crossings(magnitudes, _ONSET_THRESHOLD * largest)
        first = (magnitudes > _INAUDIBLE * largest.max()).argmax(axis=-1)
        self._lead = max(
            round(_LEAD_S * hrtf.sample_rate_hz), math.ceil((onsets - first).max()) + _TAIL
        )
        self.tap_count = math.ceil(hrtf.tap_count - onsets.min()) + self._lead + _TAIL
        self.early_samples = max(0, math.ceil(self._lead - onsets.min()))
        self._smallest = _SMALLEST * float(largest.max())
        self._fill: Float64[np.ndarray, "K D"] | None = None

        count, bins = len(self.directions), len(self._turns)
        self._known = np.zeros(count, dtype=np.bool_)
        self._delays = np.zeros((count, 2))
        self._delays[: len(onsets)] = onsets - self._lead + self.early_samples
        self._low_delays = np.zeros((count, 2))  # beyond the others
        self._log_magnitudes = np.empty((count, 2, bins), dtype=np.float32)
        self._phasors = np.empty((count, 2, bins), dtype=np.complex64)

    def mixed(
        self, weights: csr_array
    ) -> tuple[Float64[np.ndarray, "P 2"], Float32[np.ndarray, "P 2 taps"]]:
        """Return delays in samples and aligned responses, mixed from those at the directions.

        Args:
            weights: How much each direction counts, shape (P, V).
        """
        self._learn(np.unique(weights.indices))
        wanted = weights @ self._delays
        delays = np.maximum(wanted, 0.0)
        single = weights.astype(np.float32)
        count, _, bins = self._phasors.shape
        phasors = single @ self._phasors.view(np.float32).reshape(count, -1)
        phasors = phasors.view(np.complex64).reshape(-1, 2, bins)
        magnitudes = single @ self._log_magnitudes.reshape(count, -1)
        np.exp(magnitudes, out=magnitudes)
        magnitudes = magnitudes.reshape(-1, 2, bins)
        magnitudes /= np.maximum(np.abs(phasors), np.float32(1e-12))
        phasors *= magnitudes
        turns = (weights @ self._low_delays)[..., None] * self._low_turns
        phasors *= _turned(turns + (wanted - delays)[..., None] * self._turns)
        return delays, irfft(phasors, self._length)[..., : self.tap_count]

    def delayed(
        self, responses: Float32[np.ndarray, "P 2 taps"], delays_samples: Float[np.ndarray, "P 2"]
    ) -> Float32[np.ndarray, "P 2 taps"]:
        """Return aligned responses, delayed, with as many taps as the head's own have."""
        spectra = rfft(responses, self._length)
        spectra *= _turned(delays_samples[..., None] * self._turns)
        return irfft(spectra, self._length)[..., : self._hrtf.tap_count]

    def _learn(self, vertices: np.ndarray) -> None:
        """Compute magnitudes and phasors at some directions, where they are not known yet."""
        new = vertices[~self._known[vertices]]
        self._known[new] = True
        measured_count = len(self._hrtf.directions)
        measured = new[new < measured_count]
        spectra = rfft(self._hrtf.impulse_responses[measured], self._length)
        magnitudes = np.maximum(np.abs(spectra), self._smallest)
        log_magnitudes = np.log(magnitudes)
        spectra /= magnitudes
        early = self.early_samples - self._delays[measured, :, None]
        spectra *= _turned(early * self._turns)
        low_delays = self._delays_below_crossover(spectra, log_magnitudes) - self._lead
        self._phasors[measured] = spectra * _turned(-low_delays[..., None] * self._low_turns)
        self._log_magnitudes[measured] = log_magnitudes
        self._low_delays[measured] = low_delays
        if len(new) > len(measured):
            self._continue(new[len(measured) :] - measured_count)

    def _continue(self, filled: np.ndarray) -> None:
        """Compute delays, magnitudes and phasors at some of the directions that fill gaps."""
        measured_count = len(self._hrtf.directions)
        if self._fill is None:
            self._fill = continuation_weights(
                self.directions[:measured_count], self.directions[measured_count:]
            )
        knots = np.flatnonzero(self._fill.any(axis=0))
        self._learn(knots)
        weights = self._fill[np.ix_(filled, knots)]
        for values in (self._delays, self._low_delays, self._log_magnitudes, self._phasors):
            values[measured_count + filled] = np.tensordot(weights, values[knots], axes=1)

    def _delays_below_crossover(
        self,
        phasors: Complex64[np.ndarray, "P 2 bins"],
        log_magnitudes: Float64[np.ndarray, "P 2 bins"],
    ) -> Float64[np.ndarray, "P 2"]:
        """Return how much later than the minimum phase aligned responses are at low frequencies."""
        low, high = np.searchsorted(self._frequencies_hz, _LOW_BAND_HZ)
        floor = log_magnitudes.max(axis=-1, keepdims=True) + np.log(_FLOOR)
        minimum = np.imag(minimum_phase_log_spectra(np.maximum(log_magnitudes, floor)))
        excess = phasors[..., low:high] * np.exp(-1j * minimum[..., low:high])
        samples = _LOW_DELAY_S * self._hrtf.sample_rate_hz + self._lead
        steered = np.exp(2j * np.pi * self._turns[low:high, None] * samples)
        likeness = np.real(excess @ steered)
        top = np.clip(likeness.argmax(axis=-1), 1, len(samples) - 2)[..., None]
        before, here, after = (
            np.take_along_axis(likeness, top + step, axis=-1)[..., 0] for step in (-1, 0, 1)
        )
        bend = np.minimum(before - 2 * here + after, -1e-12)
        part = np.clip(0.5 * (before - after) / bend, -1.0, 1.0)
        return samples[top[..., 0]] + part * (samples[1] - samples[0])


def _turned(turns: Float[np.ndarray, "*batch"]) -> Complex64[np.ndarray, "*batch"]:
    """Return phasors that are turned backwards; whole turns are left out, so float32 is enough."""
    angle = (-2 * np.pi * (turns - np.round(turns))).astype(np.float32)
    turned = np.empty(angle.shape, dtype=np.complex64)
    np.cos(angle, out=turned.real)
    np.sin(angle, out=turned.imag)
    return turned


def _crossings(
    magnitudes: Float64[np.ndarray, "D 2 taps"], thresholds: Float64[np.ndarray, "D 2 1"]
) -> Float64[np.ndarray, "D 2"]:
    """Return where each response first reaches its threshold, between two samples."""
    after = np.maximum((magnitudes >= thresholds).argmax(axis=-1), 1)[..., None]
    low = np.take_along_axis(magnitudes, after - 1, axis=-1)
    high = np.take_along_axis(magnitudes, after, axis=-1)
    # The first sample may already be loud: then the line is not between two sides.
    part = np.clip((thresholds - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    return (after - 1 + part)[..., 0]
