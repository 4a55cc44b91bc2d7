"""MUSIC and Solos: lists of videos by instrument, whose sound was extracted to files.

MUSIC's lists (`MUSIC_solo_videos.json`, `MUSIC21_solo_videos.json`) hold
``{"videos": {"acoustic_guitar": ["id", …]}}``; those of duets name two instruments, and are no
single players. Solos' list (`solos_ids.json`) holds ``{"Violin": ["id", …]}``. Sounds lie anywhere
below a folder, named after the video: ``id.wav``, ``id.mp3``, or a part of it, ``id_0.wav``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from capture.errors import FileFormatError
from separation.corpus.layouts.recordings import (
    RecordedPart,
    Summary,
    instrument_name,
    recording_alone,
)
from separation.corpus.layouts.splits import split_names

_ENDINGS = (".wav", ".flac", ".mp3", ".ogg")
_ALIASES = {"acoustic_guitar": "guitar"}


def music_parts(
    list_path: str | Path, sound_folder: str | Path, *, seed: int = 0
) -> tuple[list[RecordedPart], Summary]:
    """Return the solo recordings of a MUSIC list that are there, and what is missing.

    Args:
        list_path: One of the lists of solos.
        sound_folder: Where the sounds lie.
        seed: Of the split, which goes by video.

    Raises:
        FileFormatError: The file is no such list, or one of duets.
    """
    content = _read(list_path)
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, dict):
        raise FileFormatError(f"{list_path}: no list of MUSIC: it has no 'videos' by instrument.")
    duets = [name for name in videos if " " in name.strip()]
    if duets:
        raise FileFormatError(
            f"{list_path} lists duets ({duets[0]!r}): training needs single players. Give a list "
            "of solos."
        )
    return _parts(list_path, videos, sound_folder, seed)


def solos_parts(
    list_path: str | Path, sound_folder: str | Path, *, seed: int = 0
) -> tuple[list[RecordedPart], Summary]:
    """Return the recordings of Solos' list that are there, and what is missing.

    Args:
        list_path: `solos_ids.json`.
        sound_folder: Where the sounds lie.
        seed: Of the split, which goes by video.

    Raises:
        FileFormatError: The file is no such list.
    """
    content = _read(list_path)
    if not isinstance(content, dict) or "videos" in content:
        raise FileFormatError(f"{list_path}: no list of Solos: it has no videos by instrument.")
    return _parts(list_path, content, sound_folder, seed)


def _read(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path}: no readable list of videos ({error}).") from error


def _parts(
    list_path: str | Path, videos: dict[str, Any], sound_folder: str | Path, seed: int
) -> tuple[list[RecordedPart], Summary]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(Path(sound_folder).rglob("*")):
        if path.suffix.lower() in _ENDINGS:
            found[path.stem].append(path)
            # Parts of a video carry a number after its name.
            name, _, number = path.stem.rpartition("_")
            if number.isdigit():
                found[name].append(path)
    parts: list[RecordedPart] = []
    summary = Summary()
    for given, names in sorted(videos.items()):
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise FileFormatError(f"{list_path}: {given!r} must be a list of video names.")
        instrument = instrument_name(given)
        instrument = _ALIASES.get(instrument, instrument)
        splits = split_names(names, seed)
        for name in names:
            if not found[name]:
                summary.missing.append(f"{given}/{name}")
            parts += [recording_alone(path, instrument, splits[name]) for path in found[name]]
    return parts, summary
