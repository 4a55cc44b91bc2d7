"""What a corpus was made from: `sources.csv`, the SHA-256 of every sound file that a family plays.

A model card names them, so that anybody can tell what a network has heard.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from capture.errors import DataError
from capture.files.atomic import atomic_path
from separation.corpus.families import SoundFamily

SOURCES_NAME = "sources.csv"
_COLUMNS = ("family", "file", "sha256")


def write_sources(folder: str | os.PathLike[str], families: Sequence[SoundFamily]) -> Path:
    """Add families to the list of a corpus; those that are in it are written anew.

    Files are named by their folder and name. A family that synthesizes its sound has none.

    Args:
        folder: Of the corpus; made if missing.
        families: The sounds.

    Returns:
        The list.

    Raises:
        DataError: A file is missing.
    """
    path = Path(folder) / SOURCES_NAME
    named = {family.name for family in families}
    rows = [row for row in read_sources(folder) if row[0] not in named]
    rows += [
        (family.name, f"{file.parent.name}/{file.name}", _sha256(file))
        for family in families
        for file in family.files
    ]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(sorted(rows))
    return path


def read_sources(folder: str | os.PathLike[str]) -> list[tuple[str, str, str]]:
    """Return family, file and SHA-256 of each line of a corpus' list; none where there is none."""
    path = Path(folder) / SOURCES_NAME
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return [(row["family"], row["file"], row["sha256"]) for row in csv.DictReader(lines)]


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file}: cannot be read as a sound source ({error}).") from error
