"""Write a take as one K4A recording: for the sensor's tools, or compact."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from capture.camera.k4a_modes import FRAME_RATES_HZ
from capture.clock import ClockFit
from capture.errors import DataError, OutputError
from capture.export.sound_blocks import sound_blocks
from capture.export.take_folder import new_take_folder
from capture.k4a_mkv import ImuSamples, K4ARecording, K4AWriter
from capture.pose import Pose
from capture.take import Take
from capture.take.take_file import TAKE_FILE, ClockEntry, PoseEntry, TakeFile, write_take_file

_RECORDING = "take.mkv"
_SOUND_BLOCK_HZ = 50
_PROGRESS_EACH = 30

Event = tuple[int, int, Callable[[], None]]
"""Time in µs, order at the same time, and what writes it."""


def export_recording(
    take: Take,
    out: str | os.PathLike[str],
    *,
    compact: bool = False,
    replace: bool = False,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write a take's recording, with its sound in the AUDIO track.

    Images, IMU samples and the sound's samples are the same; a sound file's clock is kept in the
    time stamps of the AUDIO track.

    Args:
        take: Made of a K4A recording.
        out: A file (it ends in .mkv), or a take folder to make, with take.json.
        compact: Compress depth and infrared without loss; only Auralize reads that.
        replace: Replace what is there.
        progress: Called with the fraction done.

    Raises:
        DataError: The take is made of point clouds, or an image is broken.
        OutputError: `out` exists, or cannot be written.
    """
    recording = take.recording
    if recording is None:
        raise DataError(
            f"{take.path}: is made of point clouds, which no recording can hold. Export it as PLY "
            "files (--to ply)."
        )
    path = Path(out)
    if path.suffix.lower() == ".mkv":
        if path.exists() and not replace:
            raise OutputError(
                f"{path} exists already: give another name, or ask to replace it (--force)."
            )
        _write(take, recording, path, compact, progress)
        return
    with new_take_folder(path, replace=replace) as folder:
        lead_s = _write(take, recording, folder / _RECORDING, compact, progress)
        write_take_file(folder / TAKE_FILE, _described(take, lead_s))


def _described(take: Take, lead_s: float) -> TakeFile:
    clock = take.clock
    moved = ClockFit(
        offset_s=clock.offset_s - (1 + clock.drift) * lead_s,
        drift=clock.drift,
        wander=tuple((at + lead_s, seconds) for at, seconds in clock.wander),
    )
    return TakeFile(
        name=take.name,
        recording=_RECORDING,
        clock=ClockEntry.of_clock(moved) if take.has_sound else None,
        microphones=take.microphones,
        world_from_camera=pose_entry(take.known_pose),
        recorded=take.recorded,
    )


def pose_entry(pose: Pose | None) -> PoseEntry | None:
    """Return a pose as take.json has it."""
    if pose is None:
        return None
    x, y, z = pose.position_m.tolist()
    qw, qx, qy, qz = pose.orientation_wxyz.tolist()
    return PoseEntry(position_m=(x, y, z), orientation_wxyz=(qw, qx, qy, qz))


