"""Read a scene file and all that it includes, as plain values of the newest version.

`include: parts/strings.yaml`, or a list of files, at the top of a scene stands for what those
files say. They are scenes, or parts of scenes:

- what the including file says comes on top, key by key; of several files, the later one wins;
- sources are put together, those of included files first;
- other lists (keyframes, positions) are replaced as a whole;
- names of files are relative to the file in which they stand;
- included files lie in the folder of the scene, or in folders in it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from capture.errors import DataError, FileFormatError
from capture.files.yaml_document import Where, YamlDocument, read_yaml
from scenes.migrations import migrate
from scenes.named_files import (
    check_file_exists,
    check_inside,
    check_name_inside,
    rename_files,
    sound_files,
)

INCLUDE = "include"
_DEEPEST = 8
_ANY_RATE_HZ = 48_000
_MOST_FILES = 64


def read_scene_document(
    path: str | os.PathLike[str], *, allow_outside: bool = False, text: str | None = None
) -> YamlDocument:
    """Read a scene file, its includes, and the rate of its sounds where it does not say one.

    Args:
        path: The YAML file.
        allow_outside: Let it name files outside its folder.
        text: What the file is going to hold, to be read instead of it.

    Raises:
        FileFormatError: A file is no YAML or no mapping, or includes itself (file, line, column).
        DataError: A file that is included is missing, a file is outside the folder, or the sounds
            have different rates.
    """
    document = _Reader(Path(path), allow_outside).read(Path(path), (), text)
    if not allow_outside:
        check_inside(document)
    if "sample_rate_hz" not in document.value:
        _take_rate_of_sounds(document)
    return document


class _Reader:
    """Reads files that include others."""

    def __init__(self, path: Path, allow_outside: bool) -> None:
        self._path = path
        self._allow_outside = allow_outside
        self._count = 0

    def read(self, path: Path, around: tuple[Path, ...], text: str | None = None) -> YamlDocument:
        """Return what a file and its includes say; names of files are relative to the scene."""
        own = read_yaml(path, text=text)
        if not isinstance(own.value, dict):
            raise FileFormatError(
                f"{path}:1:1: a scene is a mapping of keys and values (version: 2, sources: …)."
            )
        migrate(own)
        names = _names(own)
        own.value.pop(INCLUDE, None)
        if around:
            own.value.pop("version", None)
            folder = Path(os.path.relpath(path.parent, self._path.parent))
            rename_files(own.value, lambda name: (folder / name).as_posix())
        if not names:
            return own
        merged = YamlDocument(path=self._path, value={})
        for where, name in names:
            merge(merged, self._included(own, where, name, (*around, path)))
        merge(merged, own)
        return merged

    def _included(
        self, own: YamlDocument, where: Where, name: str, around: tuple[Path, ...]
    ) -> YamlDocument:
        here = own.place_of(where)
        path = own.path.parent / name
        if not self._allow_outside:
            # The name as it is for the scene file, whose folder counts.
            scene = YamlDocument(path=self._path, places=own.places, files={where: own.path})
            relative = os.path.relpath(path.parent, self._path.parent)
            check_name_inside(scene, where, str(Path(relative) / path.name))
        check_file_exists(own, where, name)
        if any(path.samefile(outer) for outer in around):
            raise FileFormatError(f"{here}: {name!r} includes itself.")
        self._count += 1
        if len(around) > _DEEPEST or self._count > _MOST_FILES:
            raise FileFormatError(
                f"{here}: too many files are included (at most {_MOST_FILES}, {_DEEPEST} deep)."
            )
        return self.read(path, around)


def _names(document: YamlDocument) -> list[tuple[Where, str]]:
    """Return place and name of each file that a document includes."""
    given = document.value.get(INCLUDE)
    if given is None:
        return []
    items: list[tuple[Where, Any]] = [((INCLUDE,), given)]
    if isinstance(given, list):
        items = [((INCLUDE, index), item) for index, item in enumerate(given)]
    for where, item in items:
        if not isinstance(item, str) or not item:
            raise FileFormatError(
                f"{document.place_of(where)}: include must be the name of a file, or a list of "
                f"names, got {item!r:.60}."
            )
    return items


def merge(under: YamlDocument, over: YamlDocument) -> None:
    """Put one document on top of another, in place: see above."""
    _merge(under, (), over, ())


def _merge(under: YamlDocument, at: Where, over: YamlDocument, where: Where) -> None:
    below, above = _value(under, at), _value(over, where)
    for key, value in above.items():
        place, origin = (*at, key), (*where, key)
        if key in below and isinstance(below[key], dict) and isinstance(value, dict):
            _copy_place(under, place, over, origin)
            _merge(under, place, over, origin)
        elif place == ("sources",) and isinstance(below.get(key), list) and isinstance(value, list):
            for index, item in enumerate(value):
                _graft(under, (*place, len(below[key])), over, (*origin, index))
                below[key].append(item)
        else:
            for old in [old for old in under.places if old[: len(place)] == place]:
                del under.places[old]
            _graft(under, place, over, origin)
            below[key] = value


def _graft(under: YamlDocument, place: Where, over: YamlDocument, origin: Where) -> None:
    """Take over the places of a value and of all in it."""
    for where in over.places:
        if where[: len(origin)] == origin:
            _copy_place(under, place + where[len(origin) :], over, where)


def _copy_place(under: YamlDocument, place: Where, over: YamlDocument, origin: Where) -> None:
    if origin in over.places:
        under.places[place] = over.places[origin]
        under.files[place] = over.files.get(origin, over.path)


def _value(document: YamlDocument, where: Where) -> Any:
    value = document.value
    for part in where:
        value = value[part]
    return value


def _take_rate_of_sounds(document: YamlDocument) -> None:
    """Set the scene's rate to that of its sounds, if they have one."""
    import soundfile

    rates: dict[int, tuple[Where, str]] = {}
    for where, name in sound_files(document.value):
        check_file_exists(document, where, name)
        try:
            rate = int(soundfile.info(document.path.parent / name).samplerate)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise FileFormatError(
                f"{document.place_of(where)}: {name!r} is not readable as sound, so the scene has "
                f"no sample_rate_hz ({error}). Give a WAV, FLAC or Ogg file."
            ) from error
        rates.setdefault(rate, (where, name))
    if len(rates) > 1:
        (rate, (_, name)), (other, (where, other_name)) = list(rates.items())[:2]
        raise DataError(
            f"{document.place_of(where)}: {other_name!r} has {other} Hz and {name!r} has {rate} "
            "Hz. Nothing is resampled silently: convert the files to one rate."
        )
    # Without any sound there is no scene, and the rate is the least of what it lacks.
    document.value["sample_rate_hz"] = next(iter(rates), _ANY_RATE_HZ)
