"""The corpus on disk: shards of mono 16-bit sound that memory-map, and an index beside each.

    corpus/shards/violin-fluidr3-000.npy    int16, one dimension, 11025 samples a second
    corpus/shards/violin-fluidr3-000.json   what lies where in it

A stem of the index is one part of one piece. Stems of one piece start together, whichever shard
they lie in, so two of them give an ensemble that plays in time. The split goes by piece.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from capture.errors import DataError, FileFormatError
from capture.files.atomic import atomic_path

if TYPE_CHECKING:
    from jaxtyping import Float32, Int16

_LOG = logging.getLogger(__name__)
SAMPLE_RATE_HZ = 11025
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """One part of one piece, as one sound family plays it.

    Attributes:
        instrument: Canonical name.
        family: Where the sounds come from; families share no sample.
        split: "train", "validation" or "test".
        piece: Stems with one piece's name sound together.
        shard: Name of the shard file without its suffix.
        start: First sample in the shard.
        length: Number of samples.
    """

    instrument: str
    family: str
    split: str
    piece: str
    shard: str
    start: int
    length: int


@dataclass(slots=True)
class Corpus:
    """A corpus that is read window by window; sounds stay on disk until they are asked for.

    Attributes:
        folder: Where it lies.
        stems: All stems, sorted by shard and start.
        skipped: Shards that were left out, and why.
    """

    folder: Path
    stems: tuple[Stem, ...]
    skipped: tuple[str, ...] = ()
    _maps: dict[str, Int16[np.ndarray, " samples"]] = field(default_factory=dict)

    def read(self, stem: Stem, start: int, length: int) -> Float32[np.ndarray, " length"]:
        """Return samples of a stem, zeros where it has none; full scale is 1."""
        if stem.shard not in self._maps:
            path = self.folder / "shards" / f"{stem.shard}.npy"
            self._maps[stem.shard] = np.load(path, mmap_mode="r")
        sound = np.zeros(length, np.float32)
        low, high = max(start, 0), min(start + length, stem.length)
        if high > low:
            data = self._maps[stem.shard][stem.start + low : stem.start + high]
            sound[low - start : high - start] = data.astype(np.float32) / 32768.0
        return sound

    def select(
        self, split: str, *, families: Iterable[str] | None = None, without: Iterable[str] = ()
    ) -> tuple[Stem, ...]:
        """Return the stems of a split, of some families only, or of all but some."""
        wanted, unwanted = None if families is None else set(families), set(without)
        return tuple(
            s
            for s in self.stems
            if s.split == split
            and (wanted is None or s.family in wanted)
            and s.family not in unwanted
        )


def write_shard(
    folder: str | os.PathLike[str],
    name: str,
    sounds: Sequence[tuple[Stem, Float32[np.ndarray, " samples"]]],
) -> None:
    """Write a shard and its index; `start`, `length` and `shard` of the stems are set here.

    Sounds are peak-limited to full scale, not normalized: loudness is part of the playing.
    """
    base = Path(folder) / "shards"
    pieces, index, start = [], [], 0
    for stem, sound in sounds:
        whole = np.round(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)
        entry = asdict(stem) | {"shard": name, "start": start, "length": len(whole)}
        index.append(entry)
        pieces.append(whole)
        start += len(whole)
    with atomic_path(base / f"{name}.npy") as temporary:
        np.save(temporary, np.concatenate(pieces) if pieces else np.zeros(0, np.int16))
    with atomic_path(base / f"{name}.json") as temporary:
        content = {"sample_rate_hz": SAMPLE_RATE_HZ, "stems": index}
        temporary.write_text(json.dumps(content, indent=0), encoding="utf-8")


def open_corpus(folder: str | os.PathLike[str]) -> Corpus:
    """Open a corpus with all shards that are there now.

    Shards whose sound or index is missing, broken or cut short are left out, which is logged and
    counted in `Corpus.skipped`.

    Raises:
        DataError: The folder holds no shard, or none that is whole.
    """
    base = Path(folder)
    stems: list[Stem] = []
    skipped: list[str] = []
    paths = sorted((base / "shards").glob("*.json"))
    for path in paths:
        try:
            stems += _whole_stems(path)
        except FileFormatError as error:
            skipped.append(str(error))
    if skipped:
        left_out = f"{len(skipped)} of {len(paths)} shards of {base} are left out: {skipped[0]}"
        if not stems:
            raise DataError(f"{left_out}. Delete them and build the corpus again.")
        _LOG.warning("%s. Delete them and build the corpus again to have all", left_out)
    if not stems:
        raise DataError(f"{base} holds no corpus: build one with `auralize corpus build {base}`.")
    return Corpus(folder=base, stems=tuple(stems), skipped=tuple(skipped))


def _whole_stems(index: Path) -> list[Stem]:
    """Return the stems of a shard.

    Raises:
        FileFormatError: Its index or its sound is not whole.
    """
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        if content["sample_rate_hz"] != SAMPLE_RATE_HZ:
            raise ValueError(f"rate {content['sample_rate_hz']}, not {SAMPLE_RATE_HZ}")
        stems = [Stem(**entry) for entry in content["stems"]]
        needed = max((stem.start + stem.length for stem in stems), default=0)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{index.name} is no whole index ({error})") from error
    sound = index.with_suffix(".npy")
    try:
        held = len(np.load(sound, mmap_mode="r"))
    except (OSError, ValueError, EOFError) as error:
        raise FileFormatError(f"{sound.name} cannot be read ({error})") from error
    if held < needed:
        raise FileFormatError(f"{sound.name} is cut short ({held} of {needed} samples)")
    return stems
