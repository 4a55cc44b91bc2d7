"""repair_take: finish a recording that a crash, a power cut or a full disk left, in place."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from capture.errors import FileFormatError
from capture.k4a_mkv import K4ARecording
from capture.k4a_mkv.repair import Repair, repair_recording
from capture.record.losses import ImageCounter
from capture.take.take_file import (
    RECORDING,
    TAKE_FILE,
    ClockEntry,
    GapEntry,
    RecordedEntry,
    TakeFile,
    read_take_file,
    write_take_file,
)


def repair_take(path: str | os.PathLike[str]) -> Repair:
    """Finish a recording, and what take.json says about it.

    Args:
        path: A take folder, or an MKV.

    Raises:
        FileFormatError: There is no recording, or nothing of it can be saved.
        OutputError: It cannot be written.
    """
    path = Path(path)
    if not path.exists():
        raise FileFormatError(f"{path}: does not exist. Give a take folder or an MKV.")
    if path.is_file():
        folder, described = path.parent, None
        if (folder / TAKE_FILE).exists():
            described = read_take_file(folder / TAKE_FILE)
            described = described if described.recording == path.name else None
        recording = path
    else:
        folder, described = path, _described(path)
        if described.recording is None:
            raise FileFormatError(
                f"{path}: has no recording that could be repaired, but PLY files."
            )
        recording = folder / described.recording
    repair = repair_recording(recording)
    entry = None if described is None else described.recorded
    if described is not None and entry is not None and (repair.done or not entry.finished):
        write_take_file(folder / TAKE_FILE, _finished(described, entry, recording))
    return repair


def _described(folder: Path) -> TakeFile:
    """Read take.json; where a power cut took it, describe the recording that is there."""
    if not (folder / TAKE_FILE).exists() and (folder / RECORDING).exists():
        described = TakeFile(
            name=folder.resolve().name,
            recording=RECORDING,
            recorded=RecordedEntry(finished=False),
        )
        write_take_file(folder / TAKE_FILE, described)
        return described
    if not (folder / TAKE_FILE).exists():
        raise FileFormatError(
            f"{folder}: is no take: it holds neither {TAKE_FILE} nor {RECORDING}. Give the MKV "
            "itself."
        )
    return read_take_file(folder / TAKE_FILE)


def _finished(described: TakeFile, entry: RecordedEntry, path: Path) -> TakeFile:
    """Return what take.json says about a recording that was repaired: what its file holds."""
    with K4ARecording(path) as recording:
        cameras = {"depth": recording.depth_times_s, "color": recording.color_times_s}
        counters = {what: _count(times_s, recording.fps) for what, times_s in cameras.items()}
        audio = recording.audio
        clock = recording.audio_clock()
        imu_readings = len(recording.imu().times_s)
    depth, color = counters["depth"], counters["color"]
    gaps = [GapEntry(what="depth", start_s=at, length_s=length) for at, length in depth.gaps_s]
    gaps += [GapEntry(what="color", start_s=at, length_s=length) for at, length in color.gaps_s]
    recorded = entry.model_copy(
        update={
            "finished": True,
            "fault": entry.fault or "the recording was interrupted, and repaired afterwards",
            "depth_images": depth.images,
            "depth_missing": depth.missing,
            "color_images": color.images,
            "color_missing": color.missing,
            "imu_readings": imu_readings,
            "sound_samples": audio.sample_count if audio else 0,
            "gaps": tuple(gaps) or entry.gaps,
        }
    )
    update: dict[str, object] = {"recorded": recorded}
    if audio is not None and described.clock is None and described.audio is None:
        update["clock"] = ClockEntry.of_clock(clock, source="stamps")
    return described.model_copy(update=update)


def _count(times_s: np.ndarray, fps: float) -> ImageCounter:
    counter = ImageCounter(period_us=1e6 / (fps or 15.0))
    for time_s in times_s:
        counter.is_next(round(float(time_s) * 1e6))
    return counter
