"""Sound at another rate, as the network hears it; at once or in blocks, sample for sample alike."""

from __future__ import annotations

import logging

import numpy as np
import soxr
from jaxtyping import Float32

from capture.waveform import Sound, blocks_of
from separation.time_array import Allocate, TimeArray

_LOG = logging.getLogger(__name__)


def resampled(
    samples: Float32[np.ndarray, " samples"], from_hz: int, to_hz: int
) -> Float32[np.ndarray, " resampled"]:
    """Resample with a linear-phase band-limited filter; at least one sample comes out."""
    if from_hz == to_hz:
        return samples
    out = np.asarray(soxr.resample(samples, from_hz, to_hz, quality="HQ"), dtype=np.float32)
    count = max(1, round(len(samples) * to_hz / from_hz))
    return np.pad(out, (0, max(0, count - len(out))))[:count]


def resampled_channel(
    sound: Sound, channel: int, to_hz: int, allocate: Allocate = np.zeros
) -> TimeArray:
    """Return one channel of a recording at another rate, as `resampled` does, read in blocks."""
    from_hz = sound.sample_rate_hz
    if from_hz != to_hz:
        _LOG.info("channel %d is heard, resampled from %d to %d Hz", channel, from_hz, to_hz)
    count = max(1, round(sound.sample_count * to_hz / from_hz))
    out = allocate((count,), np.float32)
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    at = 0
    for start, block in blocks_of(sound):
        part = block[channel]
        if from_hz != to_hz:
            is_last = start + block.shape[1] == sound.sample_count
            part = np.asarray(stream.resample_chunk(part, last=is_last))
        part = part[: count - at]
        out[at : at + len(part)] = part
        at += len(part)
    return out
