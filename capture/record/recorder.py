"""record: drivers → one recording on the disk, with constant memory, whatever goes wrong.

Two threads carry what the drivers give into an inbox that is bounded in bytes; this one writes.
A live device whose captures find no room loses them, counted; its sound always finds room. The
recording ends when somebody asks, at a length, when a device is lost, or when the disk is full, and
each time what is there is finished as a whole file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from capture.errors import AuralizeError, DeviceError
from capture.k4a_mkv.clusters import Sink
from capture.record.driver import CameraDriver, Capture, SoundBlock, SoundDriver
from capture.record.feed import Ended, Feed, Item, Part
from capture.record.inbox import Inbox
from capture.record.settings import RecordSettings
from capture.record.status import RecordingStatus, StatusMeter
from capture.record.tracks import Tracks
from capture.take.take_file import ClockEntry, RecordedEntry

_MOMENT_S = 0.1
_PATIENCE_S = 2.0
"""How long the end of a live recording waits for sound that lags."""


class RecordingSink(Sink, Protocol):
    """What a recorder needs of its file."""

    def disk_left_bytes(self) -> int:
        """Return how much room there is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResult:
    """What became of a recording.

    Attributes:
        entry: What is in it and what is missing, for take.json.
        clock: How the sound runs beside the cameras, None where there is no sound.
        disk_failed: Whether the disk, not a device, ended it.
    """

    entry: RecordedEntry
    clock: ClockEntry | None
    disk_failed: bool


def record(
    file: RecordingSink,
    camera: CameraDriver,
    sound: SoundDriver | None,
    settings: RecordSettings | None = None,
    *,
    stop: Event | None = None,
    on_start: Callable[[], None] | None = None,
    on_status: Callable[[RecordingStatus], None] | None = None,
) -> RecordingResult:
    """Record until it ends, and finish the file.

    Args:
        file: Empty, and open until this returns.
        camera: Gives images; is started and stopped here.
        sound: Gives sound, None to record none.
        settings: How.
        stop: Ends the recording when it is set.
        on_start: Called when the first image is there.
        on_status: Told how it is going.

    Raises:
        DeviceError: A device does not start, or no image comes.
    """
    recording = _Recording(file, camera, sound, settings or RecordSettings(), stop or Event())
    return recording.run(on_start or _nothing, on_status or _nothing_to_say)


def _nothing() -> None:
    """Do nothing."""


def _nothing_to_say(_: RecordingStatus) -> None:
    """Tell nobody."""


