"""Inner loops of the multichannel Wiener filter, compiled.

Every cell of a spectrogram has its own small Hermitian matrix. The loops go over bins, then over
blocks of frames, whose real and imaginary parts lie apart: so the innermost loops go over frames,
with the whole width of the processor. Arrays are contiguous; bins `first`…`last` − 1 are worked on.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Complex128, Float32
from numba import njit

Plane = Float32[np.ndarray, "channels block"]
Planes = Float32[np.ndarray, "channels channels block"]

_FAST = {"contract", "reassoc", "nsz", "arcp"}
"""For sums over frames. What other functions call is compiled without: it is compiled once for each
caller and once by itself, and which of these runs depends on whether they came from the cache."""
_FRAMES = 64
"""Frames of a block: what belongs to them stays in the nearest cache."""


@njit(cache=True, nogil=True, fastmath=_FAST)
def add_covariances(
    spectra: Complex64[np.ndarray, "channels bins t"],
    weights: Float32[np.ndarray, "performers bins t"],
    sums: Complex128[np.ndarray, "performers bins channels channels"],
    first: int,
    last: int,
) -> None:  # pragma: no cover - compiled
    """Add Σₜ weight · x · xᴴ / ‖x‖ of every performer and bin to `sums`.

    Directions weigh by amplitude: by power, a few loud cells would decide alone.
    """
    channels, _, frames = spectra.shape
    real = np.empty((channels, _FRAMES), np.float32)
    imaginary = np.empty((channels, _FRAMES), np.float32)
    product_real = np.empty(_FRAMES, np.float32)
    product_imaginary = np.empty(_FRAMES, np.float32)
    share = np.empty((len(weights), _FRAMES), np.float32)
    for f in range(first, last):
        for start in range(0, frames, _FRAMES):
            count = min(_FRAMES, frames - start)
            _split(spectra, f, start, count, real, imaginary)
            _by_amplitude(weights, f, start, count, real, imaginary, share)
            for i in range(channels):
                for j in range(i + 1):
                    for t in range(count):
                        product_real[t] = (
                            real[i, t] * real[j, t] + imaginary[i, t] * imaginary[j, t]
                        )
                        product_imaginary[t] = (
                            imaginary[i, t] * real[j, t] - real[i, t] * imaginary[j, t]
                        )
                    for p in range(len(weights)):
                        total_real, total_imaginary = np.float32(0), np.float32(0)
                        for t in range(count):
                            total_real += share[p, t] * product_real[t]
                            total_imaginary += share[p, t] * product_imaginary[t]
                        sums[p, f, i, j] += complex(total_real, total_imaginary)
                        if i != j:
                            sums[p, f, j, i] += complex(total_real, -total_imaginary)


@njit(cache=True, nogil=True, fastmath=_FAST)
def hermitian_forms(
    spectra: Complex64[np.ndarray, "channels bins t"],
    matrices: Complex64[np.ndarray, "performers bins channels channels"],
    forms: Float32[np.ndarray, "performers bins t"],
    first: int,
    last: int,
) -> None:  # pragma: no cover - compiled
    """Write xᴴ · A · x of every performer's Hermitian A in each bin."""
    channels, _, frames = spectra.shape
    real = np.empty((channels, _FRAMES), np.float32)
    imaginary = np.empty((channels, _FRAMES), np.float32)
    total = np.empty((len(matrices), _FRAMES), np.float32)
    for f in range(first, last):
        for start in range(0, frames, _FRAMES):
            count = min(_FRAMES, frames - start)
            _split(spectra, f, start, count, real, imaginary)
            total[:] = 0
            for i in range(channels):
                for j in range(i + 1):
                    twice = np.float32(1 if i == j else 2)
                    for p in range(len(matrices)):
                        a = twice * matrices[p, f, i, j].real
                        b = twice * matrices[p, f, i, j].imag
                        for t in range(count):
                            # Re(conj(xᵢ) · Aᵢⱼ · xⱼ)
                            total[p, t] += a * (
                                real[i, t] * real[j, t] + imaginary[i, t] * imaginary[j, t]
                            ) + b * (imaginary[i, t] * real[j, t] - real[i, t] * imaginary[j, t])
            for p in range(len(matrices)):
                for t in range(count):
                    forms[p, f, start + t] = total[p, t]


@njit(cache=True, nogil=True)
def wiener_filter(
    spectra: Complex64[np.ndarray, "channels bins t"],
    own: Float32[np.ndarray, "performers bins t"],
    rest: Float32[np.ndarray, "bins t"],
    covariances: Complex64[np.ndarray, "performers bins channels channels"],
    center: int,
    out: Complex64[np.ndarray, "performers bins t"],
    first: int,
    last: int,
) -> None:  # pragma: no cover - compiled
    """Write vⱼ · Rⱼ · (Σₖ vₖ·Rₖ + v₀·I)⁻¹ · x at the centre, solved by Cholesky factors.

    Args:
        spectra: x.
        own: vₖ, each performer's power.
        rest: v₀, positive.
        covariances: Rₖ, Hermitian.
        center: Whose row of the result is asked for.
        out: Written.
        first: First bin.
        last: Bin after the last.
    """
    channels, _, frames = spectra.shape
    # The lower triangle of the matrix becomes that of its factor, with inverses on the diagonal.
    real = np.empty((channels, channels, _FRAMES), np.float32)
    imaginary = np.empty((channels, channels, _FRAMES), np.float32)
    x_real = np.empty((channels, _FRAMES), np.float32)
    x_imaginary = np.empty((channels, _FRAMES), np.float32)
    for f in range(first, last):
        for start in range(0, frames, _FRAMES):
            count = min(_FRAMES, frames - start)
            _split(spectra, f, start, count, x_real, x_imaginary)
            _sum_matrices(own, rest, covariances, f, start, count, real, imaginary)
            _factorize(real, imaginary, count)
            _substitute(real, imaginary, x_real, x_imaginary, count)
            for p in range(len(own)):
                for t in range(count):
                    out[p, f, start + t] = 0
                for c in range(channels):
                    a = covariances[p, f, center, c].real
                    b = covariances[p, f, center, c].imag
                    for t in range(count):
                        out[p, f, start + t] += complex(
                            a * x_real[c, t] - b * x_imaginary[c, t],
                            a * x_imaginary[c, t] + b * x_real[c, t],
                        )
                for t in range(count):
                    out[p, f, start + t] *= own[p, f, start + t]


