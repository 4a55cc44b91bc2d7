"""Read all that a scene names, check it, and lay it out for exporters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from capture.errors import DataError
from scenes.export.exported import ExportedListener, ExportedScene, ExportedSource
from scenes.export.geometry import exported_room
from scenes.export.identifiers import identifier, identifiers
from scenes.export.palette import color
from scenes.export.paths import listener_trajectory, source_trajectory
from scenes.export.players import clouds_of, mesh_of
from scenes.export.sounds import read_sounds
from scenes.scene_file import read_scene

_SOUNDS_PART = 0.4


def prepare_export(
    scene_path: str | os.PathLike[str],
    *,
    renders: Mapping[str, Path] | None = None,
    meshes: bool = True,
    allow_outside: bool = False,
    progress: Callable[[float], None] | None = None,
) -> ExportedScene:
    """Return a scene file as exporters take it. What cannot be exported is refused here.

    Args:
        scene_path: The scene (YAML).
        renders: What was rendered of it; see `ExportedScene.renders`.
        meshes: Whether players are also made into triangles.
        allow_outside: Let the scene name files outside its folder.
        progress: Called with the fraction done.

    Raises:
        FileFormatError: The scene, a sound, a performer or a mesh of the room cannot be read.
        DataError: A file is missing or does not fit the scene: another rate, no such channel, NaN;
            or no source sounds.
    """
    report = progress or (lambda _: None)
    scene = read_scene(scene_path, allow_outside=allow_outside)
    folder = Path(scene_path).parent
    heard = {source.name for source in scene.heard_sources}
    if not heard:
        raise DataError(
            f"{scene_path}: all {len(scene.sources)} sources are muted, so there is nothing to "
            "export. Take `mute` from one."
        )
    sounds = read_sounds(scene, folder, lambda part: report(_SOUNDS_PART * part))
    listener = listener_trajectory(scene.listener)
    sources: list[ExportedSource] = []
    names = identifiers([source.name for source in scene.sources])
    for number, (source, name, samples) in enumerate(
        zip(scene.sources, names, sounds, strict=True)
    ):
        clouds = clouds_of(source, folder)
        sources.append(
            ExportedSource(
                name=source.name,
                identifier=name,
                samples=samples,
                gain_db=source.gain_db,
                reference_distance_m=source.reference_distance_m,
                heard=source.name in heard,
                instrument=source.instrument,
                color=color(number),
                trajectory=source_trajectory(source, listener.at(0.0).position_m),
                clouds=clouds,
                mesh=mesh_of(source, clouds) if meshes else None,
                described=source,
            )
        )
        report(_SOUNDS_PART + (1 - _SOUNDS_PART) * (number + 1) / len(names))
    sofa = None if scene.listener.sofa is None else folder / scene.listener.sofa
    return ExportedScene(
        title=scene.title,
        identifier=identifier(scene.title, fallback="scene"),
        sample_rate_hz=scene.sample_rate_hz,
        duration_s=len(sounds[0]) / scene.sample_rate_hz,
        sources=tuple(sources),
        listener=ExportedListener(trajectory=listener, sofa=sofa),
        room=None if scene.room is None else exported_room(scene.room, folder),
        medium=scene.medium,
        provenance=scene.provenance,
        renders=dict(renders or {}),
        described=scene,
        folder=folder,
    )