class _Recording:
    """One recording while it runs."""

    def __init__(
        self,
        file: RecordingSink,
        camera: CameraDriver,
        sound: SoundDriver | None,
        settings: RecordSettings,
        stop: Event,
    ) -> None:
        self._file = file
        self._camera = camera
        self._sound = sound
        self._settings = settings
        self._stop = stop
        self._inbox: Inbox[Item] = Inbox(settings.inbox_bytes)
        self._tracks = Tracks(file, camera, sound)
        if settings.seconds is not None:
            self._tracks.end_us = round(settings.seconds * 1e6)
        self._feeds: dict[Part, Feed] = {
            "camera": Feed("camera", camera.captures, self._inbox, live=camera.live)
        }
        if sound is not None:
            self._feeds["sound"] = Feed("sound", sound.blocks, self._inbox, live=sound.live)
        self._going: set[Part] = set(self._feeds)
        self._fault: str | None = None
        self._disk_failed = False
        self._patience_ends = float("inf")
        self._heard_at = time.monotonic()
        self._heard_ns: dict[Part, int] = {}
        self._first_heard_ns: int | None = None
        self._bug: Exception | None = None

    def run(
        self, on_start: Callable[[], None], on_status: Callable[[RecordingStatus], None]
    ) -> RecordingResult:
        """Record."""
        finished = True
        try:
            self._start()
            self._await_first_image()
            on_start()
            self._follow(StatusMeter(self._tracks, self._settings.status_s), on_status)
            self._tracks.finish()
        except OSError as error:
            if not self._tracks.started:
                raise
            self._fail_disk(f"the disk cannot be written ({error.strerror or error})")
            finished = self._finish_short()
        finally:
            self._close()
        if self._bug is not None:
            raise self._bug
        return RecordingResult(
            entry=self._report(finished),
            clock=self._tracks.clock,
            disk_failed=self._disk_failed,
        )

    def _start(self) -> None:
        self._camera.start()
        if self._sound is not None:
            self._sound.start()
        for feed in self._feeds.values():
            feed.start()

    def _close(self) -> None:
        for feed in self._feeds.values():
            feed.stop()
        self._inbox.close()
        for feed in self._feeds.values():
            feed.join()
        self._camera.stop()
        if self._sound is not None:
            self._sound.stop()

    def _await_first_image(self) -> None:
        until = time.monotonic() + self._settings.first_image_s
        while not self._tracks.started:
            self._take(self._inbox.get(_MOMENT_S))
            if "camera" not in self._going and self._bug is None:
                raise DeviceError(self._fault or f"{self._camera.name} gave no image.")
            if self._bug is not None:
                raise self._bug
            if self._stop.is_set():
                raise DeviceError("stopped before the first image came: nothing is recorded.")
            if time.monotonic() > until:
                raise DeviceError(
                    f"{self._camera.name} sent no image in {self._settings.first_image_s:g} s. "
                    "Plug it into a USB 3 port of its own, with its power supply, and try again."
                )

    def _follow(self, meter: StatusMeter, on_status: Callable[[RecordingStatus], None]) -> None:
        """Write what comes until all is there that belongs to the recording."""
        while not self._complete():
            self._take(self._inbox.get(_MOMENT_S))
            if self._stop.is_set():
                self._end_here()
            if meter.due():
                disk_left = self._file.disk_left_bytes()
                if disk_left < self._settings.disk_reserve_bytes:
                    self._fail_disk(f"the disk has {disk_left / 1e6:.0f} MB left")
                    self._end_here()
                self._watch_silence()
                on_status(
                    meter.look(
                        dropped=self._feeds["camera"].dropped,
                        inbox_fill=self._inbox.fill,
                        written_bytes=self._file.tell(),
                        disk_left_bytes=disk_left,
                    )
                )

    def _take(self, item: Item | None) -> None:
        """Work on what came out of the inbox."""
        if isinstance(item, Capture):
            self._tracks.add_capture(item)
            self._hear("camera", item.host_ns)
        elif isinstance(item, SoundBlock):
            self._tracks.add_sound(item)
            self._hear("sound", item.host_ns)
        elif isinstance(item, Ended):
            self._lose(item.part, item.error)

    def _lose(self, part: Part, error: Exception | None) -> None:
        """End the recording of a part, and of the other one unless it is to go on."""
        if part not in self._going:
            return
        needed = not self._reached(part)
        self._going.discard(part)
        if error is not None and not isinstance(error, AuralizeError):
            self._bug = error
        elif error is not None and needed:
            self._fault = self._fault or str(error)
        if not (self._settings.keep_going and self._going):
            self._end_here()

    def _hear(self, part: Part, host_ns: int) -> None:
        """Note that a part is alive."""
        self._heard_at = time.monotonic()
        self._heard_ns[part] = host_ns
        if self._first_heard_ns is None:
            self._first_heard_ns = host_ns

    def _watch_silence(self) -> None:
        """Give up devices that give nothing any more, by what the other one says is the time."""
        if self._first_heard_ns is None:
            return
        nothing_s = time.monotonic() - self._heard_at
        newest_ns = max(self._heard_ns.values())
        for part in sorted(self._going):
            driver = self._camera if part == "camera" else self._sound
            silence_s = (
                1e-9 * (newest_ns - self._heard_ns.get(part, self._first_heard_ns)) + nothing_s
            )
            if driver is not None and silence_s > self._settings.silence_s:
                what = "image" if part == "camera" else "sound"
                self._lose(
                    part,
                    DeviceError(f"no {what} came from {driver.name} for {silence_s:.0f} s."),
                )

    def _end_here(self) -> None:
        """Let the recording end where it is, and wait a little for what lags."""
        tracks = self._tracks
        if self._patience_ends == float("inf"):
            self._patience_ends = time.monotonic() + _PATIENCE_S
            newest_us = tracks.image_us + self._frame_us
            if self._settings.keep_going:
                newest_us = max(newest_us, tracks.reached_us)
            tracks.end_us = newest_us if tracks.end_us is None else min(newest_us, tracks.end_us)

    def _complete(self) -> bool:
        if time.monotonic() > self._patience_ends and self._camera.live:
            return True
        return all(self._reached(part) for part in self._going)

    def _reached(self, part: Part) -> bool:
        """Return whether a part has come up to the end of the recording."""
        tracks = self._tracks
        if tracks.end_us is None:
            return False
        if part == "camera":
            return tracks.image_us + 1.5 * self._frame_us >= tracks.end_us
        return tracks.sound is not None and tracks.sound.reached_us >= tracks.end_us

    @property
    def _frame_us(self) -> int:
        return round(1e6 / self._camera.fps)

    def _fail_disk(self, fault: str) -> None:
        self._disk_failed = True
        self._fault = self._fault or fault

    def _finish_short(self) -> bool:
        """Give the file its end after a write failed; return whether that went well."""
        try:
            self._tracks.finish_short()
        except OSError:
            return False
        return True

    def _report(self, finished: bool) -> RecordedEntry:
        if self._disk_failed is False and self._tracks.end_us is not None:
            self._tracks.close(self._tracks.end_us)
        return self._tracks.report(
            dropped=self._feeds["camera"].dropped, finished=finished, fault=self._fault
        )
