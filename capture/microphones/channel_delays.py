"""By how much later one channel hears a sudden sound than another.

Generalised cross-correlation with phase transform: each frequency counts alike, so that the peak is
narrow whatever the sound. Only some milliseconds around the onset are compared, before the first
reflections come.

Source: Knapp and Carter 1976, The generalized correlation method for estimation of time delay.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Float, Float64, Int64

_BAND_HZ = (400.0, 12_000.0)
_LENGTHS = 4
"""Zeros after the piece, so that nothing comes around the circle; in multiples of it."""
_FINER = 16


def channel_pairs(channels: int) -> Int64[np.ndarray, "pairs 2"]:
    """Return all pairs of channels, the first below the second."""
    return np.array(list(combinations(range(channels), 2)), dtype=np.int64).reshape(-1, 2)


def channel_delays(
    samples: Float[np.ndarray, "channels samples"],
    rate_hz: int,
    pairs: Int64[np.ndarray, "pairs 2"],
    longest_s: float,
) -> Float64[np.ndarray, "pairs"]:
    """Return by how many seconds the first of each pair hears a sound later than the second.

    Args:
        samples: A piece with one sudden sound.
        rate_hz: Its rate.
        pairs: Of channels.
        longest_s: Delays up to this are looked for.

    Raises:
        ValueError: A channel of a pair is silent, or the piece is too short.
    """
    channels, count = samples.shape
    if longest_s * rate_hz > count:
        raise ValueError(f"{count} samples are too few for delays of {longest_s} s.")
    tapered = samples - samples.mean(axis=1, keepdims=True)
    edge = max(1, count // 8)
    fade = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    tapered[:, :edge] *= fade
    tapered[:, -edge:] *= fade[::-1]
    silent = [number for number in range(channels) if not tapered[number].any()]
    if silent:
        raise ValueError(f"channel {silent[0]} is silent.")
    length = 1 << int(np.ceil(np.log2(_LENGTHS * count)))
    spectra = np.fft.rfft(tapered, length)
    frequencies = np.fft.rfftfreq(length, 1 / rate_hz)
    band = (frequencies > _BAND_HZ[0]) & (frequencies < min(_BAND_HZ[1], 0.45 * rate_hz))
    phases = spectra / np.maximum(np.abs(spectra), 1e-12)
    cross = np.where(band, phases[pairs[:, 0]] * phases[pairs[:, 1]].conj(), 0)
    correlation = np.fft.irfft(cross, _FINER * length)
    reach = int(np.ceil(longest_s * rate_hz * _FINER))
    around = np.concatenate([correlation[:, -reach:], correlation[:, : reach + 1]], axis=1)
    peak = np.clip(around.argmax(axis=1), 1, 2 * reach - 1)
    rows = np.arange(len(pairs))
    before, top, after = (around[rows, peak + step] for step in (-1, 0, 1))
    curve = before - 2 * top + after
    part = np.where(curve < 0, 0.5 * (before - after) / np.where(curve < 0, curve, -1.0), 0.0)
    return (peak - reach + np.clip(part, -1, 1)) / (_FINER * rate_hz)
