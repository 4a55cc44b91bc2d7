"""Check a take's sound: clipping, and channels that are dead, doubled, weak or exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float64

from capture.check.finding import Finding
from capture.take import Take

_CHUNK_S = 10.0
_FULL_SCALE = 0.9995
_CLIPPED_RUN = 3
_DEAD_DBFS = -90.0
_WEAK_DB = 20.0
_SAME = 1 - 1e-7
_SOUND_M_S = 343.0
_FRAME_S = 0.25
_FRAMES = 40
_UPSAMPLED = 4
_BAND_HZ = (200.0, 3000.0)
_WELL_FITTED_SHARE = 0.6
_POORLY_FITTED_M = 0.0025


@dataclass(slots=True)
class _Levels:
    cross: np.ndarray
    clipped: np.ndarray
    samples: int = 0


def check_sound(take: Take) -> Iterator[Finding]:
    """Look at every sample of every channel, in pieces."""
    if not take.has_sound:
        return
    channels = take.channel_count
    levels = _Levels(np.zeros((channels, channels)), np.zeros(channels))
    at_s = 0.0
    while at_s < take.duration_s:
        samples = take.audio(at_s, min(at_s + _CHUNK_S, take.duration_s)).samples.astype(np.float64)
        samples -= samples.mean(axis=1, keepdims=True)
        raised = np.abs(samples) >= _FULL_SCALE
        runs = raised[:, 2:] & raised[:, 1:-1] & raised[:, :-2]
        levels.clipped += np.count_nonzero(runs, axis=1)
        levels.cross += samples @ samples.T
        levels.samples += samples.shape[1]
        at_s += _CHUNK_S
    yield _clipping(levels)
    yield from _channels(take, levels)


def _clipping(levels: _Levels) -> Finding:
    clipped = np.flatnonzero(levels.clipped)
    if len(clipped) == 0:
        return Finding(concern="clipping", ok=True, text="no channel clips")
    listed = ", ".join(f"{channel} ({levels.clipped[channel]:.0f} times)" for channel in clipped)
    return Finding(
        concern="clipping",
        ok=False,
        text=f"channels that clip: {listed}",
        advice="Lower the input's gain, or sit further away, and record again.",
    )


def _channels(take: Take, levels: _Levels) -> Iterator[Finding]:
    power = np.diagonal(levels.cross) / max(levels.samples, 1)
    level_db = 10 * np.log10(power + 1e-20)
    dead = np.flatnonzero(level_db < _DEAD_DBFS)
    alive = np.flatnonzero(level_db >= _DEAD_DBFS)
    bad = False
    if len(dead):
        bad = True
        which = f"dead channels: {_listed(dead)}; they are" if len(alive) else "every channel is"
        yield Finding(
            concern="channels",
            ok=False,
            text=f"{which} below {_DEAD_DBFS:.0f} dBFS all through",
            advice="Check the cable and the device's channel count, and that it is not muted.",
        )
    if len(alive) > 1:
        weak = alive[level_db[alive] < np.median(level_db[alive]) - _WEAK_DB]
        if len(weak):
            bad = True
            yield Finding(
                concern="channels",
                ok=False,
                text=f"weak channels, {_WEAK_DB:.0f} dB below the others: {_listed(weak)}",
                advice="Check that nothing covers these microphones, and their gain.",
            )
        same = [
            (a, b)
            for a, b in combinations(alive.tolist(), 2)
            if levels.cross[a, b] > _SAME * np.sqrt(levels.cross[a, a] * levels.cross[b, b])
        ]
        if same:
            bad = True
            pairs = ", ".join(f"{a} and {b}" for a, b in same[:5])
            yield Finding(
                concern="channels",
                ok=False,
                text=f"channels with the same sound: {pairs}",
                advice="Record all channels of the device apart, not a mix of them.",
            )
        elif len(dead) == 0:
            swapped = _exchanged(take)
            if swapped is not None:
                bad = True
                yield Finding(
                    concern="channels",
                    ok=False,
                    text=f"channels {swapped[0]} and {swapped[1]} seem exchanged: no sound reaches "
                    "them in the order of the places that take.json gives",
                    advice="Correct microphones in take.json, or the wiring.",
                )
    if not bad:
        yield Finding(
            concern="channels",
            ok=True,
            text=f"all {take.channel_count} channels are alive, the levels within "
            f"{np.ptp(level_db):.1f} dB",
        )


def _listed(channels: np.ndarray) -> str:
    return ", ".join(str(channel) for channel in channels.tolist())


def _exchanged(take: Take) -> tuple[int, int] | None:
    """Return two channels that fit to plane waves when they are exchanged, and not as they are.

    A plane wave reaches the microphones with delays that are linear in their places.
    """
    places = {entry.channel: entry.position_m for entry in take.microphones}
    known = [places.get(channel) for channel in range(take.channel_count)]
    if len(known) < 4 or any(place is None for place in known):
        return None
    positions = np.array(known, dtype=np.float64)
    ways_m = _ways_m(take, float(np.linalg.norm(np.ptp(positions, axis=0))))
    if len(ways_m) < 3:
        return None
    as_it_is = _misfit_m(positions, ways_m)
    swaps = list(combinations(range(len(positions)), 2))
    misfits: list[float] = []
    for a, b in swaps:
        order = np.arange(len(positions))
        order[[a, b]] = b, a
        misfits.append(_misfit_m(positions[order], ways_m))
    best = int(np.argmin(misfits))
    if as_it_is > _POORLY_FITTED_M and misfits[best] < _WELL_FITTED_SHARE * as_it_is:
        return swaps[best]
    return None


def _misfit_m(positions: np.ndarray, ways_m: np.ndarray) -> float:
    """Return by how much measured ways miss those of the best plane waves, in the median frame."""
    centered = positions - positions.mean(axis=0)
    away = ways_m - ways_m.mean(axis=1, keepdims=True)
    fitted = away @ np.linalg.pinv(centered).T @ centered.T
    return float(np.median(np.sqrt(np.mean((away - fitted) ** 2, axis=1))))


def _ways_m(take: Take, aperture_m: float) -> Float64[np.ndarray, "frames channels"]:
    """Return how much later, in metres, sound reaches each channel than the first, frame by frame.

    Source: Knapp and Carter, IEEE Trans. ASSP 24, 1976 (generalised cross-correlation).
    """
    rate_hz = take.sample_rate_hz
    most = int(np.ceil(_UPSAMPLED * rate_hz * aperture_m / _SOUND_M_S)) + 2
    last_s = take.duration_s - _FRAME_S
    frames: list[np.ndarray] = []
    for start_s in np.linspace(0, max(last_s, 0), _FRAMES).tolist():
        samples = take.audio(start_s, start_s + _FRAME_S).samples.astype(np.float64)
        if np.sqrt(np.mean(samples**2)) < 1e-4:
            continue
        spectra = np.fft.rfft(samples * np.hanning(samples.shape[1]), axis=1)
        frequencies = np.fft.rfftfreq(samples.shape[1], 1 / rate_hz)
        cross = spectra * np.conj(spectra[0])
        cross /= np.sqrt(np.abs(cross)) + 1e-12
        cross[:, (frequencies < _BAND_HZ[0]) | (frequencies > _BAND_HZ[1])] = 0
        correlation = np.fft.irfft(cross, _UPSAMPLED * samples.shape[1], axis=1)
        near = np.concatenate([correlation[:, -most:], correlation[:, : most + 1]], axis=1)
        lags = np.argmax(near, axis=1) - most
        frames.append(lags / (_UPSAMPLED * rate_hz) * _SOUND_M_S)
    return np.array(frames).reshape(-1, take.channel_count)
