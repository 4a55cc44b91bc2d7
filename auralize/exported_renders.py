"""What exporters need rendered of a scene: ambisonic beds, what ears hear, a room's response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io.wavfile

from auralize.exported_head import export_head
from auralize.output.rendering import render
from scenes.scene import Output, Scene
from scenes.scene_file import read_scene, write_scene
from scenes.source import Source

# At the scene's level: it is the exporter who turns down what must not clip.
_AS_IT_IS: Mapping[str, Any] = {
    "sample_format": "float32",
    "limit_true_peak": False,
    "loudness_lufs": None,
}
_AMBIX: Mapping[str, Any] = {**_AS_IT_IS, "ambisonic_convention": "sn3d"}


def render_for_export(
    scene_path: Path,
    need: str,
    folder: Path,
    progress: Callable[[float], None],
    *,
    allow_outside: bool = False,
) -> Path | None:
    """Render something that a target needs.

    Args:
        scene_path: The scene.
        need: "ambix", "ambix1", "binaural", "room_response" or "head"; see `ExportedScene.renders`.
        folder: Where the file will be.
        progress: Called with the fraction done.
        allow_outside: Let the scene name files outside its folder.

    Returns:
        The file; None for the room or the head of a scene that has none of its own.

    Raises:
        AuralizeError: The scene cannot be rendered.
        ValueError: There is no such need.
    """
    path = folder / f"{need}.ambix.wav"

    def rendered(output: Mapping[str, Any]) -> None:
        render(scene_path, path, output=output, allow_outside=allow_outside, progress=progress)

    def scene() -> Scene:
        return read_scene(scene_path, allow_outside=allow_outside)

    match need:
        case "ambix":
            rendered(_AMBIX)
        case "ambix1":
            same = folder / "ambix.ambix.wav"
            if same.is_file() and scene().output.ambisonic_order == 1:
                return same
            rendered({**_AMBIX, "ambisonic_order": 1})
        case "binaural":
            path = folder / "binaural.wav"
            rendered(_AS_IT_IS)
        case "room_response":
            return _room_response(scene(), scene_path.parent, folder, progress)
        case "head":
            return export_head(scene(), scene_path.parent, folder, progress)
        case _:
            raise ValueError(f"nothing is rendered as {need!r}.")
    return path


def _room_response(
    scene: Scene, scene_folder: Path, folder: Path, progress: Callable[[float], None]
) -> Path | None:
    """Render what the room adds to an impulse from the middle of the sources."""
    room = scene.room
    if room is None or not (room.early or room.late):
        return None
    impulse = folder / "impulse.wav"
    scipy.io.wavfile.write(impulse, scene.sample_rate_hz, np.ones(1, dtype=np.float32))
    middle = np.mean([source.positions_at(np.zeros(1))[0] for source in scene.sources], axis=0)
    meshes = room.meshes and tuple(
        part.model_copy(update={"file": str((scene_folder / part.file).resolve())})
        for part in room.meshes
    )
    sofa = scene.listener.sofa
    only_room = Scene(
        title=f"Room of {scene.title}"[:4096],
        sample_rate_hz=scene.sample_rate_hz,
        listener=scene.listener.model_copy(
            update={"sofa": sofa and str((scene_folder / sofa).resolve())}
        ),
        sources=(Source(name="impulse", file=impulse.name, position_m=tuple(middle)),),
        room=room.model_copy(update={"meshes": meshes, "direct": False}),
        medium=scene.medium,
        output=Output(sample_format="float32", limit_true_peak=False),
    )
    scene_path = folder / "impulse.yaml"
    write_scene(scene_path, only_room, with_schema=False)
    path = folder / "room_response.wav"
    render(scene_path, path, allow_outside=True, progress=progress)
    return path
