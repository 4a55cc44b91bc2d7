"""Recordings of single players, as files of any rate, written to the shards of a corpus."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from capture.instruments import canonical_instrument
from separation.corpus.shards import SAMPLE_RATE_HZ, Stem, write_shard

_LOG = logging.getLogger(__name__)
_LONGEST_SHARD_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPart:
    """One player's recording.

    Attributes:
        path: A sound file.
        instrument: Who plays.
        split: "train", "validation" or "test".
        piece: Parts of one piece sound together; other recordings have names of their own.
    """

    path: Path
    instrument: str
    split: str
    piece: str


@dataclass(slots=True, kw_only=True)
class Summary:
    """What came of files.

    Attributes:
        written: How many are in the corpus now.
        seconds: How long they are together.
        skipped: Files that were left out, and why.
        missing: What a list names and the folder has not.
    """

    written: int = 0
    seconds: float = 0.0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def recording_alone(path: Path, instrument: str, split: str) -> RecordedPart:
    """Return a recording that no other was played with, whatever names files of others have."""
    return RecordedPart(
        path=path, instrument=instrument, split=split, piece=f"{instrument}-{path.stem}"
    )


def instrument_name(name: str) -> str:
    """Return the name that the corpus uses: canonical where there is one."""
    key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    key = re.sub(r"[\s_-]+", "_", key).lower()
    try:
        return canonical_instrument({"doublebass": "double_bass"}.get(key, key))
    except ValueError:
        return key


def write_recordings(
    folder: str | Path,
    parts: Iterable[RecordedPart],
    family: str,
    *,
    progress: Callable[[float], None] | None = None,
) -> Summary:
    """Write recordings to a corpus, mixed down to mono and resampled to its rate.

    A file that cannot be read, is empty, silent or not finite is left out and counted; it is
    never replaced by silence.

    Args:
        folder: Of the corpus; made if missing.
        parts: What to write.
        family: Name of the sound family.
        progress: Called with the fraction done.
    """
    every = list(parts)
    by_instrument: dict[str, list[RecordedPart]] = defaultdict(list)
    for part in every:
        by_instrument[part.instrument].append(part)
    summary, done = Summary(), 0
    for instrument, own in sorted(by_instrument.items()):
        shard: list[tuple[Stem, Float32[np.ndarray, " samples"]]] = []
        number, held_s = 0, 0.0
        for part in own:
            sound = _read(part.path, summary)
            done += 1
            if progress is not None:
                progress(done / len(every))
            if sound is None:
                continue
            shard.append((_stem(part, family), sound))
            held_s += len(sound) / SAMPLE_RATE_HZ
            summary.written += 1
            summary.seconds += len(sound) / SAMPLE_RATE_HZ
            if held_s > _LONGEST_SHARD_S:
                write_shard(folder, f"{instrument}-{family}-{number:03d}", shard)
                shard, number, held_s = [], number + 1, 0.0
        if shard:
            write_shard(folder, f"{instrument}-{family}-{number:03d}", shard)
    if summary.skipped:
        _LOG.warning("%d of %d files were left out", len(summary.skipped), len(every))
    return summary


def _stem(part: RecordedPart, family: str) -> Stem:
    return Stem(
        instrument=part.instrument,
        family=family,
        split=part.split,
        piece=part.piece,
        shard="",
        start=0,
        length=0,
    )


def _read(path: Path, summary: Summary) -> Float32[np.ndarray, " samples"] | None:
    """Return a file as mono at the corpus' rate; None, and a line in the summary, if it is bad."""
    reason = ""
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        if not np.isfinite(samples).all():
            reason = "it holds samples that are not finite"
        elif not samples.any():
            reason = "it is empty or silent"
        else:
            mono = samples.mean(axis=1)
            if rate_hz != SAMPLE_RATE_HZ:
                _LOG.info("%s: resampled from %d to %d Hz", path, rate_hz, SAMPLE_RATE_HZ)
                mono = np.asarray(soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ, quality="HQ"))
            return mono.astype(np.float32)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        reason = f"it cannot be read ({error})"
    _LOG.warning("%s is left out: %s", path, reason)
    summary.skipped.append((path, reason))
    return None


def sound_files(folder: Path, endings: Sequence[str] = ("wav", "flac", "mp3", "ogg")) -> list[Path]:
    """Return the sound files of a folder, sorted by name."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower().removeprefix(".") in endings
    )
