"""Find claps in sound: sudden, loud, with much above 1 kHz."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy.signal import butter, find_peaks, sosfilt

_HIGHPASS_HZ = 1000.0
_HOP_S = 0.5e-3
_BEFORE_S, _AFTER_S = 0.03, 0.005
_LEAST_RISE_DB = 15.0
_BELOW_LOUDEST_DB = 20.0
_APART_S = 0.15
_ONSET_SHARE = 0.2
_CHUNK_S = 20.0
_SILENCE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """A sudden sound.

    Attributes:
        time_s: When it begins.
        level_db: Peak of its envelope, dB re full scale.
    """

    time_s: float
    level_db: float


def find_onsets(
    read: Callable[[float, float], Float32[np.ndarray, "samples"]],
    rate_hz: int,
    start_s: float,
    stop_s: float,
    *,
    most: int = 24,
) -> list[Onset]:
    """Return the loudest sudden sounds between two times, in the order of time.

    Args:
        read: Gives the samples of one channel between two times.
        rate_hz: Their rate.
        start_s: From here.
        stop_s: To here.
        most: How many at most.
    """
    found: list[Onset] = []
    at_s = start_s
    while at_s < stop_s:
        until_s = min(at_s + _CHUNK_S, stop_s)
        # A little more on both sides, so that an onset at the seam is seen whole, once.
        padded_s = max(0.0, at_s - 0.1)
        samples = read(padded_s, until_s + 0.1)
        found += [
            onset
            for onset in _onsets_in(samples, rate_hz, padded_s)
            if at_s <= onset.time_s < until_s
        ]
        at_s = until_s
    if not found:
        return []
    loudest = max(onset.level_db for onset in found)
    near = [onset for onset in found if onset.level_db > loudest - _BELOW_LOUDEST_DB]
    near.sort(key=lambda onset: -onset.level_db)
    return sorted(near[:most], key=lambda onset: onset.time_s)


def _onsets_in(samples: np.ndarray, rate_hz: int, start_s: float) -> list[Onset]:
    hop = max(1, round(_HOP_S * rate_hz))
    count = len(samples) // hop
    if count < 2 * round(_BEFORE_S / _HOP_S):
        return []
    highpass = butter(2, min(_HIGHPASS_HZ, 0.2 * rate_hz), "highpass", fs=rate_hz, output="sos")
    high = np.asarray(sosfilt(highpass, samples.astype(np.float64)))[: count * hop]
    power = np.square(high).reshape(count, hop).mean(axis=1)
    total = np.concatenate([[0.0], np.cumsum(power)])
    before, after = round(_BEFORE_S / _HOP_S), round(_AFTER_S / _HOP_S)
    place = np.arange(before, count - after)
    rise_db = np.full(count, -np.inf)
    quiet = (total[place] - total[place - before]) / before
    loud = (total[place + after] - total[place]) / after
    rise_db[place] = 10 * np.log10((loud + _SILENCE**2) / (quiet + _SILENCE**2))
    peaks, _ = find_peaks(rise_db, height=_LEAST_RISE_DB, distance=round(_APART_S / _HOP_S))
    onsets: list[Onset] = []
    for peak in peaks:
        first = max(0, peak - after) * hop
        piece = np.abs(high[first : (peak + 2 * after) * hop])
        begin = first + int(np.argmax(piece > _ONSET_SHARE * piece.max()))
        level_db = float(20 * np.log10(piece.max() + _SILENCE))
        onsets.append(Onset(time_s=start_s + begin / rate_hz, level_db=level_db))
    return onsets
