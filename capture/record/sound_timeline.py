"""SoundTimeline: when each sample was heard by the host's clock, and silence for lost ones.

A sound device counts samples and says when each block came, with a jitter of milliseconds. Samples
that got lost show as blocks that come late and stay late. A block is therefore held back until the
next ones are known; then silence of the missing length goes before it, so that the count of samples
keeps running with time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16, Int32

from capture.record.clock_line import ClockLine
from capture.record.driver import SoundBlock

_HELD = 16
"""Blocks that are held back: a third of a second where blocks last 20 ms."""
_SURE_US = 20_000.0
"""Blocks this late have lost samples before them, though the device did not say so."""
_SAID_US = 1_000.0
"""The same where the device said so."""
_SILENCE_S = 1.0
"""Longest block of silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedSound:
    """Samples and when they were heard.

    Attributes:
        host_us: The host's clock at the first sample, without the jitter.
        first_sample: Samples before it, silence in gaps counted.
        samples: As the device gave them, or zeros.
        stamp_us: The host's clock as the device gave it, None for silence in place of samples
            that got lost.
    """

    host_us: float
    first_sample: int
    samples: Int16[np.ndarray, "samples channels"] | Int32[np.ndarray, "samples channels"]
    stamp_us: float | None


class SoundTimeline:
    """Orders blocks of one device in time.

    Args:
        sample_rate_hz: Of the device.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._us_per_sample = 1e6 / sample_rate_hz
        self._longest_silence = round(_SILENCE_S * sample_rate_hz)
        self._held: deque[SoundBlock] = deque()
        self._line = ClockLine()
        self._sample = 0

    def add(self, block: SoundBlock) -> Iterator[TimedSound]:
        """Take a block; yield what its arrival makes certain."""
        self._held.append(block)
        if len(self._held) > _HELD:
            yield from self._release()

    def finish(self) -> Iterator[TimedSound]:
        """Yield all that is held back."""
        while self._held:
            yield from self._release()

    def _release(self) -> Iterator[TimedSound]:
        missing = self._missing_samples()
        if missing:
            first = self._held[0].samples
            for start in range(0, missing, self._longest_silence):
                count = min(self._longest_silence, missing - start)
                silence = np.zeros((count, first.shape[1]), dtype=first.dtype)
                yield self._timed(silence, None)
        block = self._held.popleft()
        stamp_us = block.host_ns / 1000
        self._line.add(self._sample * self._us_per_sample, stamp_us)
        yield self._timed(block.samples, stamp_us)

    def _timed(self, samples: np.ndarray, stamp_us: float | None) -> TimedSound:
        first = self._sample
        self._sample += len(samples)
        return TimedSound(
            host_us=self._line.second_at(first * self._us_per_sample),
            first_sample=first,
            samples=samples,
            stamp_us=stamp_us,
        )

    def _missing_samples(self) -> int:
        """Return how many samples are missing before the first block that is held."""
        if not len(self._line):
            return 0
        lateness = self._lateness_us()
        late_us = float(np.median(lateness))
        least = _SAID_US if self._held[0].overflowed else _SURE_US
        # One block that comes late is jitter: most of the next ones must be, and the first of them.
        begins = lateness[:3] > late_us / 2
        if late_us < least or not begins[0] or np.count_nonzero(begins) < min(2, len(lateness)):
            return 0
        return round(late_us / self._us_per_sample)

    def _lateness_us(self) -> np.ndarray:
        """Return how much later each held block came than its samples say."""
        counts = [len(block.samples) for block in self._held]
        starts_us = (self._sample + np.cumsum([0, *counts[:-1]])) * self._us_per_sample
        expected = np.array([self._line.second_at(start_us) for start_us in starts_us])
        return np.array([block.host_ns / 1000 for block in self._held]) - expected
