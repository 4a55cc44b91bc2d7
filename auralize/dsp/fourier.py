"""Fourier transforms over the last axis, in the precision of their input.

SciPy's, not NumPy's, because NumPy before 2.0 turns float32 into float64, and because SciPy
transforms many rows at once several times as fast. Complex transforms work in place, so that a
block loop need not allocate; two real signals travel in one of them, as real and imaginary part.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import scipy.fft
from jaxtyping import Complex, Complex64, Float


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


def fft_in_place(signals: Complex64[np.ndarray, "*batch length"]) -> None:
    """Replace signals by their spectra."""
    _keep(signals, cast(Any, scipy.fft.fft)(signals, axis=-1, overwrite_x=True))


def ifft_in_place(spectra: Complex64[np.ndarray, "*batch length"]) -> None:
    """Replace spectra by their signals."""
    _keep(spectra, cast(Any, scipy.fft.ifft)(spectra, axis=-1, overwrite_x=True))


def _keep(place: np.ndarray, result: np.ndarray) -> None:
    # SciPy may overwrite its input but need not put the result there (it does, up to 1.17).
    if not np.may_share_memory(result, place):
        place[...] = result
