"""Files that an imported scene names, and that must lie where it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

from capture.errors import DataError


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
