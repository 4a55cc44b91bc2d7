"""record_take: a take folder that is recorded into, and never over another take.

The folder holds take.mkv and take.json from the first image on, and can be opened at any moment:
what a crash leaves is a take, up to its last cluster.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from capture.errors import DeviceError, OutputError
from capture.k4a_mkv import K4ARecording
from capture.record.disk import RecordingFile
from capture.record.driver import CameraDriver, SoundDriver
from capture.record.recorder import RecordingResult, RecordingSink, record
from capture.record.settings import RecordSettings
from capture.record.status import RecordingStatus
from capture.take.take_file import (
    RECORDING,
    TAKE_FILE,
    MicrophoneEntry,
    RecordedEntry,
    TakeFile,
    write_take_file,
)


def record_take(
    folder: str | os.PathLike[str],
    camera: CameraDriver,
    sound: SoundDriver | None,
    settings: RecordSettings | None = None,
    *,
    microphones: Sequence[MicrophoneEntry] = (),
    replace: bool = False,
    stop: Event | None = None,
    on_status: Callable[[RecordingStatus], None] | None = None,
    sink: Callable[[RecordingFile], RecordingSink] | None = None,
) -> TakeFile:
    """Record a take folder.

    Args:
        folder: To make. Nothing is written until the first image is there.
        camera: Gives images.
        sound: Gives sound, None to record none.
        settings: How.
        microphones: What is known of the sound's channels.
        replace: Replace a take that is there: it goes when the new one holds an image.
        stop: Ends the recording when it is set.
        on_status: Told how it is going.
        sink: Puts something before the file, to let it fail.

    Returns:
        What take.json says; its `recorded.fault` says what went wrong, and all that came before is
        in the folder.

    Raises:
        OutputError: The folder is there already, or cannot be written.
        DeviceError: A device does not start, or no image comes. There is no new folder then.
    """
    folder = Path(folder)
    described = TakeFile(
        name=folder.resolve().name,
        recording=RECORDING,
        microphones=tuple(microphones),
        recorded=RecordedEntry(
            finished=False,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            camera=f"{camera.name} {camera.serial}",
            sound=None if sound is None else sound.name,
        ),
    )
    with _stopped_at_the_end(camera, sound), _new_folder(folder, replace=replace):
        with _reported(folder), RecordingFile(folder / RECORDING) as file:

            def begin() -> None:
                write_take_file(folder / TAKE_FILE, described)
                if os.name == "posix":  # elsewhere a folder cannot be opened
                    file.sync_folder()

            result = record(
                file if sink is None else sink(file),
                camera,
                sound,
                settings,
                stop=stop,
                on_start=begin,
                on_status=on_status,
            )
        entry = _checked(folder / RECORDING, result)
        described = described.model_copy(
            update={
                "recorded": entry.model_copy(update={"started": _started(described)}),
                "clock": result.clock,
            }
        )
        write_take_file(folder / TAKE_FILE, described)
    return described


def _started(described: TakeFile) -> str:
    return described.recorded.started if described.recorded else ""


def _checked(path: Path, result: RecordingResult) -> RecordedEntry:
    """Return what is recorded; where the disk failed, by what the file holds."""
    if not result.disk_failed:
        return result.entry
    with K4ARecording(path) as recording:
        return result.entry.model_copy(
            update={
                "depth_images": len(recording.depth_times_s),
                "color_images": len(recording.color_times_s),
                "imu_readings": len(recording.imu().times_s),
                "sound_samples": recording.audio.sample_count if recording.audio else 0,
            }
        )


@contextmanager
def _stopped_at_the_end(camera: CameraDriver, sound: SoundDriver | None) -> Generator[None]:
    """Close the devices also where recording does not begin."""
    try:
        yield
    finally:
        camera.stop()
        if sound is not None:
            sound.stop()


@contextmanager
def _new_folder(folder: Path, *, replace: bool) -> Generator[None]:
    """Make a folder; where nothing gets recorded, leave all as it was."""
    there = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if there and not replace:
        raise OutputError(
            f"{folder} exists already and is not overwritten. Give another name, or --force to "
            "replace it."
        )
    old: Path | None = None
    with _reported(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if there:
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent)) / folder.name
            folder.replace(old)
        folder.mkdir(exist_ok=True)
    try:
        yield
    except BaseException:
        if not (folder / TAKE_FILE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            if old is not None:
                old.replace(folder)
                old.parent.rmdir()
        raise
    if old is not None:
        shutil.rmtree(old.parent, ignore_errors=True)


@contextmanager
def _reported(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot record to {folder}: {error.strerror or error}. Choose a folder that is "
            "writable and has room."
        ) from error


def fault_of(described: TakeFile) -> DeviceError | OutputError | None:
    """Return the error for what ended a recording that nobody ended, None where all went well."""
    entry = described.recorded
    if entry is None or entry.fault is None:
        return None
    kind = OutputError if entry.fault.startswith("the disk") else DeviceError
    return kind(entry.fault)
