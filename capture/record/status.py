"""RecordingStatus: how a recording is going, for people to watch."""

from __future__ import annotations

import time
from dataclasses import dataclass

from capture.record.tracks import Tracks


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStatus:
    """One look at a running recording.

    Attributes:
        elapsed_s: Length so far.
        images: Depth images so far.
        rate_hz: Depth images a second of the take, since the last look.
        missing_images: Depth and color images that did not come.
        dropped_captures: Of them, given up because the disk was too slow.
        sound_missing_s: Sound that did not come.
        overflows: How often the sound device said that it lost samples.
        levels_dbfs: Peak of each channel since the last look; −120 is silence.
        inbox_fill: How much of the memory for what waits is taken, from 0 to 1.
        written_bytes: Size of the file.
        disk_left_bytes: Room on the disk.
        disk_left_s: How long that lasts at this rate, None while that is not known.
    """

    elapsed_s: float
    images: int
    rate_hz: float
    missing_images: int
    dropped_captures: int
    sound_missing_s: float
    overflows: int
    levels_dbfs: tuple[float, ...]
    inbox_fill: float
    written_bytes: int
    disk_left_bytes: int
    disk_left_s: float | None


class StatusMeter:
    """Looks at a recording every so often.

    Args:
        tracks: Of the recording.
        every_s: Between two looks.
    """

    def __init__(self, tracks: Tracks, every_s: float = 0.5) -> None:
        self._tracks = tracks
        self._every_s = every_s
        self._looked_at = time.monotonic()
        self._last = (1, 0)

    def due(self) -> bool:
        """Return whether it is time for a look."""
        return time.monotonic() >= self._looked_at + self._every_s

    def look(
        self, *, dropped: int, inbox_fill: float, written_bytes: int, disk_left_bytes: int
    ) -> RecordingStatus:
        """Return how it is going; levels and rates begin anew."""
        self._looked_at = time.monotonic()
        tracks, sound = self._tracks, self._tracks.sound
        elapsed_s = tracks.reached_us * 1e-6
        images, image_us = tracks.depth.images, tracks.image_us
        step_us = image_us - self._last[1]
        rate_hz = (images - self._last[0]) * 1e6 / step_us if step_us > 0 else 0.0
        self._last = (images, image_us)
        levels: tuple[float, ...] = ()
        if sound is not None:
            levels = sound.take_levels_dbfs()
        return RecordingStatus(
            elapsed_s=elapsed_s,
            images=images,
            rate_hz=rate_hz,
            missing_images=tracks.depth.missing + tracks.color.missing,
            dropped_captures=dropped,
            sound_missing_s=sound.counter.missing / sound.counter.sample_rate_hz if sound else 0.0,
            overflows=sound.counter.overflows if sound else 0,
            levels_dbfs=levels,
            inbox_fill=inbox_fill,
            written_bytes=written_bytes,
            disk_left_bytes=disk_left_bytes,
            disk_left_s=disk_left_bytes * elapsed_s / written_bytes if elapsed_s > 1 else None,
        )
