"""Open a take: a folder with take.json, a K4A MKV, or a folder of point clouds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from capture.axes import camera_from_world_axes
from capture.clock import ClockFit
from capture.errors import FileFormatError
from capture.k4a_mkv import K4ARecording
from capture.pose import Pose, quaternion_from_rotation_matrix
from capture.take.images import (
    CLOUD_SUFFIXES,
    FRAMES_FILE,
    CloudImages,
    RecordingImages,
    TakeImages,
)
from capture.take.lazy_take import Take
from capture.take.sound import FileSound, RecordingSound, TakeSound, find_sound_file
from capture.take.take_file import TAKE_FILE, TakeFile, read_take_file


def open_take(
    path: str | os.PathLike[str],
    audio: str | os.PathLike[str] | None = None,
    *,
    rate_hz: float | None = None,
) -> Take:
    """Open a take.

    Args:
        path: A take folder (with take.json), a K4A MKV, or a folder of PLY, PCD or NPZ files.
        audio: A sound file in place of the take's own.
        rate_hz: Point clouds a second, where no frames.csv or take.json gives their times.

    Raises:
        FileFormatError: Something is missing, broken or of another kind; the message says what.
        DataError: The sound is empty or lacks the center channel.
    """
    path = Path(path)
    if not path.exists():
        raise FileFormatError(
            f"{path}: does not exist. Give a take folder, a K4A MKV, or a folder of PLY, PCD or "
            "NPZ files."
        )
    if path.is_file():
        return _open(path, path.parent, TakeFile(name=path.stem, recording=path.name), audio)
    if (path / TAKE_FILE).exists():
        return _open(path, path, read_take_file(path / TAKE_FILE), audio)
    if (path / FRAMES_FILE).exists() or any(
        file.suffix.lower() in CLOUD_SUFFIXES for file in path.iterdir()
    ):
        described = {
            "frames": {"rate_hz": rate_hz},
            "audio": None if audio else find_sound_file(path),
        }
        return _open(path, path, TakeFile.model_validate(described), audio)
    raise FileFormatError(
        f"{path}: is no take: it holds neither a {TAKE_FILE} nor point clouds. For a recording, "
        "give the MKV itself."
    )


def _open(
    path: Path, folder: Path, described: TakeFile, audio: str | os.PathLike[str] | None
) -> Take:
    recording: K4ARecording | None = None
    pose = described.world_from_camera.pose() if described.world_from_camera else None
    if described.frames is None:
        recording = _open_recording(folder / (described.recording or ""))
        images: TakeImages = RecordingImages(recording)
    else:
        frames = described.frames
        images = CloudImages(
            folder / frames.folder,
            rate_hz=frames.rate_hz,
            world_axes=frames.axes == "world",
            unit_m=frames.unit_m,
        )
        if frames.axes == "world" and pose is None:
            pose = _pose_of_world_axes()
    try:
        sound_file = audio
        if sound_file is None and described.audio:
            sound_file = folder / described.audio
            _check_named(sound_file)
        sound, clock = _open_sound(recording, sound_file)
        return Take(
            path=path,
            name=described.name or _name(path),
            images=images,
            sound=sound,
            clock=described.clock.fit() if described.clock else clock,
            microphones=described.microphones,
            center_channel=described.center_channel,
            world_from_camera=pose,
            recorded=described.recorded,
        )
    except BaseException:
        images.close()
        raise


def _open_recording(path: Path) -> K4ARecording:
    _check_named(path)
    recording = K4ARecording(path)
    if len(recording.depth_times_s) == 0:
        mode = recording.calibration.depth_mode
        recording.close()
        raise FileFormatError(
            f"{path}: holds infrared images and no depth ({mode}), so there are no point clouds. "
            "Record with a depth mode; `capture.k4a_mkv` reads the images."
        )
    return recording


def _check_named(path: Path) -> None:
    if not path.exists():
        raise FileFormatError(
            f"{path}: is not there, though {TAKE_FILE} names it. Put it back, or correct "
            f"{TAKE_FILE}."
        )


def _open_sound(
    recording: K4ARecording | None, sound_file: str | os.PathLike[str] | None
) -> tuple[TakeSound | None, ClockFit]:
    if sound_file is not None:
        return FileSound(sound_file), ClockFit()
    if recording is None or recording.audio is None:
        return None, ClockFit()
    return RecordingSound(recording, recording.audio), recording.audio_clock()


def _name(path: Path) -> str:
    """Return what a folder is called; of the published 3D musicians, instrument and person."""
    path = path.resolve()
    if path.name.startswith("person_") and path.parent.parent.name == "frames":
        return f"{path.parent.name} {path.name}"
    return path.name


def _pose_of_world_axes() -> Pose:
    """Return the pose that undoes `camera_from_world_axes`."""
    rotation = camera_from_world_axes(np.eye(3))
    return Pose(position_m=np.zeros(3), orientation_wxyz=quaternion_from_rotation_matrix(rotation))
