"""import_take: bring a recording, or a folder of point clouds, and its sound into one take."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from capture.errors import DataError, FileFormatError, OutputError
from capture.files.atomic import atomic_folder
from capture.k4a_mkv import K4ARecording
from capture.record.microphone_entries import microphone_entries
from capture.take import open_take
from capture.take.images import CLOUD_SUFFIXES, FRAMES_FILE
from capture.take.sound import SOUND_SUFFIXES, FileSound, find_sound_file
from capture.take.take_file import (
    RECORDING,
    TAKE_FILE,
    FramesEntry,
    MicrophoneEntry,
    TakeFile,
    read_take_file,
    write_take_file,
)

_FRAMES = "frames"
_CHUNK = 16_000_000
_KINECT_CHANNELS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """How a take is imported.

    Attributes:
        rate_hz: Point clouds a second, where no frames.csv gives their times.
        axes: Of point clouds: the camera's, or the world's with its floor.
        unit_m: What one unit of point clouds is.
        center: Channel of the main microphone; None: 0.
        move: Whether the files go from where they were, once the take is whole.
    """

    rate_hz: float | None = None
    axes: Literal["camera", "world"] = "camera"
    unit_m: float = 1.0
    center: int | None = None
    move: bool = False


def import_take(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    audio: str | os.PathLike[str] | None = None,
    settings: ImportSettings | None = None,
    replace: bool = False,
    progress: Callable[[float], None] | None = None,
) -> tuple[str, ...]:
    """Make a take folder out of files of other origin.

    Args:
        source: A K4A MKV, a folder with one, or a folder of PLY, PCD or NPZ files.
        out: The take folder to make.
        audio: Its sound; None: the file of the recording's name beside it, or the one sound file
            in the folder, or the recording's AUDIO track.
        settings: How.
        replace: Replace a take that is there.
        progress: Called with the fraction done.

    Returns:
        What is odd about the take, one sentence each.

    Raises:
        FileFormatError: The source, or its sound, is no such thing.
        DataError: The source is a take folder already, or its sound cannot be used.
        OutputError: `out` is there already, or the disk has too little room.
    """
    source, out = _recording_in(Path(source)), Path(out)
    settings = settings or ImportSettings()
    sound = Path(audio) if audio is not None else _sound_beside(source)
    if source.is_file():
        files = {RECORDING: source}
        frames = None
    else:
        files = {f"{_FRAMES}/{file.name}": file for file in _clouds(source)}
        frames = FramesEntry(
            folder=_FRAMES, rate_hz=settings.rate_hz, axes=settings.axes, unit_m=settings.unit_m
        )
    if sound is not None:
        files[f"audio{sound.suffix.lower()}"] = sound
    _check_readable(source, sound)
    with atomic_folder(out, replace=replace) as folder:
        described = TakeFile(
            name=out.resolve().name,
            recording=None if frames else RECORDING,
            frames=frames,
            audio=None if sound is None else f"audio{sound.suffix.lower()}",
        )
        _fetch(files, folder, settings.move, progress or _nobody)
        write_take_file(folder / TAKE_FILE, described)
        with open_take(folder) as take:
            microphones = _microphones(take.channel_count if take.has_sound else 0, settings.center)
            warnings = tuple(text.replace(str(folder), str(out)) for text in take.warnings)
        write_take_file(
            folder / TAKE_FILE, described.model_copy(update={"microphones": microphones})
        )
    if settings.move:
        for file in files.values():
            file.unlink()
    return warnings


def _nobody(_: float) -> None:
    """Tell nobody."""


def _check_readable(source: Path, sound: Path | None) -> None:
    """Refuse what is no recording or no sound under its own name, before it is copied."""
    if source.is_file():
        K4ARecording(source).close()
    if sound is not None and sound.is_file():
        FileSound(sound)


def _recording_in(source: Path) -> Path:
    """Return the recording that is meant: the source itself, or the only MKV in a folder."""
    if not source.exists():
        raise FileFormatError(f"{source}: does not exist. Give a K4A MKV or a folder of clouds.")
    if not source.is_dir():
        return source
    if (source / TAKE_FILE).exists():
        read_take_file(source / TAKE_FILE)
        raise DataError(
            f"{source}: is a take folder already ({TAKE_FILE} is there): every verb takes it as "
            "it is."
        )
    if _clouds(source):
        return source
    recordings = sorted(file for file in source.iterdir() if file.suffix.lower() == ".mkv")
    if len(recordings) == 1:
        return recordings[0]
    found = f"{len(recordings)} MKVs" if recordings else "neither an MKV nor point clouds"
    raise FileFormatError(f"{source}: holds {found}: name the recording itself.")


def _clouds(folder: Path) -> Sequence[Path]:
    """Return the point clouds in a folder, and the table of their times."""
    clouds = sorted(file for file in folder.iterdir() if file.suffix.lower() in CLOUD_SUFFIXES)
    table = folder / FRAMES_FILE
    return [*clouds, table] if clouds and table.exists() else clouds


def _sound_beside(source: Path) -> Path | None:
    """Return the sound that belongs to a source, None where there is none."""
    if source.is_dir():
        name = find_sound_file(source)
        return None if name is None else source / name
    found = [
        file
        for file in sorted(source.parent.glob("*"))
        if file.stem == source.stem and file.suffix.lower() in SOUND_SUFFIXES
    ]
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise FileFormatError(f"{source}: {names} are beside it: say which one with --audio.")
    return found[0] if found else None


def _microphones(channels: int, center: int | None) -> tuple[MicrophoneEntry, ...]:
    try:
        is_kinect = channels == _KINECT_CHANNELS
        return microphone_entries(channels, center=center, is_kinect=is_kinect)
    except ValueError as error:
        raise DataError(str(error)) from error


def _fetch(
    files: dict[str, Path], folder: Path, move: bool, progress: Callable[[float], None]
) -> None:
    """Copy files into a folder, or link them where they are to be moved."""
    try:
        total = sum(file.stat().st_size for file in files.values())
    except OSError as error:
        raise FileFormatError(f"{error.filename}: cannot be read ({error.strerror}).") from error
    free = shutil.disk_usage(folder).free
    done = 0
    for name, file in files.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        if move and _linked(file, target):
            done += file.stat().st_size
            continue
        if free < total - done:
            raise OutputError(
                f"{folder.parent.parent}: has {free / 1e9:.1f} GB left, and {total / 1e9:.1f} GB "
                "are needed. Choose another disk, or --move on the same one."
            )
        with file.open("rb") as given, target.open("wb") as taken:
            while chunk := given.read(_CHUNK):
                taken.write(chunk)
                done += len(chunk)
                progress(done / max(total, 1))


def _linked(file: Path, target: Path) -> bool:
    try:
        target.hardlink_to(file)
    except OSError:
        return False
    return True
