"""What a corpus was made from: `sources.csv`, the SHA-256 of every file that was played or read.

A model card names them, so that anybody can tell what a network has heard.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from capture.errors import DataError
from capture.files.atomic import atomic_path

SOURCES_NAME = "sources.csv"
SCORES = "scores"
"""Stands for a family's name where files are written scores."""

_COLUMNS = ("family", "file", "sha256")
Row = tuple[str, str, str]


def source_rows(files: Mapping[str, Iterable[Path]]) -> list[Row]:
    """Return family, file and SHA-256 of the files of each family.

    Files are named by their folder and name.

    Raises:
        DataError: A file is missing.
    """
    return sorted(
        (family, f"{file.parent.name}/{file.name}", _sha256(file))
        for family, own in files.items()
        for file in own
    )


def keep_sources(folder: str | os.PathLike[str], rows: Iterable[Row]) -> None:
    """Add families to the list of a corpus, or see that those that are in it are the same.

    Args:
        folder: Of the corpus; made if missing.
        rows: From `source_rows`; new families may be added.

    Raises:
        DataError: A family of the corpus, or its scores, were made from other files.
    """
    path = Path(folder) / SOURCES_NAME
    held, given = _by_family(read_sources(folder)), _by_family(rows)
    for family in sorted({*held} & {*given}):
        if held[family] != given[family]:
            what = "scores" if family == SCORES else f"sounds of {family}"
            raise DataError(
                f"{folder} was built with other {what} than those given now: give the same, or "
                "build in another folder."
            )
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(sorted(row for own in (held | given).values() for row in own))


def read_sources(folder: str | os.PathLike[str]) -> list[Row]:
    """Return family, file and SHA-256 of each line of a corpus' list; none where there is none."""
    path = Path(folder) / SOURCES_NAME
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return [(row["family"], row["file"], row["sha256"]) for row in csv.DictReader(lines)]


def _by_family(rows: Iterable[Row]) -> dict[str, list[Row]]:
    families: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows):
        families[row[0]].append(row)
    return dict(families)


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error}).") from error
