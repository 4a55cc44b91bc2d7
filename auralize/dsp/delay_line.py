"""Read a sound between its samples: fractional delays, and Doppler shift where they change.

A sound is brought to four times its rate in two steps, each of which adds the samples half-way
between. Between those samples it is read with polynomials of degree 5 through 8 of them. All
coefficients are those that fit tones up to 0.45 of the sample rate best; the error is below
−100 dB there. Delays are given at the borders of hops with their slopes, and follow cubic curves
(Hermite) in between, so that the pitch never jumps.

Source: Niemitalo 2001, "Polynomial interpolators for high-quality resampling of oversampled
audio", for the structure.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32
from numba import njit

_BAND = 0.454
_FIRST_TAPS, _SECOND_TAPS = 96, 14
_TAPS, _DEGREE = 8, 5
# Samples that are read before the first place and after the last one.
_AROUND = _FIRST_TAPS // 2 + _SECOND_TAPS // 4 + _TAPS // 8 + 2

_FAST = {"contract", "reassoc", "nsz", "arcp"}


class DelayLine:
    """Delays a sound by amounts that change over time, differently for each of several outputs."""

    def __init__(self, read: Callable[[int, int], Float32[np.ndarray, "count"]]) -> None:
        """Take what gives samples of the sound (start, count).

        Room is made for the longest block so far: later ones allocate nothing.
        """
        self._read = read
        self._phases = np.zeros((4, 0), dtype=np.float32)
        self._places = np.zeros(0, dtype=np.int32)
        self._parts = np.zeros(0, dtype=np.float32)

    def process(
        self,
        start: int,
        delays: Float64[np.ndarray, "borders outputs"],
        slopes: Float64[np.ndarray, "borders outputs"],
        out: Float32[np.ndarray, "outputs block"],
    ) -> None:
        """Write a block, in hops from one given delay to the next.

        Args:
            start: Where it starts, in samples.
            delays: Delays in samples at the start, between hops and at the end; they may be
                negative, as far as the sound can be read ahead.
            slopes: How the delays change there, in samples per hop.
            out: Where to write a whole number of hops, of one sample or more.
        """
        outputs, block = out.shape
        hops = len(delays) - 1
        if hops < 1 or block % hops or delays.shape[1] != outputs or slopes.shape != delays.shape:
            raise ValueError(
                f"needed are delays and slopes for {outputs} outputs at the borders of hops that "
                f"fit into {block} samples, got the shapes {delays.shape} and {slopes.shape}."
            )
        hop = block // hops
        if hop > len(self._places):
            self._places = np.zeros(hop, dtype=np.int32)
            self._parts = np.zeros(hop, dtype=np.float32)
        # A Hermite curve leaves the range of its ends by at most 4/27 of each slope.
        beyond = 0.3 * max(float(slopes.max()), -float(slopes.min()))
        first = start - int(np.ceil(float(delays.max()) + beyond)) - _AROUND
        stop = start + block - int(np.floor(float(delays.min()) - beyond)) + _AROUND
        sound = self._read(first, stop - first)
        if len(sound) > self._phases.shape[1]:
            self._phases = np.zeros((4, len(sound) * 5 // 4), dtype=np.float32)
        _quadruple(sound, _FIRST, _SECOND, self._phases)
        _read_between(
            self._phases,
            start - first,
            delays,
            slopes,
            _EVEN,
            _ODD,
            self._places[:hop],
            self._parts[:hop],
            out,
        )


def slopes_of(
    delays: Float[np.ndarray, "times *outputs"],
) -> Float64[np.ndarray, "times-2 *outputs"]:
    """Return the slopes at all but the first and the last time, from the neighbours of each."""
    return (delays[2:] - delays[:-2]) / 2


@njit(cache=True, nogil=True, fastmath=_FAST)
def _quadruple(
    sound: Float32[np.ndarray, "count"],
    first: Float32[np.ndarray, "96"],
    second: Float32[np.ndarray, "7"],
    phases: Float32[np.ndarray, "4 room"],
) -> None:  # pragma: no cover - compiled
    """Write a sound at four times its rate, phase by phase, where there is enough around."""
    count = len(sound)
    phases[0, :count] = sound
    before = len(first) // 2 - 1
    after = before + count - len(first) + 1
    _add_filtered(sound, first, phases[2, before:after])
    on, half = phases[0, before:after], phases[2, before:after]
    _read_halfway(on, half, second, phases[1, before + 3 : after - 3])
    _read_halfway(half[:-1], on[1:], second, phases[3, before + 3 : after - 4])


@njit(cache=True, nogil=True, fastmath=_FAST)
def _add_filtered(
    sound: Float32[np.ndarray, "count"],
    taps: Float32[np.ndarray, "taps"],
    out: Float32[np.ndarray, "count-taps+1"],
) -> None:  # pragma: no cover - compiled
    """Write a sound through a symmetric filter whose length is a multiple of eight.

    The outer loop is over taps, eight at a time, because then the inner one uses the whole width
    of the processor.
    """
    for i in range(len(out)):
        out[i] = 0
    for tap in range(0, len(taps), 8):
        a, b, c, d = taps[tap], taps[tap + 1], taps[tap + 2], taps[tap + 3]
        e, f, g, h = taps[tap + 4], taps[tap + 5], taps[tap + 6], taps[tap + 7]
        x = sound[tap:]
        for i in range(len(out)):
            out[i] += (
                a * x[i]
                + b * x[i + 1]
                + c * x[i + 2]
                + d * x[i + 3]
                + e * x[i + 4]
                + f * x[i + 5]
                + g * x[i + 6]
                + h * x[i + 7]
            )


@njit(cache=True, nogil=True, fastmath=_FAST)
def _read_halfway(
    even: Float32[np.ndarray, "count"],
    odd: Float32[np.ndarray, "count"],
    taps: Float32[np.ndarray, "7"],
    out: Float32[np.ndarray, "count-6"],
) -> None:  # pragma: no cover - compiled
    """Write what lies between each even sample, from the fourth on, and the odd one after it."""
    a, b, c, d, e, f, g = taps
    for i in range(len(out)):
        out[i] = (
            a * (even[i + 3] + odd[i + 3])
            + b * (odd[i + 2] + even[i + 4])
            + c * (even[i + 2] + odd[i + 4])
            + d * (odd[i + 1] + even[i + 5])
            + e * (even[i + 1] + odd[i + 5])
            + f * (odd[i] + even[i + 6])
            + g * (even[i] + odd[i + 6])
        )


@njit(cache=True, nogil=True, fastmath=_FAST)
def _read_between(
    phases: Float32[np.ndarray, "4 room"],
    start: int,
    delays: Float64[np.ndarray, "borders outputs"],
    slopes: Float64[np.ndarray, "borders outputs"],
    even: Float32[np.ndarray, "3 4"],
    odd: Float32[np.ndarray, "3 4"],
    places: Int32[np.ndarray, "hop"],
    parts: Float32[np.ndarray, "hop"],
    out: Float32[np.ndarray, "outputs block"],
) -> None:  # pragma: no cover - compiled
    """Write delayed samples; `start` is where the block starts in the sound that was doubled.

    For as long as the whole part of the delay stays the same, the eight samples around each place
    are neighbours in eight rows, so that many places are done at once. Coefficients of even powers
    are the same on both sides of the middle, those of odd powers are opposite.
    """
    hop = len(places)
    share = 1.0 / hop
    for output in range(out.shape[0]):
        for border in range(len(delays) - 1):
            here, there = delays[border, output], delays[border + 1, output]
            leaving, arriving = slopes[border, output], slopes[border + 1, output]
            square = 3 * (there - here) - 2 * leaving - arriving
            cube = 2 * (here - there) + leaving + arriving
            begin = border * hop
            # Where each sample is read, without its own number: in quarters, and parts of them.
            for n in range(hop):
                u = n * share
                place = 4 * (start + begin - (here + u * (leaving + u * (square + u * cube))))
                whole = np.floor(place)
                places[n] = np.int32(whole)
                parts[n] = np.float32(place - whole) - np.float32(0.5)
            n = 0
            while n < hop:
                end = n + 1
                while end < hop and places[end] == places[n]:
                    end += 1
                at = places[n] - 3
                x0 = phases[at & 3, (at >> 2) + n : (at >> 2) + end]
                x1 = phases[(at + 1) & 3, (at + 1 >> 2) + n : (at + 1 >> 2) + end]
                x2 = phases[(at + 2) & 3, (at + 2 >> 2) + n : (at + 2 >> 2) + end]
                x3 = phases[(at + 3) & 3, (at + 3 >> 2) + n : (at + 3 >> 2) + end]
                x4 = phases[(at + 4) & 3, (at + 4 >> 2) + n : (at + 4 >> 2) + end]
                x5 = phases[(at + 5) & 3, (at + 5 >> 2) + n : (at + 5 >> 2) + end]
                x6 = phases[(at + 6) & 3, (at + 6 >> 2) + n : (at + 6 >> 2) + end]
                x7 = phases[(at + 7) & 3, (at + 7 >> 2) + n : (at + 7 >> 2) + end]
                run = out[output, begin + n : begin + end]
                v = parts[n:end]
                for i in range(end - n):
                    a, b, c, d = x0[i] + x7[i], x1[i] + x6[i], x2[i] + x5[i], x3[i] + x4[i]
                    p, q, r, s = x7[i] - x0[i], x6[i] - x1[i], x5[i] - x2[i], x4[i] - x3[i]
                    v2 = v[i] * v[i]
                    e0 = even[0, 0] * a + even[0, 1] * b + even[0, 2] * c + even[0, 3] * d
                    e2 = even[1, 0] * a + even[1, 1] * b + even[1, 2] * c + even[1, 3] * d
                    e4 = even[2, 0] * a + even[2, 1] * b + even[2, 2] * c + even[2, 3] * d
                    o1 = odd[0, 0] * p + odd[0, 1] * q + odd[0, 2] * r + odd[0, 3] * s
                    o3 = odd[1, 0] * p + odd[1, 1] * q + odd[1, 2] * r + odd[1, 3] * s
                    o5 = odd[2, 0] * p + odd[2, 1] * q + odd[2, 2] * r + odd[2, 3] * s
                    run[i] = e0 + v2 * (e2 + v2 * e4) + v[i] * (o1 + v2 * (o3 + v2 * o5))
                n = end


def _best_coefficients(
    taps: int, degree: int, highest: float
) -> Float64[np.ndarray, "powers half_taps"]:
    """Return the polynomials that read best between the middle two of some samples.

    Column k belongs to the sample k + ½ after the middle, row m to the power m of the place, −½ to
    ½ around the middle. They minimise the mean square error for tones up to a frequency (in units
    of the rate). By symmetry, tones are cosines (even powers) or sines (odd powers).
    """
    frequencies = 2 * np.pi * (np.arange(200) + 0.5) / 200 * highest
    places = np.linspace(-0.5, 0.5, 41) if degree > 0 else np.zeros(1)
    coefficients = np.zeros((degree + 1, taps // 2))
    distances = np.arange(taps // 2) + 0.5
    for parity, wave in enumerate((np.cos, np.sin)[: degree + 1]):
        powers = np.arange(parity, degree + 1, 2)
        samples = 2 * wave(frequencies[:, None] * distances)
        parts = np.einsum("fk,pm->fpmk", samples, places[:, None] ** powers)
        wanted = wave(frequencies[:, None] * places)
        solution = np.linalg.lstsq(parts.reshape(wanted.size, -1), wanted.ravel(), rcond=None)[0]
        coefficients[parity::2] = solution.reshape(len(powers), -1)
    return coefficients


_half = _best_coefficients(_FIRST_TAPS, 0, _BAND)[0].astype(np.float32)
_FIRST = np.concatenate([_half[::-1], _half])
_SECOND = _best_coefficients(_SECOND_TAPS, 0, _BAND / 2)[0].astype(np.float32)
# From the outermost sample to the middle, as the loop has them.
_polynomials = _best_coefficients(_TAPS, _DEGREE, _BAND / 4)[:, ::-1].astype(np.float32)
_EVEN, _ODD = _polynomials[0::2].copy(), _polynomials[1::2].copy()
