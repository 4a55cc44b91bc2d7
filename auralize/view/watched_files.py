"""The files that a scene is made of, and whether they changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from capture.errors import AuralizeError
from scenes.named_files import named_paths
from scenes.scene_document import read_scene_document

Stamps = dict[Path, tuple[int, int] | None]


def files_of_scene(path: Path) -> tuple[Path, ...]:
    """Return the scene file and all that it names; only the scene file where it cannot be read."""
    try:
        return named_paths(read_scene_document(path, allow_outside=True))
    except AuralizeError:
        return (path,)


def stamps_of(files: Iterable[Path]) -> Stamps:
    """Return when each file was changed (ns) and how long it is; None where it is not there."""
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
