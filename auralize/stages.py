"""The stages of the pipeline: a recording becomes performers, stems and a scene.

Each stage writes what the next one reads, so that the verbs of the command line and `run` are the
same code. A folder of results holds

    performers/   stems/   scene.yaml   preview.wav   preview.ambix.wav   report.html   receipt.json

Nothing here, nor anything it calls, reads the truth of a simulated take.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from auralize.compose import compose_scene
from auralize.rooms.from_take import room_from_take
from capture.body_pose import BodyPoses
from capture.errors import DataError
from capture.files.atomic import temporary_folder
from capture.performer import Performer, read_performers, write_performers
from capture.players import Corrections, FindConfig, find_corrections, find_people, read_corrections
from capture.take import Take
from scenes import write_scene
from separation.attention_map import attention_map, attention_of, write_attention_picture
from separation.checkpoint import load_model
from separation.conditions import encode_performers
from separation.model import SeparationModel
from separation.resampling import resampled_channel
from separation.separator import SeparateConfig, separate
from separation.stem import Separation
from separation.stem_folder import (
    SampleFormat,
    file_names,
    read_separation,
    stem_files,
    write_separation,
)
from separation.time_array import DiskArray

_LOG = logging.getLogger(__name__)

Progress = Callable[[float], None]
PathLike = str | os.PathLike[str]

PERFORMERS = "performers"
STEMS = "stems"
SCENE = "scene.yaml"
ATTENTION = "attention.png"


def segment_take(
    take: Take,
    out: PathLike,
    *,
    config: FindConfig | None = None,
    corrections: Corrections | None = None,
    progress: Progress | None = None,
) -> tuple[Performer, ...]:
    """Find and follow the players of a take, and write them to `out`/performers.

    Args:
        take: The recording.
        out: Folder of results.
        config: How players are found.
        corrections: What a person knows better. None: what lies beside the take
            (`capture.players.corrections.find_corrections`), if anything does.
        progress: Takes the fraction done.

    Raises:
        FileFormatError: The corrections beside the take cannot be read.
        DataError: There is no player in the take, or a correction cannot be applied.
    """
    if corrections is None:
        beside = find_corrections(take.path)
        corrections = read_corrections(beside) if beside else None
    people = find_people(take, config, corrections=corrections, progress=progress)
    if not people.performers:
        raise DataError(
            f"{take.path}: no player found. A player is person-sized, stands or sits on the floor "
            "0.5 to 3.9 m in front of the camera, stays about one place, and is seen from head to "
            "seat."
        )
    write_performers(Path(out) / PERFORMERS, people.performers, people.visitors)
    return people.performers


def separate_take(
    take: Take,
    performers: Sequence[Performer],
    out: PathLike,
    *,
    network: SeparationModel | None = None,
    config: SeparateConfig | None = None,
    poses: Mapping[str, BodyPoses] | None = None,
    attention_at_s: float | None = None,
    template: str = "{performer}.wav",
    sample_format: SampleFormat = "float",
    progress: Progress | None = None,
) -> Separation:
    """Separate the sound of a take into a stem per performer, and write them to `out`/stems.

    Memory does not grow with the take's length: what does is kept in a folder beside `out`/stems
    while it is needed, and the stems that are returned are read when they are asked for.

    Template and format of the files are those of `separation.write_separation`. Poses are joints
    of a body tracker, for networks that watch movement; who is not among them is watched in the
    take's images, and the joints are estimated (`separation.body_pose`). With a time for
    attention, `out`/attention.png shows where the network looks about that time.

    Raises:
        DataError: The take is silent, a stem does not fit in the format, or the network has no
            attention to draw.
        ValueError: The template is no file name, or gives two files one name.
    """
    # What cannot be written is refused before the work.
    file_names([performer.name for performer in performers], template, take.name)
    network = network or load_model()
    if attention_at_s is not None:
        attention_of(network)
    tracked = dict(poses or {})
    recording = take.sound
    if network.config.conditioner == "pose":
        poses = {**_estimated(take, performers, tracked, _share(progress, 0.0, 0.5)), **tracked}
        progress = _share(progress, 0.5, 1.0)
    with temporary_folder(Path(out) / STEMS) as scratch:
        if attention_at_s is not None:
            rate_hz = network.config.spectrogram.sample_rate_hz
            on_disk = partial(DiskArray, scratch)
            heard = resampled_channel(recording, take.center_channel, rate_hz, on_disk)
            looks = encode_performers(performers, network, poses=poses, seconds=take.duration_s)
            write_attention_picture(
                Path(out) / ATTENTION,
                attention_map(heard, looks, network, at_s=attention_at_s),
                [performer.name for performer in performers],
                poses or {},
            )
        separation = separate(
            recording,
            performers,
            network,
            config,
            poses=poses,
            center_channel=take.center_channel,
            microphones_m=take.microphones_m,
            scratch=scratch,
            progress=progress,
        )
        if network.config.conditioner == "pose":
            sources = {
                performer.name: "body tracker" if performer.name in tracked else "estimated"
                for performer in performers
            }
            separation = replace(separation, manifest=replace(separation.manifest, poses=sources))
        write_separation(
            Path(out) / STEMS,
            separation,
            template=template,
            take=take.name,
            sample_format=sample_format,
        )
    return read_separation(Path(out) / STEMS)


def _estimated(
    take: Take,
    performers: Sequence[Performer],
    tracked: Mapping[str, BodyPoses],
    progress: Progress | None,
) -> dict[str, BodyPoses]:
    """Return joints of the performers whom no body tracker saw."""
    from separation.body_pose import estimate_take_poses

    missing = [performer for performer in performers if performer.name not in tracked]
    if not missing:
        return {}
    _LOG.info("joints of %s are estimated", ", ".join(one.name for one in missing))
    found = estimate_take_poses(take, performers, progress=progress)
    return {one.name: found[one.name] for one in missing if one.name in found}


def _share(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """Return what reports a part of the work as that part of the whole."""
    if progress is None:
        return None
    return lambda fraction: progress(start + (stop - start) * fraction)


def performers_of(
    take: Take, out: PathLike, *, progress: Progress | None = None
) -> tuple[Performer, ...]:
    """Read `out`/performers, or find them where they are not there yet."""
    folder = Path(out) / PERFORMERS
    return (
        read_performers(folder) if folder.is_dir() else segment_take(take, out, progress=progress)
    )


def stems_of(
    take: Take,
    performers: Sequence[Performer],
    out: PathLike,
    *,
    model: PathLike | None = None,
    progress: Progress | None = None,
) -> Separation:
    """Read `out`/stems, or separate where they are not there yet."""
    folder = Path(out) / STEMS
    if folder.is_dir():
        return read_separation(folder)
    return separate_take(take, performers, out, network=load_model(model), progress=progress)


def scene_of(
    take: Take,
    performers: Sequence[Performer],
    separation: Separation,
    out: PathLike,
    *,
    room_rt60_s: float | None = None,
) -> Path:
    """Compose the scene and write it to `out`/scene.yaml; return its path.

    Args:
        take: The take.
        performers: Its players.
        separation: Their stems.
        out: Folder of the results.
        room_rt60_s: Also fit a room to the take, which rings this long; none if None.
    """
    room = None if room_rt60_s is None else room_from_take(take, performers, rt60_s=room_rt60_s)
    scene = compose_scene(
        take.name,
        performers,
        {name: f"{STEMS}/{file}" for name, file in stem_files(Path(out) / STEMS).items()},
        sample_rate_hz=take.sample_rate_hz,
        duration_s=take.duration_s,
        notes={stem.name: stem.note for stem in separation.stems if stem.note},
        provenance={"take": take.name, "network": separation.manifest.model},
        room=room,
        performers_folder=PERFORMERS if (Path(out) / PERFORMERS).is_dir() else None,
    )
    path = Path(out) / SCENE
    write_scene(path, scene)
    return path
