"""SimulatedClock: a time that several drivers share, real or as fast as they can go."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable


class SimulatedClock:
    """Lets threads wait for moments, in order: nobody gets ahead of another one's moment.

    Args:
        speed: Seconds of its time in a real second; infinity for no waiting at all.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"the speed must be positive, got {speed}.")
        self._speed = speed
        self._started = time.monotonic()
        self._moments: dict[Hashable, float] = {}
        self._changed = threading.Condition()

    @property
    def live(self) -> bool:
        """Whether its time passes by itself."""
        return self._speed != float("inf")

    def join(self, who: Hashable) -> None:
        """Take part: the others wait for this one's moments from now on."""
        with self._changed:
            self._moments[who] = 0.0

    def leave(self, who: Hashable) -> None:
        """Take part no more."""
        with self._changed:
            self._moments.pop(who, None)
            self._changed.notify_all()

    def wait_until(self, who: Hashable, moment_s: float) -> None:
        """Wait for a moment, counted from the clock's start."""
        with self._changed:
            self._moments[who] = moment_s
            self._changed.notify_all()
            while who in self._moments and moment_s > min(self._moments.values()):
                self._changed.wait()
        if self.live:
            time.sleep(max(0.0, self._started + moment_s / self._speed - time.monotonic()))
