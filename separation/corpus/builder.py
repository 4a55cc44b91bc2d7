"""Build the corpus: write pieces, play every part with every sound family, write shards.

The work goes in batches of pieces, so that training can start on the first; a build that was
stopped goes on where it was. What comes out depends on the configuration and the sources alone,
which are kept with it (`corpus.json`, `sources.csv`).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from capture.errors import DataError
from capture.instruments import INSTRUMENTS
from separation.corpus.clouds import build_cloud_bank
from separation.corpus.config import CorpusConfig, keep_config
from separation.corpus.families import SimulatorFamily, Sound, SoundFamily
from separation.corpus.moves import build_move_bank
from separation.corpus.phrases import Piece
from separation.corpus.pieces import corpus_pieces, stable_hash
from separation.corpus.score_files import find_scores
from separation.corpus.shards import SPLITS, Stem, write_shard
from separation.corpus.sources import SCORES, keep_sources, source_rows
from separation.corpus.written_scores import WrittenScores

_TARGET_RMS = 0.06
_IMAGES = 5
"""Clouds of each performer in the bank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSummary:
    """What a corpus was built from.

    Attributes:
        pieces: How many pieces it has.
        families: Names of the sound families that play them.
        skipped: Scores that were left out, and why.
    """

    pieces: int
    families: tuple[str, ...]
    skipped: tuple[str, ...]


def build(
    folder: str | os.PathLike[str],
    *,
    families: Sequence[SoundFamily] = (),
    scores: Iterable[str | os.PathLike[str]] = (),
    instruments: Sequence[str] = INSTRUMENTS,
    minutes: float = 20.0,
    clouds: int = 300,
    moves: bool = True,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> BuildSummary:
    """Build everything that training needs: sounds, clouds of performers, and their movements.

    Args:
        folder: Where; made if missing. What is there of the same build stays; families and
            movements may be added to it.
        families: Who plays besides the simulator's players, see
            `separation.corpus.families.sound_families`.
        scores: Folders of MIDI and MusicXML files, or "music21" for its corpus. Half of the pieces
            are excerpts of them; the others, or all without them, are composed.
        instruments: Who plays: two or more of `capture.instruments.PLAYED_INSTRUMENTS`.
        minutes: Minutes of each instrument from each family, about.
        clouds: Performers of each instrument for training, each seen five times; a fifth of them
            for testing.
        moves: Also keep how players move, for networks that watch them.
        seed: Of pieces and players; another seed gives another corpus.
        progress: Called with the fraction done.

    Raises:
        DataError: A source is missing or broken, two families have one name, or the folder holds a
            corpus that was built from something else.
        DependencyError: A program or package is not installed that a source needs.
        ValueError: An instrument is unknown or there are fewer than two.
    """
    report = progress or (lambda share: None)
    files = [file for source in scores for file in find_scores(source)]
    config = CorpusConfig(
        minutes=minutes,
        instruments=tuple(instruments),
        scores=bool(files),
        clouds=clouds,
        seed=seed,
    )
    playing = [SimulatorFamily(), *families]
    _check_names([family.name for family in playing])
    read = {family.name: family.files for family in playing}
    if files:
        read[SCORES] = tuple(file.path for file in files)
    rows = source_rows(read)
    keep_config(folder, config)
    keep_sources(folder, rows)

    written = None
    if files:
        written = WrittenScores(files, config.instruments, piece_s=config.piece_s, seed=seed)
    pieces = corpus_pieces(config, written, progress=lambda share: report(0.1 * share))
    build_shards(folder, config, pieces, playing, progress=lambda share: report(0.1 + 0.6 * share))
    build_cloud_bank(
        Path(folder) / "clouds",
        instruments,
        {"train": clouds, "validation": math.ceil(clouds / 10), "test": math.ceil(clouds / 5)},
        images=_IMAGES,
        seed=seed,
        progress=lambda share: report(0.7 + (0.2 if moves else 0.3) * share),
    )
    if moves:
        build_move_bank(
            Path(folder) / "moves",
            pieces,
            instruments,
            seed=seed,
            progress=lambda share: report(0.9 + 0.1 * share),
        )
    return BuildSummary(
        pieces=len(pieces),
        families=tuple(family.name for family in playing),
        skipped=() if written is None else tuple(written.skipped),
    )


def build_shards(
    folder: str | os.PathLike[str],
    config: CorpusConfig,
    pieces: Sequence[tuple[str, Piece]],
    families: Sequence[SoundFamily],
    *,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Play pieces with sound families and write the shards, or what is missing of them.

    Args:
        folder: Where; made if missing.
        config: Of the corpus.
        pieces: From `corpus_pieces`.
        families: The sounds.
        progress: Called with the fraction done.

    Raises:
        DataError: A sound source is missing or broken.
        DependencyError: A synthesizer is not installed.
    """
    size = config.pieces_of_a_batch
    jobs = [
        (batch, family, instrument)
        for batch in range(config.batches)
        for family in families
        for instrument in family.instruments
        if instrument in config.instruments
    ]
    for done, (batch, family, instrument) in enumerate(jobs):
        name = f"{instrument}-{family.name}-{batch:03d}"
        if not (Path(folder) / "shards" / f"{name}.json").exists():
            own = pieces[batch * size : (batch + 1) * size]
            rng = np.random.default_rng(stable_hash(f"{config.first_seed} {name}"))
            write_shard(folder, name, _play(own, family, instrument, rng))
        if progress is not None:
            progress((done + 1) / len(jobs))


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or name == SCORES:
            raise DataError(
                f"sounds cannot be named {name!r}: use letters a-z, digits and hyphens, and not "
                f"{SCORES!r}."
            )
        if names.count(name) > 1:
            raise DataError(f"two sources of sound are named {name!r}: rename one of them.")


def _play(
    pieces: Sequence[tuple[str, Piece]],
    family: SoundFamily,
    instrument: str,
    rng: np.random.Generator,
) -> list[tuple[Stem, Sound]]:
    sounds: list[tuple[Stem, Sound]] = []
    for split in SPLITS:
        chosen = [
            (piece, part)
            for own, piece in pieces
            for part in piece.parts
            if own == split and part.instrument == instrument and part.notes
        ]
        if not chosen:
            continue
        played = family.render(
            instrument, [(part.notes, piece.duration_s) for piece, part in chosen], rng, split=split
        )
        for (piece, _), sound in zip(chosen, played, strict=True):
            if np.abs(sound).max() < 1e-4:
                continue
            stem = Stem(
                instrument=instrument,
                family=family.name,
                split=split,
                piece=piece.name,
                shard="",
                start=0,
                length=0,
            )
            sounds.append((stem, _level(sound)))
    return sounds


def _level(sound: Sound) -> Sound:
    """Bring the sounding part of a stem to one RMS, and its peak below full scale."""
    loud = sound[np.abs(sound) > 0.02 * np.abs(sound).max()]
    gain = _TARGET_RMS / float(np.sqrt(np.mean(np.square(loud, dtype=np.float64))))
    return (sound * min(gain, 0.95 / float(np.abs(sound).max()))).astype(np.float32)
