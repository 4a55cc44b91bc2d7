"""CameraTimeline: the cameras' clock, straightened where it jumps, and the host's clock on it."""

from __future__ import annotations

from capture.record.clock_line import ClockLine

_JUMP_US = 1_000_000
"""How far device and host may disagree about the time between two captures."""


class CameraTimeline:
    """Puts times of the device and of the host onto the recording's own timeline.

    The timeline is the device's clock as of the first capture. Where the device's clock jumps (it
    was reset, or an overflow), the timeline goes on by the host's clock.

    Attributes:
        jumps: Number of jumps so far.
    """

    def __init__(self) -> None:
        self.jumps = 0
        self._moved_us = 0
        self._last: tuple[int, int] | None = None
        self._line = ClockLine()

    def see(self, device_us: int, host_ns: int) -> int:
        """Take note of a capture; return its time on the timeline, in microseconds."""
        host_us = host_ns // 1000
        if self._last is not None:
            step_us = device_us - self._last[0]
            host_step_us = host_us - self._last[1]
            if abs(step_us - host_step_us) > _JUMP_US:
                self.jumps += 1
                self._moved_us += host_step_us - step_us
        self._last = device_us, host_us
        time_us = device_us + self._moved_us
        self._line.add(host_us, time_us)
        return time_us

    def place(self, device_us: int) -> int:
        """Return the time on the timeline of a device time that belongs to the last capture."""
        return device_us + self._moved_us

    def at_host(self, host_us: float) -> float:
        """Return the timeline's time, in microseconds, when the host's clock shows `host_us`."""
        return self._line.second_at(host_us)
