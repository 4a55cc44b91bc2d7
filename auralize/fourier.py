"""Real Fourier transforms over the last axis, in the precision of their input.

SciPy's, not NumPy's, because NumPy before 2.0 turns float32 into float64.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import scipy.fft
from jaxtyping import Complex, Float


def fast_length(least: int) -> int:
    """Return a length of at least `least` that transforms fast."""
    return int(cast(Any, scipy.fft.next_fast_len)(least, real=True))


def rfft(
    values: Float[np.ndarray, "*batch samples"], length: int | None = None
) -> Complex[np.ndarray, "*batch bins"]:
    """Return the spectra of real signals, cut or zero-padded to `length`."""
    return cast(np.ndarray, cast(Any, scipy.fft.rfft)(values, length, axis=-1))


def irfft(
    spectra: Complex[np.ndarray, "*batch bins"], length: int
) -> Float[np.ndarray, "*batch samples"]:
    """Return the real signals of some spectra."""
    return cast(np.ndarray, cast(Any, scipy.fft.irfft)(spectra, length, axis=-1))
