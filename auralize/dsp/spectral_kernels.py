"""Inner loops over spectra, compiled.

Spectra are planes here: real parts, then imaginary parts, of the bins up to half the sample rate
(shape "... 2 bins"), which lets a compiler use the whole width of the processor. Two real signals
are transformed together, as the real and the imaginary part of a complex one; `split_pair` and
`join_pair` go from and to its spectrum.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float32, Float64, Int64
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
    planes[0, 0, 0], planes[0, 1, 0] = spectrum[0].real, 0
    planes[1, 0, 0], planes[1, 1, 0] = spectrum[0].imag, 0
    for k in range(1, length // 2 + 1):
        here, there = spectrum[k], spectrum[length - k]
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
    spectrum[0] = complex(planes[0, 0, 0], planes[1, 0, 0])
    for k in range(1, length // 2 + 1):
        # The mirror image first: at half the length it is the bin itself.
        spectrum[length - k] = complex(
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
def _add_difference(
    a: Float32[np.ndarray, "bins"],
    b: Float32[np.ndarray, "bins"],
    c: Float32[np.ndarray, "bins"],
    d: Float32[np.ndarray, "bins"],
    total: Float32[np.ndarray, "bins"],
) -> None:  # pragma: no cover - compiled
    for k in range(len(total)):
        total[k] += a[k] * b[k] - c[k] * d[k]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _add_sum(
    a: Float32[np.ndarray, "bins"],
    b: Float32[np.ndarray, "bins"],
    c: Float32[np.ndarray, "bins"],
    d: Float32[np.ndarray, "bins"],
    total: Float32[np.ndarray, "bins"],
) -> None:  # pragma: no cover - compiled
    for k in range(len(total)):
        total[k] += a[k] * b[k] + c[k] * d[k]


@njit(cache=True, nogil=True, fastmath=_FAST)
def add_product(
    left: Float32[np.ndarray, "2 bins"],
    right: Float32[np.ndarray, "2 bins"],
    total: Float32[np.ndarray, "2 bins"],
) -> None:  # pragma: no cover - compiled
    """Add the product of two spectra to a total.

    The real and the imaginary parts are added one after the other: a compiler gives up on proving
    that two results and four inputs do not overlap.
    """
    _add_difference(left[0], right[0], left[1], right[1], total[0])
    _add_sum(left[0], right[1], left[1], right[0], total[1])


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


@njit(cache=True, nogil=True, fastmath=_FAST)
def mix_rows(
    table: Float32[np.ndarray, "nodes 2 columns"],
    nodes: Int64[np.ndarray, "P ears 3"],
    weights: Float64[np.ndarray, "P ears 3"],
    out: Float32[np.ndarray, "P 2 columns"],
) -> None:  # pragma: no cover - compiled
    """Write weighted sums of three rows of a table, which are the same or not for the two ears."""
    last = nodes.shape[1] - 1
    for place in range(len(nodes)):
        for ear in range(2):
            first, second, third = nodes[place, min(ear, last)]
            a, b, c = weights[place, min(ear, last)].astype(np.float32)
            x, y, z = table[first, ear], table[second, ear], table[third, ear]
            mixed = out[place, ear]
            for k in range(len(mixed)):
                mixed[k] = a * x[k] + b * y[k] + c * z[k]


@njit(cache=True, nogil=True, fastmath=_FAST)
def scale_planes(
    planes: Float32[np.ndarray, "P 2 2*bins"], factors: Complex64[np.ndarray, "P ears bins"]
) -> None:  # pragma: no cover - compiled
    """Multiply spectra with factors for both ears or for each."""
    last = factors.shape[1] - 1
    bins = planes.shape[2] // 2
    for place in range(len(planes)):
        for ear in range(2):
            both, factor = planes[place, ear], factors[place, min(ear, last)]
            for k in range(bins):
                real, imaginary = both[k], both[bins + k]
                both[k] = real * factor[k].real - imaginary * factor[k].imag
                both[bins + k] = real * factor[k].imag + imaginary * factor[k].real


@njit(cache=True, nogil=True, fastmath=_FAST)
def cut_frames(
    signals: Float32[np.ndarray, "2 samples"],
    hop: int,
    used: int,
    frames: Float32[np.ndarray, "hops 2*length"],
) -> None:  # pragma: no cover - compiled
    """Write overlapping pieces of a pair of signals as complex ones, with zeros at their ends."""
    for number in range(len(frames)):
        begin = number * hop
        left, right = signals[0, begin : begin + used], signals[1, begin : begin + used]
        frame = frames[number]
        for n in range(used):
            frame[2 * n] = left[n]
            frame[2 * n + 1] = right[n]
        frame[2 * used :] = 0


@njit(cache=True, nogil=True, fastmath=_FAST)
def add_crossfaded(
    frames: Complex64[np.ndarray, "hops length"],
    spectra: Float32[np.ndarray, "borders 2 2 bins"],
    split: Float32[np.ndarray, "2 2 bins"],
    leaving: Float32[np.ndarray, "hops 2 2 bins"],
    entering: Float32[np.ndarray, "hops 2 2 bins"],
) -> None:  # pragma: no cover - compiled
    """Add what the filters at the start and at the end of each hop make of a pair of signals."""
    for number in range(len(frames)):
        split_pair(frames[number], split)
        for ear in range(2):
            add_product(split[ear], spectra[number, ear], leaving[number, ear])
            add_product(split[ear], spectra[number + 1, ear], entering[number, ear])


@njit(cache=True, nogil=True, fastmath=_FAST)
def join_pairs(
    planes: Float32[np.ndarray, "hops 2 2 bins"], spectra: Complex64[np.ndarray, "hops length"]
) -> None:  # pragma: no cover - compiled
    """Join many pairs."""
    for number in range(len(planes)):
        join_pair(planes[number], spectra[number])


@njit(cache=True, nogil=True, fastmath=_FAST)
def split_pairs(
    spectra: Complex64[np.ndarray, "hops length"], planes: Float32[np.ndarray, "hops 2 2 bins"]
) -> None:  # pragma: no cover - compiled
    """Split many pairs."""
    for number in range(len(planes)):
        split_pair(spectra[number], planes[number])


@njit(cache=True, nogil=True, fastmath=_FAST)
def crossfade(
    leaving: Complex64[np.ndarray, "hops length"],
    entering: Complex64[np.ndarray, "hops length"],
    past: int,
    out: Float32[np.ndarray, "2 samples"],
) -> None:  # pragma: no cover - compiled
    """Add pairs of signals that fade over from one to the other in each hop."""
    hop = out.shape[1] // len(leaving)
    step = np.float32(1.0 / hop)
    for number in range(len(leaving)):
        old, new = leaving[number, past:], entering[number, past:]
        left, right = out[0, number * hop :], out[1, number * hop :]
        for n in range(hop):
            rising = np.float32(n) * step
            left[n] += old[n].real + rising * (new[n].real - old[n].real)
            right[n] += old[n].imag + rising * (new[n].imag - old[n].imag)
