"""The lag between two takes by what both heard.

First roughly: how the loudness of a minute rises and falls is laid on all of the other take. Then
the sound itself, about the most sudden moments of the take, by cross-correlation in which each
frequency counts alike; a line through these lags shows whether the clocks drift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64
from scipy.signal import butter, correlate, resample_poly, sosfilt

if TYPE_CHECKING:
    from capture.take import Take

_HOP_S = 0.005
_CHUNK_S = 20.0
_HIGHPASS_HZ = 200.0
_SILENCE = 1e-4
_ROUGH_S = 60.0
_APART_S = 0.05
_CLEARLY = 0.85
_LEAST_PEAK = 6.0
"""Standard deviations of the correlation, that the right lag stands out by."""
_SECTIONS = 16
_BEFORE_S, _AFTER_S = 0.1, 0.3
_NEAR_S = 0.02
_FASTEST = 300e-6
_LEAST_PHASED = 5.0
_BAND_HZ = (200.0, 6000.0)
_LEAST_ERROR_S = 0.3e-3
_DRIFT_SPAN_S = 20.0


def sound_lag(first: Take, other: Take) -> tuple[float, float, float] | None:
    """Return the lag at time 0, its drift, and its standard error; None where sound shows none.

    Raises:
        DataError: A sample is not finite.
    """
    rises = [_rises(take) for take in (first, other)]
    if min(len(each) for each in rises) < 1.0 / _HOP_S:
        return None
    start, rough_s = _rough(*rises)
    if rough_s is None:
        return None
    middle_s = _HOP_S * start
    times: list[float] = []
    lags: list[float] = []
    for at_s in sorted(_moments(rises[0]), key=lambda at_s: abs(at_s - middle_s)):
        about_s, reach_s = rough_s, _NEAR_S + _FASTEST * abs(at_s - middle_s)
        if len(times) >= 4:
            drift, begin_s, _ = _line(times, lags)
            about_s, reach_s = begin_s + drift * at_s, _NEAR_S
        fine_s = _fine(first, other, at_s, about_s, reach_s)
        if fine_s is not None:
            times.append(at_s)
            lags.append(fine_s)
    if not times:
        return None
    drift, begin_s, error_s = _line(times, lags)
    return begin_s, drift, error_s


def _rises(take: Take) -> Float64[np.ndarray, "hops"]:
    """Return by how much the level rises in each hop, over that of the last hops."""
    levels: list[np.ndarray] = []
    rate_hz = take.sample_rate_hz
    highpass = butter(2, _HIGHPASS_HZ, "highpass", fs=rate_hz, output="sos")
    at_s = 0.0
    while at_s < take.duration_s:
        piece = take.audio(at_s, min(at_s + _CHUNK_S, take.duration_s)).samples
        high = np.asarray(sosfilt(highpass, piece[take.center_channel].astype(np.float64)))
        # 5 ms are no whole number of samples at every rate.
        edges = np.round(np.arange(0, len(high) / rate_hz, _HOP_S) * rate_hz).astype(int)
        edges = edges[edges < len(high)]
        power = np.add.reduceat(np.square(high), edges) / np.diff(np.append(edges, len(high)))
        levels.append(np.log(power + _SILENCE**2))
        at_s += _CHUNK_S
    level = np.concatenate(levels)
    before = np.concatenate([np.repeat(level[:1], 4), level])[: len(level)]
    return np.clip(level - before, 0, None)


def _rough(first: np.ndarray, other: np.ndarray) -> tuple[int, float | None]:
    """Return the middle of the minute that was compared, and the lag; None where it is unclear."""
    count = min(len(first), round(_ROUGH_S / _HOP_S))
    total = np.concatenate([[0.0], np.cumsum(first)])
    begin = int(np.argmax(total[count:] - total[: len(total) - count]))
    piece = first[begin : begin + count]
    piece, whole = piece - piece.mean(), other - other.mean()
    agreement = correlate(whole, piece, method="fft")
    best = int(agreement.argmax())
    middle = begin + count // 2
    around = round(_APART_S / _HOP_S)
    rest = np.concatenate([agreement[: max(0, best - around)], agreement[best + around :]])
    if len(rest) == 0 or agreement[best] < _LEAST_PEAK * rest.std():
        return middle, None
    if rest.max() > _CLEARLY * agreement[best]:
        return middle, None
    return middle, _HOP_S * (best - (count - 1) - begin)


def _moments(rises: np.ndarray) -> list[float]:
    """Return the most sudden moment of each of some parts of a take."""
    parts = np.array_split(np.arange(len(rises)), _SECTIONS)
    loudest = [part[int(rises[part].argmax())] for part in parts if len(part)]
    least = 0.2 * max(rises[index] for index in loudest)
    return [_HOP_S * float(index) for index in loudest if rises[index] > least]


def _fine(first: Take, other: Take, at_s: float, lag_s: float, reach_s: float) -> float | None:
    """Return the lag about one moment, None where the sounds have little in common."""
    rate_hz = first.sample_rate_hz
    here = _piece(first, at_s - _BEFORE_S, at_s + _AFTER_S, rate_hz)
    there = _piece(other, at_s - _BEFORE_S + lag_s, at_s + _AFTER_S + lag_s, rate_hz)
    count = min(len(here), len(there))
    if not here.any() or not there.any():
        return None
    fade = np.hanning(count)
    length = 1 << int(np.ceil(np.log2(2 * count)))
    spectra = [np.fft.rfft(piece[:count] * fade, length) for piece in (here, there)]
    frequencies = np.fft.rfftfreq(length, 1 / rate_hz)
    band = (frequencies > _BAND_HZ[0]) & (frequencies < min(_BAND_HZ[1], 0.45 * rate_hz))
    cross = spectra[1] * spectra[0].conj()
    # Not all white: where nothing sounds, phases are chance.
    weight = np.where(band, np.maximum(np.abs(cross), 1e-12) ** -0.7, 0.0)
    agreement = np.fft.irfft(cross * weight, length)
    reach = min(round(reach_s * rate_hz), count // 2)
    around = np.concatenate([agreement[-reach:], agreement[: reach + 1]])
    best = int(around.argmax())
    if around[best] < _LEAST_PHASED * agreement.std() or best in (0, 2 * reach):
        return None
    begin_s = round((at_s - _BEFORE_S + lag_s) * other.sample_rate_hz) / other.sample_rate_hz
    begin_s -= round((at_s - _BEFORE_S) * rate_hz) / rate_hz
    return begin_s + (best - reach) / rate_hz


def _piece(take: Take, start_s: float, stop_s: float, rate_hz: int) -> Float64[np.ndarray, "n"]:
    """Return the center channel between two times, for comparison at another rate if need be."""
    samples = take.audio(start_s, stop_s).samples[take.center_channel].astype(np.float64)
    if take.sample_rate_hz == rate_hz:
        return samples
    return np.asarray(resample_poly(samples, rate_hz, take.sample_rate_hz))


def _line(times: list[float], lags: list[float]) -> tuple[float, float, float]:
    """Return slope, start and standard error of a line through most lags; level if short."""
    at, lag = np.array(times), np.array(lags)
    drift = 0.0
    if len(at) >= 4 and np.ptp(at) > _DRIFT_SPAN_S:
        pairs = np.triu_indices(len(at), 1)
        apart = at[pairs[1]] - at[pairs[0]]
        far = np.abs(apart) > 0.3 * np.ptp(at)
        slopes = (lag[pairs[1]] - lag[pairs[0]])[far] / apart[far]
        drift = float(np.median(slopes))
    left = lag - drift * at
    begin_s = float(np.median(left))
    scatter_s = 1.4826 * float(np.median(np.abs(left - begin_s)))
    if drift and abs(drift) * np.ptp(at) < 2 * scatter_s:
        return _line_level(lag)
    return drift, begin_s, max(_LEAST_ERROR_S, scatter_s / np.sqrt(len(at)))


def _line_level(lag: np.ndarray) -> tuple[float, float, float]:
    begin_s = float(np.median(lag))
    scatter_s = 1.4826 * float(np.median(np.abs(lag - begin_s)))
    return 0.0, begin_s, max(_LEAST_ERROR_S, scatter_s / np.sqrt(len(lag)))
