"""Tracks: put captures and sound onto one timeline and into a recording, and count what is missing.

The recording starts with the first capture that has an image. The times of sound are by the
cameras' clock, through the host's, so that whoever reads the recording sees how the two run beside
each other.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from capture.k4a_mkv import K4AStream
from capture.k4a_mkv.clusters import Sink
from capture.record.camera_timeline import CameraTimeline
from capture.record.driver import CameraDriver, Capture, ImuReading, SoundBlock, SoundDriver
from capture.record.losses import ImageCounter
from capture.record.sound_track import SoundTrack
from capture.sync import StampLog, fit_clocks
from capture.take.take_file import ClockEntry, GapEntry, RecordedEntry

_SETTLED_US = 500_000
"""Sound is placed when captures of this time show how the cameras' clock runs."""


class Tracks:
    """The tracks of one recording.

    Args:
        file: Where it goes.
        camera: Whose images come.
        sound: Whose sound comes, None where there is none.

    Attributes:
        depth: Counts depth images.
        color: Counts color images.
        sound: The AUDIO track, None where there is none.
        image_us: Time of the newest image, from the recording's start.
        end_us: Where the recording ends, from its start: later images and samples are left away.
            None while that is not known.
        imu_readings: In the file.
    """

    def __init__(self, file: Sink, camera: CameraDriver, sound: SoundDriver | None) -> None:
        self._file = file
        self._camera = camera
        self._sound_name = None if sound is None else sound.name
        self._audio: tuple[int, int, int] | None = (
            None if sound is None else (sound.channel_count, sound.sample_rate_hz, sound.bits)
        )
        self._stream: K4AStream | None = None
        self._start_us = 0
        self._timeline = CameraTimeline()
        self._stamps = StampLog()
        period_us = 1e6 / camera.fps
        self.depth = ImageCounter(period_us=period_us)
        self.color = ImageCounter(period_us=period_us)
        self.sound = None if sound is None else SoundTrack(sound)
        self.image_us = 0
        self.end_us: int | None = None
        self.imu_readings = 0

    @property
    def started(self) -> bool:
        """Whether there is an image yet."""
        return self._stream is not None

    @property
    def clock(self) -> ClockEntry | None:
        """How the sound runs beside the images, by when both arrived; None without sound."""
        if self.sound is None or not len(self.sound.stamps) or not len(self._stamps):
            return None
        return ClockEntry.of(fit_clocks(self._stamps.stamps(), self.sound.stamps.stamps()))

    @property
    def reached_us(self) -> int:
        """Up to where there are images or sound, from the recording's start."""
        return max(self.image_us, self.sound.reached_us if self.sound else 0)

    def add_capture(self, capture: Capture) -> None:
        """Put the images and readings of a capture into the recording."""
        device_us = capture.time_us
        if device_us is None:
            return
        jumps = self._timeline.jumps
        time_us = self._timeline.see(device_us, capture.host_ns)
        stream = self._stream or self._begin(time_us)
        if time_us - self._start_us > self.image_us or not len(self._stamps):
            self._stamps.add((time_us - self._start_us) * 1e-6, capture.host_ns * 1e-9)
        # Readings from before a jump of the clock cannot be placed.
        for reading in capture.imu if self._timeline.jumps == jumps else ():
            self._add_imu(stream, reading)
        depth_us = self._timeline.place(capture.depth_us)
        if capture.depth_mm is not None and self._is_next(stream, self.depth, depth_us):
            infrared = capture.infrared if self._camera.infrared else None
            stream.write_depth(depth_us, capture.depth_mm, infrared)
        color_us = self._timeline.place(capture.color_us)
        if capture.color is not None and self._is_next(stream, self.color, color_us):
            stream.write_color(color_us, capture.color)
        self._write_sound()

    def add_sound(self, block: SoundBlock) -> None:
        """Put samples into the recording."""
        assert self.sound is not None
        self.sound.add(block)
        self._write_sound()

    def finish(self) -> None:
        """Write all that is held back, and the end of the file."""
        if self._stream is None:
            return
        if self.sound is not None:
            self.sound.release()
            self.sound.write(self._stream, self._timeline, self._start_us, self.end_us)
        self._stream.finish()

    def finish_short(self) -> None:
        """Finish after the file could not be written."""
        if self._stream is not None:
            self._stream.finish_short()

    def close(self, end_us: int) -> None:
        """Count what is missing at the end."""
        self.depth.close(end_us)
        if self._camera.calibration.color is not None:
            self.color.close(end_us)

    def report(self, *, dropped: int, finished: bool, fault: str | None) -> RecordedEntry:
        """Return what is in the recording, and what is missing.

        Args:
            dropped: Captures that found no room in memory.
            finished: Whether the file has its end.
            fault: What ended it.
        """
        sound = None if self.sound is None else self.sound.counter
        gaps = [_gap("depth", gap) for gap in self.depth.gaps_s]
        gaps += [_gap("color", gap) for gap in self.color.gaps_s]
        gaps += [_gap("sound", gap) for gap in (sound.gaps_s if sound else ())]
        return RecordedEntry(
            finished=finished,
            camera=f"{self._camera.name} {self._camera.serial}",
            sound=self._sound_name,
            fault=fault,
            depth_images=self.depth.images,
            depth_missing=self.depth.missing,
            color_images=self.color.images,
            color_missing=self.color.missing,
            late_images=self.depth.late + self.color.late,
            dropped_captures=dropped,
            imu_readings=self.imu_readings,
            camera_clock_jumps=self._timeline.jumps,
            sound_samples=sound.samples if sound else 0,
            sound_missing_samples=sound.missing if sound else 0,
            sound_overflows=sound.overflows if sound else 0,
            gaps=tuple(sorted(gaps, key=lambda gap: gap.start_s)),
        )

    def _begin(self, start_us: int) -> K4AStream:
        channels, rate_hz, bits = self._audio or (None, 48_000, 16)
        self._start_us = start_us
        stream = K4AStream(
            self._camera.calibration,
            fps=self._camera.fps,
            infrared=self._camera.infrared,
            imu=self._camera.imu,
            audio_channels=channels,
            audio_rate_hz=rate_hz,
            audio_bits=bits,
            device_serial=self._camera.serial,
            start_offset_us=start_us,
        )
        stream.begin(self._file)
        self._stream = stream
        return stream

    def _write_sound(self) -> None:
        if self.sound is not None and self._stream is not None and self.image_us >= _SETTLED_US:
            self.sound.write(self._stream, self._timeline, self._start_us, self.end_us)

    def _is_next(self, stream: K4AStream, counter: ImageCounter, time_us: int) -> bool:
        """Return whether to write an image, and count it."""
        time_us -= self._start_us
        self.image_us = max(self.image_us, time_us)
        # Times are rounded: an image at the very end must not depend on the last microsecond.
        if self.end_us is not None and time_us > self.end_us - counter.period_us / 4:
            return False
        if time_us < stream.written_us:
            counter.late += 1
            return False
        return counter.is_next(time_us)

    def _add_imu(self, stream: K4AStream, reading: ImuReading) -> None:
        time_us = self._timeline.place(reading.time_us)
        after_start_us = time_us - self._start_us
        over = self.end_us is not None and after_start_us >= self.end_us
        if over or after_start_us < stream.written_us or not self._camera.imu:
            return
        self.imu_readings += 1
        stream.write_imu(
            time_us,
            np.array(reading.acceleration_m_s2),
            np.array(reading.angular_velocity_rad_s),
            gyroscope_us=self._timeline.place(reading.gyroscope_us),
        )


def _gap(what: Literal["depth", "color", "sound"], gap_s: tuple[float, float]) -> GapEntry:
    return GapEntry(what=what, start_s=gap_s[0], length_s=gap_s[1])