def _write(
    take: Take,
    recording: K4ARecording,
    path: Path,
    compact: bool,
    progress: Callable[[float], None] | None,
) -> float:
    """Write the MKV; return how much later than in the take its images are.

    Sound that begins before the images begins the recording.
    """
    lead_us = 0
    if take.has_sound:
        lead_us = max(0, -round(1e6 * float(_camera_from_sound(take.clock, np.zeros(1))[0])))
    start_us = round(recording.start_offset_s * 1e6)
    fps = min(FRAME_RATES_HZ, key=lambda rate: abs(rate - (recording.fps or 15)))
    with K4AWriter(
        path,
        recording.calibration,
        fps=fps,
        infrared=len(recording.infrared_times_s) > 0,
        imu=recording.has_imu,
        audio_channels=take.channel_count if take.has_sound else None,
        audio_rate_hz=take.sample_rate_hz if take.has_sound else 48_000,
        audio_bits=take.sound_bits if take.has_sound else 16,
        device_serial=recording.tags.get("K4A_DEVICE_SERIAL_NUMBER", "000000000000"),
        start_offset_us=start_us,
        compact=compact,
    ) as writer:
        shift_us = start_us + lead_us
        tracks = [
            _depth(recording, writer, shift_us),
            _infrared(recording, writer, shift_us),
            _color(recording, writer, shift_us),
            _imu(recording, writer, shift_us),
        ]
        if take.has_sound:
            tracks.append(_sound(take, writer, shift_us))
        last_us = shift_us + 1e6 * max(float(recording.depth_times_s[-1]), 1e-6)
        for count, (time_us, _, write) in enumerate(heapq.merge(*tracks, key=lambda e: e[:2])):
            write()
            if progress is not None and count % _PROGRESS_EACH == 0:
                progress(min(1.0, (time_us - shift_us) / (last_us - shift_us)))
    return lead_us * 1e-6


def _depth(recording: K4ARecording, writer: K4AWriter, shift_us: int) -> Iterator[Event]:
    for index, time_us in enumerate(_microseconds(recording.depth_times_s, shift_us)):
        yield time_us, 0, lambda i=index, t=time_us: writer.write_depth(t, recording.depth_mm(i))


def _infrared(recording: K4ARecording, writer: K4AWriter, shift_us: int) -> Iterator[Event]:
    for index, time_us in enumerate(_microseconds(recording.infrared_times_s, shift_us)):
        yield (
            time_us,
            1,
            lambda i=index, t=time_us: writer.write_infrared(t, recording.infrared(i)),
        )


def _color(recording: K4ARecording, writer: K4AWriter, shift_us: int) -> Iterator[Event]:
    for index, time_us in enumerate(_microseconds(recording.color_times_s, shift_us)):
        yield (
            time_us,
            2,
            lambda i=index, t=time_us: writer.write_color(t, recording.color_payload(i)),
        )


def _imu(recording: K4ARecording, writer: K4AWriter, shift_us: int) -> Iterator[Event]:
    for samples in recording.imu_pieces():
        times_us = _microseconds(samples.times_s, shift_us)
        gyroscope_us = _microseconds(samples.gyroscope_times_s, shift_us)

        def write(
            index: int,
            us: list[int] = times_us,
            gyroscope: list[int] = gyroscope_us,
            taken: ImuSamples = samples,
        ) -> None:
            writer.write_imu(
                us[index],
                taken.acceleration_m_s2[index],
                taken.angular_velocity_rad_s[index],
                gyroscope_us=gyroscope[index],
            )

        for index, time_us in enumerate(times_us):
            yield time_us, 3, partial(write, index)


def _sound(take: Take, writer: K4AWriter, shift_us: int) -> Iterator[Event]:
    rate_hz = take.sample_rate_hz
    for first, samples in sound_blocks(take, max(1, rate_hz // _SOUND_BLOCK_HZ)):
        camera_s = _camera_from_sound(take.clock, np.array([first / rate_hz]))
        time_us = _microseconds(camera_s, shift_us)[0]
        yield time_us, 4, lambda t=time_us, s=samples: writer.write_sound(t, s)


def _microseconds(times_s: np.ndarray, shift_us: int) -> list[int]:
    return [shift_us + round(time_s * 1e6) for time_s in times_s.tolist()]


def _camera_from_sound(clock: ClockFit, sound_s: np.ndarray) -> np.ndarray:
    """Return the camera's time at times of the sound: the fit's inverse, by fixed point."""
    camera = (sound_s - clock.offset_s) / (1 + clock.drift)
    for _ in range(20):
        camera = camera + (sound_s - clock.sound_from_camera(camera)) / (1 + clock.drift)
    return camera
