"""The files that a scene names, found in its raw values, before anything of it is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from capture.errors import DataError
from capture.files.yaml_document import Where, YamlDocument
from capture.files.yaml_errors import suggestion

_FILES: tuple[tuple[str, ...], ...] = (
    ("sources", "*", "file"),
    ("listener", "sofa"),
    ("room", "meshes", "*", "file"),
    ("output", "headphone_eq"),
)
_PERFORMERS: tuple[tuple[str, ...], ...] = (("sources", "*", "performer"),)


def check_inside(document: YamlDocument) -> None:
    """Refuse to read anything outside the folder of the scene file, by links neither.

    Raises:
        DataError: A name leads outside (file, line and column).
    """
    for where, name in _found(document.value, _FILES + _PERFORMERS):
        check_name_inside(document, where, name)


def check_name_inside(document: YamlDocument, where: Where, name: str) -> None:
    """Refuse one name that leads outside the folder of the scene file; see `check_inside`."""
    folder = document.path.parent
    try:
        is_inside = (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # a name that no file can have: it will not be there
        return
    if not is_inside:
        raise DataError(
            f"{document.place_of(where)}: {name!r} is outside the folder of the scene, "
            f"{folder.resolve()}, and is not read unless you allow it. Copy it there, or say "
            "--allow-outside (allow_outside=True)."
        )


def check_files_exist(document: YamlDocument) -> None:
    """Refuse a scene that names a file which is not there. Performers are looked for when shown.

    Raises:
        DataError: A file is missing (file, line and column).
    """
    for where, name in _found(document.value, _FILES):
        check_file_exists(document, where, name)


def check_file_exists(document: YamlDocument, where: Where, name: str) -> None:
    """Refuse one name of a file that is not there; see `check_files_exist`."""
    path = document.path.parent / name
    try:
        if path.is_file():
            return
        there = {item.name for item in path.parent.iterdir()} if path.parent.is_dir() else set()
    except (OSError, ValueError):
        there = set[str]()
    hint = suggestion(path.name, there).removesuffix("?")
    slashes = " Write folders with '/'." if "\\" in name else ""
    raise DataError(
        f"{document.place_of(where)}: the file {name!r} is not there (looked for "
        f"{_absolute(path)}){hint}.{slashes}"
    )


def rename_files(value: Any, renamed: Callable[[str], str]) -> None:
    """Change all names of files, in place."""
    for where, name in list(_found(value, _FILES + _PERFORMERS)):
        holder = value
        for part in where[:-1]:
            holder = holder[part]
        holder[where[-1]] = renamed(name)


def named_paths(document: YamlDocument) -> tuple[Path, ...]:
    """Return all files that a scene is made of: its own, included ones, and those that they name.

    Of a performer, these are the file of its clouds and that of all performers beside it.
    """
    folder = document.path.parent
    paths = [document.path, *document.files.values()]
    paths += [folder / name for _, name in _found(document.value, _FILES)]
    for _, name in _found(document.value, _PERFORMERS):
        clouds = folder / name
        paths += [clouds.with_name(f"{clouds.name}.npz"), clouds.parent / "performers.json"]
    return tuple(dict.fromkeys(paths))


def sound_files(value: Any) -> Iterator[tuple[Where, str]]:
    """Give place and name of each source's sound file."""
    return _found(value, _FILES[:1])


def _found(value: Any, patterns: tuple[tuple[str, ...], ...]) -> Iterator[tuple[Where, str]]:
    for pattern in patterns:
        yield from _matches(value, pattern, ())


def _matches(value: Any, pattern: tuple[str, ...], where: Where) -> Iterator[tuple[Where, str]]:
    if not pattern:
        if isinstance(value, str) and value:
            yield where, value
        return
    key, rest = pattern[0], pattern[1:]
    if key == "*":
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from _matches(item, rest, (*where, index))
    elif isinstance(value, dict) and key in value:
        yield from _matches(value[key], rest, (*where, key))


def _absolute(path: Path) -> str:
    try:
        return str(path.resolve())
    except (OSError, ValueError):
        return repr(str(path))
