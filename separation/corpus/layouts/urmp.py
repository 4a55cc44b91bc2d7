"""URMP: folders of pieces, in which each player was recorded alone.

    01_Jupiter_vn_vc/AuSep_1_vn_01_Jupiter.wav    the first part: a violin

Parts of a piece start together. The split goes by piece.
"""

from __future__ import annotations

import re
from pathlib import Path

from capture.errors import DataError
from separation.corpus.layouts.recordings import RecordedPart
from separation.corpus.layouts.splits import split_names

CODES = {
    "vn": "violin",
    "va": "viola",
    "vc": "cello",
    "db": "double_bass",
    "fl": "flute",
    "ob": "oboe",
    "cl": "clarinet",
    "bn": "bassoon",
    "sax": "saxophone",
    "tpt": "trumpet",
    "hn": "horn",
    "tbn": "trombone",
    "tba": "tuba",
}
"""Instruments by the abbreviations of the data set's file names."""

_PART = re.compile(r"AuSep_(?P<number>\d+)_(?P<code>[a-z]+)_(?P<piece>\d+_.+)\.wav")


def urmp_parts(folder: str | Path, *, seed: int = 0) -> list[RecordedPart]:
    """Return the parts of all pieces.

    Args:
        folder: Holds the pieces' folders.
        seed: Of the split.

    Raises:
        DataError: There is no part, or one of an instrument that is not known.
    """
    found: list[tuple[Path, str, str]] = []
    for path in sorted(Path(folder).glob("*/AuSep_*.wav")):
        match = _PART.fullmatch(path.name)
        if match is None or match["code"] not in CODES:
            raise DataError(
                f"{path}: parts are named AuSep_NUMBER_INSTRUMENT_PIECE.wav, the instrument one of "
                f"{', '.join(CODES)}."
            )
        found.append((path, CODES[match["code"]], path.parent.name))
    if not found:
        raise DataError(f"{folder} holds no piece of URMP: it needs folders with AuSep_*.wav.")
    splits = split_names([piece for _, _, piece in found], seed)
    return [
        RecordedPart(path=path, instrument=instrument, split=splits[piece], piece=f"urmp-{piece}")
        for path, instrument, piece in found
    ]
