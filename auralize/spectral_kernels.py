"""Inner loops over spectra, compiled.

Spectra are planes here: real parts, then imaginary parts, of the bins up to half the sample rate
(shape "... 2 bins"), which lets a compiler use the whole width of the processor. Two real signals
are transformed together, as the real and the imaginary part of a complex one; `split_pair` and
`join_pair` go from and to its spectrum.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float32
from numba import njit

_FAST = {"contract", "reassoc", "nsz", "arcp"}


@njit(cache=True, nogil=True, fastmath=_FAST)
def split_pair(
    spectrum: Complex64[np.ndarray, "length"], planes: Float32[np.ndarray, "2 2 bins"]
) -> None:  # pragma: no cover - compiled
    """Write the spectra of the two real signals whose sum with weights 1 and i was transformed.

    With Z the transform and Z* its mirror image (the conjugate of bin −k), they are (Z + Z*)/2
    and (Z − Z*)/2i.
    """
    length = len(spectrum)
    for k in range(length // 2 + 1):
        here, there = spectrum[k], spectrum[(length - k) % length]
        planes[0, 0, k] = np.float32(0.5) * (here.real + there.real)
        planes[0, 1, k] = np.float32(0.5) * (here.imag - there.imag)
        planes[1, 0, k] = np.float32(0.5) * (here.imag + there.imag)
        planes[1, 1, k] = np.float32(0.5) * (there.real - here.real)


@njit(cache=True, nogil=True, fastmath=_FAST)
def join_pair(
    planes: Float32[np.ndarray, "2 2 bins"], spectrum: Complex64[np.ndarray, "length"]
) -> None:  # pragma: no cover - compiled
    """Write the spectrum whose real part is the first signal and whose imaginary the second."""
    length = len(spectrum)
    for k in range(length // 2 + 1):
        # The mirror image first: at 0 and at half the length it is the bin itself.
        spectrum[(length - k) % length] = complex(
            planes[0, 0, k] + planes[1, 1, k], planes[1, 0, k] - planes[0, 1, k]
        )
        spectrum[k] = complex(planes[0, 0, k] - planes[1, 1, k], planes[0, 1, k] + planes[1, 0, k])


@njit(cache=True, nogil=True, fastmath=_FAST)
def sum_products(
    spectra: Complex64[np.ndarray, "sounds bins"],
    filters: Complex64[np.ndarray, "outputs sounds bins"],
    totals: Complex64[np.ndarray, "outputs bins"],
) -> None:  # pragma: no cover - compiled
    """Write the sums over sounds of spectra times filters."""
    totals[:] = 0
    for output in range(filters.shape[0]):
        for sound in range(filters.shape[1]):
            for k in range(filters.shape[2]):
                totals[output, k] += spectra[sound, k] * filters[output, sound, k]


@njit(cache=True, nogil=True, fastmath=_FAST)
def add_product(
    left: Float32[np.ndarray, "2 bins"],
    right: Float32[np.ndarray, "2 bins"],
    total: Float32[np.ndarray, "2 bins"],
) -> None:  # pragma: no cover - compiled
    """Add the product of two spectra to a total."""
    for k in range(left.shape[1]):
        total[0, k] += left[0, k] * right[0, k] - left[1, k] * right[1, k]
        total[1, k] += left[0, k] * right[1, k] + left[1, k] * right[0, k]


@njit(cache=True, nogil=True, fastmath=_FAST)
def add_partitions(
    past: Float32[np.ndarray, "partitions sounds 2 bins"],
    newest: int,
    filters: Float32[np.ndarray, "partitions sounds outputs 2 bins"],
    totals: Float32[np.ndarray, "outputs 2 bins"],
) -> None:  # pragma: no cover - compiled
    """Write the sums over partitions and sounds; `past` is a ring whose newest entry is given."""
    totals[:] = 0
    count = len(past)
    for part in range(count):
        entry = past[(newest - part) % count]
        for sound in range(entry.shape[0]):
            for output in range(totals.shape[0]):
                add_product(entry[sound], filters[part, sound, output], totals[output])
