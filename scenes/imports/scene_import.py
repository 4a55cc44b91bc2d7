"""Import a scene: write a scene file and, beside it, a folder with what it names."""

from __future__ import annotations

import os
from pathlib import Path

from capture.errors import FileFormatError, OutputError
from scenes.imports.formats import FORMATS, Format
from scenes.scene import Scene


def import_scene(path: str | os.PathLike[str], scene_path: str | os.PathLike[str]) -> Scene:
    """Make a scene file of a file of another format.

    Args:
        path: The file; its ending says what it is.
        scene_path: The scene file to write. Its sounds go to a folder beside it.

    Returns:
        The scene that was written.

    Raises:
        FileFormatError: The file is of no known format, or broken.
        DataError: What it holds makes no scene.
        OutputError: The scene file or the folder exists, or cannot be written.
    """
    source, scene_file = Path(path), Path(scene_path)
    kind = _format(source)
    if scene_file.exists():
        raise OutputError(f"{scene_file} exists already: give another name with -o.")
    return kind.read(source, scene_file)


def _format(path: Path) -> Format:
    if not path.is_file():
        raise FileFormatError(f"{path}: is not there, or is no file.")
    for kind in FORMATS:
        if path.suffix.lower() in kind.endings:
            return kind
    known = ", ".join(f"{'/'.join(kind.endings)} ({kind.name})" for kind in FORMATS)
    raise FileFormatError(f"{path}: scenes can be imported from {known}.")
