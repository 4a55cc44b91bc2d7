"""SoundTrack: the samples of one device on the cameras' timeline, and into a recording."""

from __future__ import annotations

from collections import deque

import numpy as np

from capture.k4a_mkv import K4AStream
from capture.record.camera_timeline import CameraTimeline
from capture.record.driver import SoundBlock, SoundDriver
from capture.record.losses import SoundCounter
from capture.record.sound_timeline import SoundTimeline, TimedSound
from capture.sync import StampLog

_SILENT = 1e-6


class SoundTrack:
    """The AUDIO track of one recording.

    Samples from before the recording's start are left away. Sound is never late: where a block
    belongs follows from its order, and its time says how the two clocks run.

    Args:
        device: Whose sound it is.

    Attributes:
        counter: Counts samples and those that got lost.
        stamps: When the host saw how many samples were in the file.
        reached_us: Up to where there is sound, from the recording's start.
    """

    def __init__(self, device: SoundDriver) -> None:
        self.counter = SoundCounter(sample_rate_hz=device.sample_rate_hz)
        self._peaks = np.zeros(device.channel_count)
        self.stamps = StampLog()
        self.reached_us = 0
        self._rate_hz = device.sample_rate_hz
        self._full_scale = float(2**15 if device.bits == 16 else 2**31)
        self._timeline = SoundTimeline(device.sample_rate_hz)
        self._waiting: deque[TimedSound] = deque()
        self._zero: int | None = None
        self._last_us = -1

    def add(self, block: SoundBlock) -> None:
        """Take a block; `write` puts it into a recording."""
        if len(block.samples) == 0:
            return
        self.counter.overflows += block.overflowed
        lowest, highest = block.samples.min(axis=0), block.samples.max(axis=0)
        peaks = np.maximum(highest.astype(np.float64), -lowest.astype(np.float64))
        self._peaks = np.maximum(self._peaks, peaks / self._full_scale)
        self._waiting.extend(self._timeline.add(block))

    def take_levels_dbfs(self) -> tuple[float, ...]:
        """Return the peak of each channel since the last call, in dBFS; −120 is silence."""
        levels = 20 * np.log10(np.maximum(self._peaks, _SILENT))
        self._peaks[:] = 0.0
        return tuple(levels.tolist())

    def release(self) -> None:
        """Hold nothing back any more."""
        self._waiting.extend(self._timeline.finish())

    def write(
        self, stream: K4AStream, cameras: CameraTimeline, start_us: int, end_us: int | None
    ) -> None:
        """Write what has come.

        Args:
            stream: The recording.
            cameras: Knows the cameras' clock.
            start_us: The recording's start by that clock.
            end_us: Its end, from its start; None while that is not known.
        """
        while self._waiting:
            timed = self._waiting.popleft()
            time_us = cameras.at_host(timed.host_us) - start_us
            self._write(stream, timed, time_us, start_us, end_us)

    def _write(
        self,
        stream: K4AStream,
        timed: TimedSound,
        time_us: float,
        start_us: int,
        end_us: int | None,
    ) -> None:
        us_per_sample = 1e6 / self._rate_hz
        stop_us = time_us + len(timed.samples) * us_per_sample
        self.reached_us = max(self.reached_us, round(stop_us))
        skipped = max(0, round(-time_us / us_per_sample)) if self._zero is None else 0
        time_us += skipped * us_per_sample
        samples = timed.samples[skipped:]
        if end_us is not None:
            samples = samples[: max(0, round((end_us - time_us) / us_per_sample))]
        if len(samples) == 0:
            return
        if self._zero is None:
            self._zero = timed.first_sample + skipped
        first = timed.first_sample + skipped - self._zero
        if timed.stamp_us is not None:
            stamp_s = timed.stamp_us * 1e-6 + skipped / self._rate_hz
            self.stamps.add(first / self._rate_hz, stamp_s)
        block_us = max(round(time_us), self._last_us + 1, stream.written_us)
        self._last_us = block_us
        stream.write_sound(start_us + block_us, samples)
        self.counter.add(block_us, len(samples), lost=timed.stamp_us is None)
