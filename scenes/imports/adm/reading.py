"""Make a scene of a BW64 file with ADM metadata: of ours exactly, of others as far as ADM says."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from capture.errors import DataError
from capture.files.atomic import atomic_folder
from capture.waveform import Waveform, write_waveform
from scenes.export.adm.bw64 import Bw64, read_bw64
from scenes.export.adm.scene_chunk import CarriedScene, carried_scene
from scenes.export.identifiers import identifiers
from scenes.imports.adm.metadata import AdmObject, read_metadata
from scenes.imports.media import without_missing_files
from scenes.listener import Listener
from scenes.scene import Scene
from scenes.scene_file import write_scene
from scenes.source import Source, SourceKeyframe

logger = logging.getLogger(__name__)

_SAME_LEVEL_DB = 0.5
_NEAREST_REFERENCE_M = 0.01


def read_adm_scene(path: str | os.PathLike[str], scene_path: str | os.PathLike[str]) -> Scene:
    """Write a scene file and the sounds of a BW64 file beside it.

    A file that `auralize export --to adm` wrote gives the same scene again. Files that the scene
    named (an HRTF, meshes, performers, an equalisation) are no part of ADM: they stay in the scene
    where they are found beside the new file, and are left out with a warning elsewhere. Of other
    files, each object becomes a source around a listener in the default place; renderers of ADM
    know no distance law, so each source's reference distance is where it is at the start.

    Args:
        path: The BW64 file.
        scene_path: The scene file to write; the sounds go to the folder NAME-files.

    Raises:
        FileFormatError: The file is no BW64, or its metadata is missing or broken.
        DataError: Nothing in it has a place (see `metadata`).
        OutputError: The scene or the sounds cannot be written, or are there already.
    """
    file = read_bw64(path)
    target = Path(scene_path)
    sounds = target.with_name(f"{target.stem}-files")
    carried = carried_scene(file)
    with atomic_folder(sounds) as temporary:
        if carried is None:
            scene = _scene_of_objects(file, temporary, sounds.name)
        else:
            scene = _same_scene(file, carried, temporary, target.parent, sounds.name)
    write_scene(target, scene)
    return scene


def _same_scene(
    file: Bw64, carried: CarriedScene, temporary: Path, folder: Path, sounds: str
) -> Scene:
    sources: list[Source] = []
    for number, (source, name) in enumerate(zip(carried.scene.sources, carried.names, strict=True)):
        samples = file.channel(number + 1) / np.float32(10 ** (carried.gain_db / 20))
        start = round(source.start_s * file.sample_rate_hz)
        _write_sound(temporary / f"{name}.wav", samples[start:], file.sample_rate_hz)
        changes = {"file": f"{sounds}/{name}.wav", "channel": 1}
        sources.append(source.model_copy(update=changes))
    scene = carried.scene.model_copy(update={"sources": tuple(sources)})
    return without_missing_files(scene, folder, format_name="ADM")


def _scene_of_objects(file: Bw64, temporary: Path, sounds: str) -> Scene:
    content = read_metadata(file)
    if content.left_out:
        logger.warning("left out, because they have no place: %s", ", ".join(content.left_out))
    if not content.objects:
        raise DataError(
            f"{file.path}: nothing in it has a place of its own "
            f"({', '.join(content.left_out) or 'there are no audioObjects'}). Export objects."
        )
    listener = Listener()
    names = _names(content.objects)
    sources: list[Source] = []
    for each, name, word in zip(content.objects, names, identifiers(names), strict=True):
        samples = file.channel(each.channel).copy()
        samples[: round(each.start_s * file.sample_rate_hz)] = 0.0
        if each.stop_s is not None:
            samples[round(each.stop_s * file.sample_rate_hz) :] = 0.0
        _write_sound(temporary / f"{word}.wav", samples, file.sample_rate_hz)
        sources.append(_source(each, name, f"{sounds}/{word}.wav", np.array(listener.position_m)))
    return Scene(
        title=content.title.strip() or "Scene",
        sample_rate_hz=file.sample_rate_hz,
        duration_s=max(file.sample_count, 1) / file.sample_rate_hz,
        listener=listener,
        sources=tuple(sources),
    )


def _source(each: AdmObject, name: str, file: str, ears_m: np.ndarray) -> Source:
    distances = np.linalg.norm(each.positions_m, axis=1)
    reference_m = max(float(distances[0]), _NEAREST_REFERENCE_M)
    # With the distance law, the gain that our own exports have is one number times 1/distance.
    sounding = each.gains > 0
    levels = 20 * np.log10(
        np.maximum(each.gains[sounding] * distances[sounding], 1e-9) / reference_m
    )
    gain_db = float(np.median(levels)) if sounding.any() else 0.0
    note = None
    if sounding.any() and np.ptp(levels) > _SAME_LEVEL_DB:
        note = "ADM has gains over time that are not those of the distance; they are left out"
    positions = [_rounded(ears_m + place) for place in each.positions_m]
    moves = len(set(positions)) > 1
    return Source(
        name=name,
        file=file,
        gain_db=round(gain_db, 4) + 0.0,
        reference_distance_m=round(reference_m, 6),
        position_m=None if moves else positions[0],
        keyframes=tuple(
            SourceKeyframe(time_s=round(float(time), 6), position_m=position)
            for time, position in zip(each.times_s, positions, strict=True)
        )
        if moves
        else None,
        mute=each.is_muted or not sounding.any(),
        note=note,
    )


def _rounded(place_m: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 6) + 0.0 for value in place_m)
    return x, y, z


def _names(objects: tuple[AdmObject, ...]) -> list[str]:
    """Return a name for each object, which no other has."""
    names: list[str] = []
    for each in objects:
        wanted = each.name.strip()[:190] or "object"
        name, number = wanted, 2
        while name in names:
            name, number = f"{wanted} {number}", number + 1
        names.append(name)
    return names


def _write_sound(path: Path, samples: np.ndarray, sample_rate_hz: int) -> None:
    write_waveform(
        path, Waveform(samples=samples[None].astype(np.float32), sample_rate_hz=sample_rate_hz)
    )
