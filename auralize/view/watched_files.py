"""The files that a scene is made of, and whether they changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from capture.errors import AuralizeError
from scenes.scene_file import read_scene

Stamps = dict[Path, tuple[int, int] | None]


def files_of_scene(path: Path) -> tuple[Path, ...]:
    """Return the scene file and all that it names; only the scene file where it cannot be read."""
    try:
        scene = read_scene(path, check_files=False)
    except AuralizeError:
        return (path,)
    folder = path.parent
    named = [folder / source.file for source in scene.sources]
    for source in scene.sources:
        if source.performer is not None:
            clouds = folder / source.performer
            named += [clouds.with_name(f"{clouds.name}.npz"), clouds.parent / "performers.json"]
    if scene.listener.sofa is not None:
        named.append(folder / scene.listener.sofa)
    if scene.room is not None:
        named += [folder / mesh.file for mesh in scene.room.meshes or ()]
    return (path, *dict.fromkeys(named))


def stamps_of(files: Iterable[Path]) -> Stamps:
    """Return when each file was changed (ns) and how long it is; None where it is not there."""
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
