"""Give a magnitude the phase with which its filter responds soonest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex128, Float

from auralize.dsp.fourier import irfft, rfft


def minimum_phase_log_spectra(
    log_magnitudes: Float[np.ndarray, "*batch bins"],
) -> Complex128[np.ndarray, "*batch bins"]:
    """Return the complex logarithms of the minimum-phase spectra with some magnitudes.

    They are linear in the logarithms of the magnitudes: what is a weighted sum of magnitudes in
    decibels is the same weighted sum of these.

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, ch. 13: the cepstrum of a
    minimum-phase signal is causal, so the even cepstrum of the magnitude is folded over.

    Args:
        log_magnitudes: Natural logarithms on the bins of a real transform of even length, 0 Hz to
            half the sample rate.
    """
    length = 2 * (log_magnitudes.shape[-1] - 1)
    cepstrum = irfft(np.asarray(log_magnitudes, dtype=np.float64), length)
    cepstrum[..., 1 : length // 2] *= 2
    cepstrum[..., length // 2 + 1 :] = 0
    return rfft(cepstrum)
