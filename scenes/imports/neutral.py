"""Import the neutral form of `scenes.export.neutral`: the same scene comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from capture.errors import FileFormatError
from capture.files.atomic import atomic_folder
from capture.performer import copy_performers
from scenes.export.neutral import FORMAT
from scenes.imports.media import copy_inside, file_inside
from scenes.migrations import migrated
from scenes.scene import Scene
from scenes.scene_file import write_scene


def read_neutral_scene(path: Path, scene_path: Path) -> Scene:
    """Write a scene file of a scene.json, and what it names to the folder NAME-files beside it.

    Raises:
        FileFormatError: It is no JSON, or not of this form.
        DataError: A file that it names is missing, or outside its folder.
        OutputError: The folder exists, or cannot be written.
    """
    files = scene_path.with_name(f"{scene_path.stem}-files")
    with atomic_folder(files) as temporary:
        scene = _copied(path, temporary, f"{files.name}/")
    write_scene(scene_path, scene)
    return scene


def _copied(path: Path, media: Path, prefix: str) -> Scene:
    """Copy what a scene names to a folder; return the scene with a prefix before the new names."""
    scene = _scene(path)
    folder = path.parent
    performers: dict[str, Path] = {}

    def copied(name: str) -> str:
        copy_inside(folder, name, media / name, named_by=path)
        return f"{prefix}{Path(name).as_posix()}"

    def moved(source: Any) -> dict[str, object]:
        changes: dict[str, object] = {"file": copied(source.file)}
        if source.performer is not None:
            name = Path(source.performer).name
            file_inside(folder, f"{source.performer}.npz", named_by=path)
            performers[name] = folder / source.performer
            changes["performer"] = f"{prefix}players/{name}"
        return changes

    sources = tuple(source.model_copy(update=moved(source)) for source in scene.sources)
    if performers:
        copy_performers(performers, media / "players")
    changes: dict[str, object] = {"sources": sources}
    if scene.listener.sofa is not None:
        changes["listener"] = scene.listener.model_copy(
            update={"sofa": copied(scene.listener.sofa)}
        )
    if scene.output.headphone_eq is not None:
        changes["output"] = scene.output.model_copy(
            update={"headphone_eq": copied(scene.output.headphone_eq)}
        )
    if scene.room is not None and scene.room.meshes is not None:
        meshes = tuple(
            part.model_copy(update={"file": copied(part.file)}) for part in scene.room.meshes
        )
        changes["room"] = scene.room.model_copy(update={"meshes": meshes})
    return scene.model_copy(update=changes)


def _scene(path: Path) -> Scene:
    try:
        document: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: not readable as JSON ({error}).") from error
    kind = document.get("format") if isinstance(document, dict) else None
    if kind != FORMAT:
        raise FileFormatError(
            f'{path}: its "format" is {kind!r}, not {FORMAT!r}, as `auralize export --to json` '
            "writes it."
        )
    try:
        return Scene.model_validate(migrated(document["scene"]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, ("scene", *first["loc"])))
        raise FileFormatError(f"{path}: {place}: {first['msg']}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f'{path}: its "scene" is no mapping of keys.') from error