@njit(cache=True, nogil=True)
def _split(
    spectra: Complex64[np.ndarray, "channels bins t"],
    f: int,
    start: int,
    count: int,
    real: Plane,
    imaginary: Plane,
) -> None:  # pragma: no cover - compiled
    """Copy the real and imaginary parts of a block of one bin."""
    for c in range(len(spectra)):
        for t in range(count):
            real[c, t] = spectra[c, f, start + t].real
            imaginary[c, t] = spectra[c, f, start + t].imag


@njit(cache=True, nogil=True)
def _by_amplitude(
    weights: Float32[np.ndarray, "performers bins t"],
    f: int,
    start: int,
    count: int,
    real: Plane,
    imaginary: Plane,
    share: Float32[np.ndarray, "performers block"],
) -> None:  # pragma: no cover - compiled
    """Write weight / ‖x‖ of a block of one bin."""
    for t in range(count):
        energy = np.float32(0)
        for c in range(len(real)):
            energy += real[c, t] ** 2 + imaginary[c, t] ** 2
        norm = max(np.sqrt(energy), np.float32(1e-12))
        for p in range(len(weights)):
            share[p, t] = weights[p, f, start + t] / norm


@njit(cache=True, nogil=True)
def _sum_matrices(
    own: Float32[np.ndarray, "performers bins t"],
    rest: Float32[np.ndarray, "bins t"],
    covariances: Complex64[np.ndarray, "performers bins channels channels"],
    f: int,
    start: int,
    count: int,
    real: Planes,
    imaginary: Planes,
) -> None:  # pragma: no cover - compiled
    """Write the lower triangles of Σₖ vₖ·Rₖ + v₀·I."""
    for i in range(real.shape[0]):
        for j in range(i + 1):
            for t in range(count):
                real[i, j, t] = rest[f, start + t] if i == j else np.float32(0)
                imaginary[i, j, t] = 0
            for p in range(len(own)):
                a, b = covariances[p, f, i, j].real, covariances[p, f, i, j].imag
                for t in range(count):
                    real[i, j, t] += own[p, f, start + t] * a
                    imaginary[i, j, t] += own[p, f, start + t] * b


@njit(cache=True, nogil=True)
def _factorize(real: Planes, imaginary: Planes, count: int) -> None:  # pragma: no cover - compiled
    """Replace A by L of A = L·Lᴴ, with 1/Lⱼⱼ on the diagonal."""
    channels = real.shape[0]
    for j in range(channels):
        for k in range(j):
            for t in range(count):
                real[j, j, t] -= real[j, k, t] ** 2 + imaginary[j, k, t] ** 2
        for t in range(count):
            real[j, j, t] = 1 / np.sqrt(max(real[j, j, t], np.float32(1e-30)))
        for i in range(j + 1, channels):
            for k in range(j):
                for t in range(count):
                    real[i, j, t] -= (
                        real[i, k, t] * real[j, k, t] + imaginary[i, k, t] * imaginary[j, k, t]
                    )
                    imaginary[i, j, t] -= (
                        imaginary[i, k, t] * real[j, k, t] - real[i, k, t] * imaginary[j, k, t]
                    )
            for t in range(count):
                real[i, j, t] *= real[j, j, t]
                imaginary[i, j, t] *= real[j, j, t]


@njit(cache=True, nogil=True)
def _substitute(
    real: Planes, imaginary: Planes, x_real: Plane, x_imaginary: Plane, count: int
) -> None:  # pragma: no cover - compiled
    """Replace x by A⁻¹·x: forwards through L, then backwards through Lᴴ."""
    channels = real.shape[0]
    for i in range(channels):
        for k in range(i):
            for t in range(count):
                a, b = real[i, k, t], imaginary[i, k, t]
                x_real[i, t] -= a * x_real[k, t] - b * x_imaginary[k, t]
                x_imaginary[i, t] -= a * x_imaginary[k, t] + b * x_real[k, t]
        for t in range(count):
            x_real[i, t] *= real[i, i, t]
            x_imaginary[i, t] *= real[i, i, t]
    for i in range(channels - 1, -1, -1):
        for k in range(i + 1, channels):
            for t in range(count):
                a, b = real[k, i, t], -imaginary[k, i, t]
                x_real[i, t] -= a * x_real[k, t] - b * x_imaginary[k, t]
                x_imaginary[i, t] -= a * x_imaginary[k, t] + b * x_real[k, t]
        for t in range(count):
            x_real[i, t] *= real[i, i, t]
            x_imaginary[i, t] *= real[i, i, t]
