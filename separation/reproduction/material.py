"""The user's copy of the paper's data: what it lacks, and the corpus that is made of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from capture.errors import DataError
from capture.files.atomic import atomic_folder
from separation.configuration import from_mapping
from separation.corpus.layouts import write_index_clouds, write_recordings
from separation.corpus.layouts.musicians import IndexRow, read_indexed
from separation.corpus.layouts.recordings import sound_files

FAMILY = "musicians"
"""The sound family that all recordings are."""

_FEWEST = 3
"""Three splits share no person and no sound."""

_NOTE = "imported.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of the data; kept in the corpus.

    Attributes:
        index_sha256: Of who plays what in which split, and of the clouds of each person.
        recordings: How many are in the corpus.
        minutes: How long they are together.
        skipped: Files that were left out, each with the reason.
    """

    index_sha256: str
    recordings: int
    minutes: float
    skipped: tuple[tuple[str, str], ...]


def missing_data(folder: str | Path) -> list[str]:
    """Return what a copy of the paper's data lacks, a line each; nothing if it is complete."""
    data = Path(folder)
    problems: list[str] = []
    instruments = sorted(p.name for p in (data / "audio").glob("*") if p.is_dir())
    if not instruments:
        problems.append(f"{data / 'audio'}: a folder of sounds for each instrument")
    for name in instruments:
        sounds, frames = data / "audio" / name, data / "frames" / name
        heard = len(sound_files(sounds))
        seen = sum(any(p.glob("*.ply")) for p in frames.glob("*") if p.is_dir())
        if heard < _FEWEST:
            problems.append(f"{sounds}: {_FEWEST} sounds at least, it has {heard}")
        if seen < _FEWEST:
            problems.append(f"{frames}: {_FEWEST} people with PLY files at least, it has {seen}")
    if len(instruments) == 1:
        problems.append(f"{data / 'audio'}: a second instrument")
    return problems


def indexed_data(folder: str | Path) -> list[IndexRow]:
    """Return the rows of the data's index files; they are written where one is missing.

    Raises:
        DataError: Data is missing; the message lists what.
        FileFormatError: An index file is broken.
    """
    problems = missing_data(folder)
    if problems:
        raise DataError("the data is not complete; wanted: " + "; ".join(problems) + ".")
    return read_indexed(folder)


def import_data(
    rows: Sequence[IndexRow],
    corpus: Path,
    *,
    each: int,
    progress: Callable[[str], Callable[[float], None]],
) -> Imported:
    """Make the corpus, whole or not at all; one that is there is taken up.

    Args:
        rows: Of the index files.
        corpus: Its folder.
        each: Clouds of each person, spread over the frames.
        progress: Gives a callback for the fraction done of a named stage.

    Raises:
        DataError: The corpus that is there was made of other data.
        FileFormatError: A cloud is broken.
    """
    index_sha256 = _digest(rows, each)
    if corpus.exists():
        return _taken_up(corpus, index_sha256)
    with atomic_folder(corpus) as temporary:
        unread = write_index_clouds(
            temporary / "clouds", rows, each=each, progress=progress("clouds")
        )
        summary = write_recordings(
            temporary, [row.part for row in rows], FAMILY, progress=progress("sounds")
        )
        imported = Imported(
            index_sha256=index_sha256,
            recordings=summary.written,
            minutes=summary.seconds / 60,
            skipped=tuple((str(path), reason) for path, reason in [*unread, *summary.skipped]),
        )
        text = json.dumps(asdict(imported), indent=1) + "\n"
        (temporary / _NOTE).write_text(text, encoding="utf-8")
    return imported


def _taken_up(corpus: Path, index_sha256: str) -> Imported:
    try:
        content = json.loads((corpus / _NOTE).read_text(encoding="utf-8"))
        imported = from_mapping(Imported, content)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{corpus} was not made whole by this command ({error}): delete it, or name another "
            "folder with --out."
        ) from error
    if imported.index_sha256 != index_sha256:
        raise DataError(
            f"{corpus} was made of other data, index files or size: name another folder with --out."
        )
    return imported


def _digest(rows: Sequence[IndexRow], each: int) -> str:
    lines = [
        f"{row.split},{row.instrument},{row.audio.name},{row.frames.name},{row.frame_count}"
        for row in rows
    ]
    return hashlib.sha256("\n".join([*sorted(lines), str(each)]).encode()).hexdigest()
