"""Impulse responses from transfer functions that are given at some frequencies."""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex128, Float64

from auralize.dsp.fourier import irfft

# What a response and its delay need at least.
_SHORTEST_PERIOD_S = 2.5e-3
_HIGHEST_FIRST_HZ = 500.0
_QUIET_S = 1e-3
_QUIET = 1e-3


def impulse_responses_from_spectra(
    spectra: Complex128[np.ndarray, "*batch N"], frequencies_hz: Float64[np.ndarray, "N"]
) -> tuple[Float64[np.ndarray, "*batch taps"], int]:
    """Return the impulse responses of some transfer functions, and their sample rate.

    The rules:

    - Frequencies are multiples of one step. The step is one over the responses' length, and the
      sample rate twice the highest frequency, where only the real part counts.
    - Frequencies missing below the first, 500 Hz at most, get the first one's magnitude and a
      phase in proportion to the frequency, as a delay has it.
    - Responses that begin before time 0, because their time counts from the middle of the head,
      are all delayed alike: the period is cut where all are quietest.

    Raises:
        ValueError: The frequencies are not of that kind; the message says how.
    """
    if len(frequencies_hz) != spectra.shape[-1] or len(frequencies_hz) < 2:
        raise ValueError(
            f"it has {len(frequencies_hz)} frequencies for {spectra.shape[-1]} spectral values."
        )
    steps = np.diff(frequencies_hz)
    step_hz = float((frequencies_hz[-1] - frequencies_hz[0]) / len(steps))
    places = frequencies_hz / step_hz if step_hz > 0 else frequencies_hz
    if np.any(np.abs(steps - step_hz) > 0.01 * step_hz) or abs(places[0] - round(places[0])) > 0.02:
        raise ValueError(
            "its frequencies are not multiples of one step "
            f"({', '.join(f'{f:g}' for f in frequencies_hz[:3])}, … Hz)."
        )
    if 1 / step_hz < _SHORTEST_PERIOD_S:
        raise ValueError(
            f"its frequencies are {step_hz:g} Hz apart, which leaves {1e3 / step_hz:.2g} ms for a "
            f"response; needed are {1 / _SHORTEST_PERIOD_S:g} Hz or less."
        )
    if frequencies_hz[0] > _HIGHEST_FIRST_HZ:
        raise ValueError(
            f"its lowest frequency is {frequencies_hz[0]:g} Hz; needed is "
            f"{_HIGHEST_FIRST_HZ:g} Hz or less."
        )
    rate = 2 * float(frequencies_hz[-1])
    if abs(rate - round(rate)) > 1e-6 * rate:
        raise ValueError(f"twice its highest frequency, {rate:g} Hz, is no whole sample rate.")
    missing = round(places[0])
    whole = np.concatenate([_below(spectra, missing), spectra], axis=-1)
    whole[..., [0, -1]] = np.real(whole[..., [0, -1]])
    responses = irfft(whole, 2 * (whole.shape[-1] - 1))
    return _from_the_quietest(responses, round(_QUIET_S * rate)), round(rate)


def _below(
    spectra: Complex128[np.ndarray, "*batch N"], missing: int
) -> Complex128[np.ndarray, "*batch missing"]:
    """Return the values at the multiples of the step below the first."""
    first = spectra[..., :1]
    turn = np.angle(spectra[..., 1:2] * np.conj(first))
    # The phase of a pure delay at the first frequency, and the true one next to it.
    expected = turn * missing
    phase = expected + np.angle(first * np.exp(-1j * expected))
    part = np.arange(missing) / max(1, missing)
    return np.abs(first) * np.exp(1j * phase * part)


def _from_the_quietest(
    responses: Float64[np.ndarray, "*batch taps"], width: int
) -> Float64[np.ndarray, "*batch taps"]:
    """Turn periodic responses so that all begin and end quietly, if they do not already."""
    taps = responses.shape[-1]
    energy = np.sum(responses.reshape(-1, taps) ** 2, axis=0)
    sums = np.cumsum(np.concatenate([[0.0], energy, energy]))
    windows = sums[width : width + taps] - sums[:taps]
    if windows[-width] <= _QUIET * windows.max():
        return responses
    start = (int(windows.argmin()) + width // 2) % taps
    return np.roll(responses, -start, axis=-1)
