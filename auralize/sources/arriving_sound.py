"""The sound of a source as it arrives in the middle of the head, block by block."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from auralize.dsp.delay_line import DelayLine, slopes_of
from auralize.sources.heard_source import HeardSource

# Delays are given this often, in samples.
_HOP = 256


class ArrivingSound:
    """Reads on where the last block ended, so that nothing jumps where source or listener are put.

    Blocks are asked for one after the other.
    """

    def __init__(self, source: HeardSource, block: int) -> None:
        """Prepare for blocks of `block` samples."""
        self._source = source
        self._hop = math.gcd(block, _HOP)
        self._line = DelayLine(source.emitted)
        self._out = np.zeros((1, block), dtype=np.float32)
        self._steps = self._hop * np.arange(-1, block // self._hop + 2)
        self._delays, self._slopes = np.zeros(1), np.zeros(1)
        self._level = 0.0
        self._goes_on = False

    def seek(self) -> None:
        """Begin anew: the next block is as if all before had been heard."""
        self._goes_on = False

    def read(self, start: int, out: Float32[np.ndarray, "block"]) -> None:
        """Write what arrives from a sample of the scene on, as loud as the source's own level.

        A level that was changed fades over.
        """
        source = self._source
        if source.takes_time:
            times = (start + self._steps) / source.sample_rate_hz
            delays = source.delays_samples(source.seen_from_listener(times)[1])[:, None]
            slopes = slopes_of(delays)
            delays = delays[1:-1]
            if self._goes_on:
                delays[0], slopes[0] = self._delays, self._slopes
            self._delays, self._slopes = delays[-1].copy(), slopes[-1].copy()
            self._line.process(start, delays, slopes, self._out)
            out[:] = self._out[0]
        else:
            out[:] = source.emitted(start, len(out))
        before = self._level if self._goes_on else source.level
        if before != source.level:
            out *= np.linspace(before, source.level, len(out), dtype=np.float32)
        else:
            out *= np.float32(source.level)
        self._level = source.level
        self._goes_on = True
