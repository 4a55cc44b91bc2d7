"""ClockLine: what one clock shows when another shows a time, out of readings that jitter.

The difference of the two clocks is followed over the last ten seconds: a line through the medians
of the two halves. Half of all readings may be wrong, and a drift makes no lag.
"""

from __future__ import annotations

from collections import deque

import numpy as np

_WINDOW_US = 10_000_000
_SHORTEST_SLOPE_US = 4_000_000
"""Drift is told from jitter only over a window as long as this."""
_FRESH_US = 250_000
"""How long a line may be used before it is drawn again."""


class ClockLine:
    """Follow one clock by another; both in microseconds.

    Args:
        most: Readings that are kept; of more in a window, the older half of it is the shorter.
    """

    def __init__(self, most: int = 600) -> None:
        self._readings: deque[tuple[float, float]] = deque(maxlen=most)
        self._drawn_us = -np.inf
        self._offset_us = 0.0
        self._slope = 0.0
        self._middle_us = 0.0

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, first_us: float, second_us: float) -> None:
        """Add a reading: both clocks at one moment."""
        self._readings.append((first_us, second_us - first_us))
        while self._readings[0][0] < first_us - _WINDOW_US:
            self._readings.popleft()
        if len(self._readings) <= 4 or first_us >= self._drawn_us + _FRESH_US:
            self._draw(first_us)

    def second_at(self, first_us: float) -> float:
        """Return what the second clock shows when the first one shows a time."""
        return first_us + self.difference_at(first_us)

    def difference_at(self, first_us: float) -> float:
        """Return how far the second clock is ahead of the first."""
        return self._offset_us + self._slope * (first_us - self._middle_us)

    def _draw(self, now_us: float) -> None:
        readings = np.array(self._readings)
        self._drawn_us = now_us
        times, differences = readings[:, 0], readings[:, 1]
        if times[-1] - times[0] < _SHORTEST_SLOPE_US:
            self._offset_us, self._slope = float(np.median(differences)), 0.0
            self._middle_us = now_us
            return
        half = len(readings) // 2
        first, second = np.median(readings[:half], axis=0), np.median(readings[half:], axis=0)
        self._slope = float((second[1] - first[1]) / (second[0] - first[0]))
        self._offset_us, self._middle_us = float(second[1]), float(second[0])
