"""Write a take as PLY files, one an image, that everything opens."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable

import soundfile

from capture.errors import OutputError
from capture.export.recordings import pose_entry
from capture.export.sound_blocks import sound_blocks
from capture.export.take_folder import new_take_folder
from capture.players import DepthImages
from capture.point_cloud import PointCloud, write_ply
from capture.take import Take
from capture.take.images import FRAMES_FILE
from capture.take.take_file import TAKE_FILE, FramesEntry, TakeFile, write_take_file

_FRAMES, _SOUND = "frames", "audio.wav"
_LARGEST_WAV_BYTES = 4_000_000_000


def export_clouds(
    take: Take,
    out: str | os.PathLike[str],
    *,
    images: DepthImages | None = None,
    color: bool = True,
    replace: bool = False,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write a take folder of PLY files in the camera's axes, their times, and the sound.

    Args:
        take: Any.
        out: The folder to make.
        images: Whose points to write in place of the take's own, such as those of several cameras
            (`capture.rig.FusedImages`); in the same world.
        color: Whether to color the points.
        replace: Replace a folder that is there.
        progress: Called with the fraction done.

    Raises:
        DataError: An image is broken.
        OutputError: `out` exists, or cannot be written.
    """
    with new_take_folder(out, replace=replace) as folder:
        frames = folder / _FRAMES
        frames.mkdir()
        with (frames / FRAMES_FILE).open("w", newline="", encoding="utf-8") as table:
            rows = csv.writer(table)
            rows.writerow(("file", "time_s"))
            times_s = (take if images is None else images).times_s
            for index, time_s in enumerate(times_s.tolist()):
                name = f"{index:06}.ply"
                write_ply(frames / name, _camera_cloud(take, images, index, color))
                rows.writerow((name, f"{time_s:.6f}"))
                if progress is not None:
                    progress((index + 1) / len(times_s))
        if take.has_sound:
            _write_sound(take, str(folder / _SOUND))
        described = TakeFile(
            name=take.name,
            frames=FramesEntry(folder=_FRAMES),
            audio=_SOUND if take.has_sound else None,
            microphones=take.microphones,
            world_from_camera=pose_entry(take.world_from_camera),
            recorded=take.recorded,
        )
        write_take_file(folder / TAKE_FILE, described)


def _camera_cloud(take: Take, images: DepthImages | None, index: int, color: bool) -> PointCloud:
    if images is None:
        return take.camera_point_cloud(index, color=color)
    cloud = images.image_point_cloud(index, color=color)
    return cloud.transformed(take.world_from_camera.inverse())


def _write_sound(take: Take, path: str) -> None:
    rate_hz, bits = take.sample_rate_hz, take.sound_bits
    size = take.duration_s * rate_hz * take.channel_count * bits / 8
    try:
        with soundfile.SoundFile(
            path,
            "w",
            samplerate=rate_hz,
            channels=take.channel_count,
            subtype=f"PCM_{bits}",
            format="RF64" if size > _LARGEST_WAV_BYTES else "WAV",
        ) as file:
            for _, samples in sound_blocks(take, rate_hz):
                file.write(samples)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise OutputError(f"cannot write {path}: {error}.") from error
