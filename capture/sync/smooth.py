"""Fit how late a clock's readings arrive: robust, smooth, in as many pieces as the clock jumps.

How late a reading arrives changes as the clock drifts, and its drift changes as the device warms.
The model is that of a clock whose rate walks at random, seen through jitter and outliers: a
piecewise straight line whose bends are penalised, fitted by least squares with bisquare weights.

Source: D. W. Allan, "Time and frequency characterization…", IEEE Trans. UFFC 34, 1987 (the clock);
A. E. Beaton and J. W. Tukey, Technometrics 16, 1974 (the weights).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64
from scipy.linalg import solveh_banded

from capture.sync.jumps import find_jumps
from capture.sync.stamps import Stamps

_KNOT_GAP_S = 10.0
_WALK_S = (20e-6) ** 2 / 1000.0
"""Variance of the rate's walk in a second: 20 ppm in 1000 s, as real crystals do at most."""
_LIKELY_DRIFT = 500e-6
"""Standard deviation of a clock's drift before anything is known of it."""
_LIKELY_CHANGE = 20e-6
"""Of the drift from one piece to the next."""
_BISQUARE = 4.685
_ROUNDS = 8
_LEAST_JITTER_S = 1e-5
_START_BINS = 60
_LEAST_JUMP_S = 0.008


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How late a clock's readings arrive over time, without the jitter.

    Attributes:
        clock_s: Shape (K,): times by the clock, increasing.
        late_s: Shape (K,): arrival minus clock at those times; straight in between.
        error_s: Largest standard error of `late_s`.
        jitter_s: Standard deviation of arrivals about it, outliers apart.
        outlier_share: Share of arrivals that were not believed.
        jumps: Time and height of each jump.
    """

    clock_s: Float64[np.ndarray, "K"]
    late_s: Float64[np.ndarray, "K"]
    error_s: float
    jitter_s: float
    outlier_share: float
    jumps: tuple[tuple[float, float], ...]


@dataclass(slots=True, kw_only=True)
class _Piece:
    clock_s: np.ndarray
    late_s: np.ndarray
    error_s: float
    jitter_s: float
    outliers: int

    @property
    def span_s(self) -> float:
        return float(self.clock_s[-1] - self.clock_s[0])

    @property
    def drift(self) -> float:
        return float((self.late_s[-1] - self.late_s[0]) / self.span_s) if self.span_s else 0.0


def fit_lateness(stamps: Stamps) -> Lateness:
    """Fit how late the readings of a clock arrive."""
    clock, late = stamps.clock_s, stamps.host_s - stamps.clock_s
    jumps = find_jumps(clock, late)
    pieces = _fit_pieces(clock, late, jumps)
    heights = [after.late_s[0] - before.late_s[-1] for before, after in pairwise(pieces)]
    real = [at for at, height in zip(jumps, heights, strict=True) if abs(height) > _LEAST_JUMP_S]
    if real != jumps:  # a stall of the computer looked like one
        pieces = _fit_pieces(clock, late, real)
    longest = max(pieces, key=lambda piece: piece.span_s)
    return Lateness(
        clock_s=np.concatenate([piece.clock_s for piece in pieces]),
        late_s=np.concatenate([piece.late_s for piece in pieces]),
        error_s=max(piece.error_s for piece in pieces),
        jitter_s=longest.jitter_s,
        outlier_share=sum(piece.outliers for piece in pieces) / len(clock),
        jumps=tuple(
            (float(after.clock_s[0]), float(after.late_s[0] - before.late_s[-1]))
            for before, after in pairwise(pieces)
        ),
    )


def _fit_pieces(clock: np.ndarray, late: np.ndarray, jumps: list[int]) -> list[_Piece]:
    """Fit the pieces between jumps; the longest tells the others what drift to expect."""
    spans = [slice(start, stop) for start, stop in pairwise([0, *jumps, len(clock)])]
    longest = max(range(len(spans)), key=lambda i: clock[spans[i]][-1] - clock[spans[i]][0])
    known = _fit_piece(clock[spans[longest]], late[spans[longest]], 0.0, _LIKELY_DRIFT)
    return [
        known
        if index == longest
        else _fit_piece(clock[span], late[span], known.drift, _LIKELY_CHANGE)
        for index, span in enumerate(spans)
    ]


def _fit_piece(clock: np.ndarray, late: np.ndarray, drift: float, drift_std: float) -> _Piece:
    """Fit a piece without jumps, of which a drift is expected with a standard deviation."""
    span_s = float(clock[-1] - clock[0])
    if span_s <= 0:
        middle = float(np.median(late))
        return _Piece(
            clock_s=clock[:1],
            late_s=np.array([middle]),
            error_s=float(np.std(late) / np.sqrt(len(late))),
            jitter_s=float(np.std(late)),
            outliers=0,
        )
    count = max(2, round(span_s / _KNOT_GAP_S) + 1)
    knots = np.linspace(clock[0], clock[-1], count)
    gap_s = span_s / (count - 1)
    place = (clock - clock[0]) / gap_s
    cell = np.minimum(place.astype(np.int64), count - 2)
    share = place - cell
    residual = late - _first_line(clock, late, drift)
    # The line misses the wander too, so that the first round believes all but the worst.
    jitter = _scale(residual)
    values = np.zeros(count)
    weights = np.ones(len(late))
    bands = np.zeros((3, count))
    for _ in range(_ROUNDS):
        weights = np.maximum(0.0, 1 - (residual / (_BISQUARE * jitter)) ** 2) ** 2
        bands, right = _normal_equations(cell, share, late, weights / jitter**2, count)
        _add_walk(bands, gap_s)
        _add_drift(bands, right, gap_s, drift, drift_std)
        values = solveh_banded(bands, right, lower=True)
        residual = late - ((1 - share) * values[cell] + share * values[cell + 1])
        jitter = _scale(residual)
    variance = np.diagonal(solveh_banded(bands, np.eye(count), lower=True))
    return _Piece(
        clock_s=knots,
        late_s=values,
        error_s=float(np.sqrt(variance.max())),
        jitter_s=jitter,
        outliers=int(np.count_nonzero(weights == 0)),
    )


def _scale(residual: np.ndarray) -> float:
    return max(_LEAST_JITTER_S, 1.4826 * float(np.median(np.abs(residual))))


def _first_line(clock: np.ndarray, late: np.ndarray, drift: float) -> np.ndarray:
    """Return a line through medians: the median of the slopes between the medians of bins."""
    bins = min(_START_BINS, len(clock) // 10)
    if bins < 3:
        return np.median(late - drift * clock) + drift * clock
    parts = np.array_split(np.arange(len(clock)), bins)
    x = np.array([np.median(clock[part]) for part in parts])
    y = np.array([np.median(late[part]) for part in parts])
    first, second = np.triu_indices(bins, 1)
    apart = x[second] - x[first]
    slopes = (y[second] - y[first])[apart > 0] / apart[apart > 0]
    slope = float(np.median(slopes)) if len(slopes) else drift
    return np.median(y - slope * x) + slope * clock


def _normal_equations(
    cell: np.ndarray, share: np.ndarray, late: np.ndarray, weights: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the banded matrix (diagonal, first and second below it) and the right side."""

    def total(at: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.bincount(at, weights=values, minlength=count)

    bands = np.zeros((3, count))
    bands[0] = total(cell, weights * (1 - share) ** 2) + total(cell + 1, weights * share**2)
    bands[1] = total(cell, weights * share * (1 - share))
    right = total(cell, weights * (1 - share) * late) + total(cell + 1, weights * share * late)
    return bands, right


def _add_walk(bands: np.ndarray, gap_s: float) -> None:
    """Add that the rate walks at random: bends of (1, −2, 1) have the variance walk · gap³."""
    precision = 1 / (_WALK_S * gap_s**3)
    row = np.array([1.0, -2.0, 1.0])
    bends = bands.shape[1] - 2
    for i in range(3):
        for j in range(i + 1):
            bands[i - j, j : j + bends] += precision * row[i] * row[j]


def _add_drift(
    bands: np.ndarray, right: np.ndarray, gap_s: float, drift: float, drift_std: float
) -> None:
    """Add what is expected of the first slope."""
    precision = 1 / (drift_std * gap_s) ** 2
    bands[0, :2] += precision
    bands[1, 0] -= precision
    right[0] -= precision * drift * gap_s
    right[1] += precision * drift * gap_s
