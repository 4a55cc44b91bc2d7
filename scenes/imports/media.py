"""Files that an imported scene names, and that must lie where it lies."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from capture.errors import DataError
from scenes.scene import Scene

logger = logging.getLogger(__name__)


def file_inside(folder: Path, name: str, *, named_by: Path) -> Path:
    """Return the path of a file that a document names, which must be inside a folder.

    Raises:
        DataError: It is outside, or there is no such file.
    """
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        found = inside and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        inside, found = True, False
    if not inside:
        raise DataError(f"{named_by}: {name!r} is outside its folder, and is not read.")
    if not found:
        raise DataError(f"{named_by}: the file {name!r} is not there.")
    return path


def copy_inside(folder: Path, name: str, to: Path, *, named_by: Path) -> None:
    """Copy a file that a document names; see `file_inside`."""
    path = file_inside(folder, name, named_by=named_by)
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)


def without_missing_files(scene: Scene, folder: Path, *, format_name: str) -> Scene:
    """Leave out what names files that are not there, or are outside, and say so in the log.

    Args:
        scene: The scene.
        folder: Where its file will lie.
        format_name: Of the format that does not carry these files.
    """
    missing: list[str] = []

    def is_there(name: str | None) -> bool:
        if name is None:
            return True
        path = folder / name
        if path.exists() and path.resolve().is_relative_to(folder.resolve()):
            return True
        missing.append(name)
        return False

    if not is_there(scene.listener.sofa):
        listener = scene.listener.model_copy(update={"sofa": None, "sofa_sha256": None})
        scene = scene.model_copy(update={"listener": listener})
    if not is_there(scene.output.headphone_eq):
        output = scene.output.model_copy(update={"headphone_eq": None})
        scene = scene.model_copy(update={"output": output})
    if scene.room is not None:
        files = [mesh.file for mesh in scene.room.meshes or ()]
        if not all([is_there(name) for name in files]):
            scene = scene.model_copy(update={"room": None})
    sources = tuple(
        source
        if source.performer is None or is_there(str(Path(source.performer).parent))
        else source.model_copy(update={"performer": None})
        for source in scene.sources
    )
    if missing:
        logger.warning(
            "the scene named files that %s does not carry, and they are left out: %s",
            format_name,
            ", ".join(dict.fromkeys(missing)),
        )
    return scene.model_copy(update={"sources": sources})
