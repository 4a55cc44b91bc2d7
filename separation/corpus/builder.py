"""Build the corpus: compose pieces, play every part with every sound family, write shards.

The work goes in batches of pieces, so that training can start on the first; a build that was
stopped goes on where it was. What comes out depends on the configuration alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from capture.instruments import INSTRUMENTS, PLAYED_INSTRUMENTS
from capture.simulate.score import Part, compose
from separation.corpus.clouds import build_cloud_bank
from separation.corpus.families import SimulatorFamily, Sound, SoundFamily, SoundfontFamily
from separation.corpus.moves import build_move_bank
from separation.corpus.phrases import Piece, compose_piece
from separation.corpus.shards import Stem, write_shard
from separation.corpus.sources import write_sources

FIRST_SEED = 1_000_000
"""Scores of the corpus use seeds from here on; the simulator's takes use smaller ones."""

_TARGET_RMS = 0.06
_IMAGES = 5
"""Clouds of each performer in the bank."""
_GOLDEN_RATIO = (5**0.5 - 1) / 2
_FEWEST_PIECES = 13
"""Of so many pieces in a row each split of a tenth gets at least one, see `split_of`."""
_SHARE_OF_PIECES = 0.65
"""Share of the pieces in which each of six instruments plays; of more, each plays in fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusConfig:
    """What to build.

    Attributes:
        batches: Number of batches.
        pieces: Pieces in a batch.
        piece_s: Length of a piece in seconds.
        seed: First seed; batches and pieces count on from it.
        composed_share: Share of pieces from the simulator's composer; the rest are written by
            `separation.corpus.phrases`.
        validation_share: Share of pieces kept for validation.
        test_share: Share of pieces kept for testing.
        instruments: Who plays in the pieces.
    """

    batches: int = 4
    pieces: int = 60
    piece_s: float = 24.0
    seed: int = FIRST_SEED
    composed_share: float = 0.5
    validation_share: float = 0.1
    test_share: float = 0.1
    instruments: tuple[str, ...] = INSTRUMENTS

    def __post_init__(self) -> None:
        if self.batches < 1 or self.pieces < 1 or self.piece_s <= 0:
            raise ValueError("batches, pieces and piece_s must be positive.")
        unknown = sorted(set(self.instruments) - set(PLAYED_INSTRUMENTS))
        if unknown or len(set(self.instruments)) < max(2, len(self.instruments)):
            raise ValueError(
                f"instruments must be two or more different ones of "
                f"{', '.join(PLAYED_INSTRUMENTS)}; got {', '.join(self.instruments) or 'none'}."
            )
        if self.seed < FIRST_SEED:
            raise ValueError(
                f"seed must be at least {FIRST_SEED}, got {self.seed}: the simulator's takes use "
                "smaller ones, and training must not hear their scores."
            )


def build(
    folder: str | os.PathLike[str],
    *,
    soundfonts: Sequence[str | os.PathLike[str]] = (),
    instruments: Sequence[str] = INSTRUMENTS,
    minutes: float = 20.0,
    clouds: int = 300,
    moves: bool = True,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Build everything that training needs: sounds, clouds of performers, and their movements.

    The simulator's players are always among the sounds; each soundfont adds a family, named after
    its file. Other families go through `build_shards`.

    Args:
        folder: Where; made if missing. What is there of the same build stays.
        soundfonts: General MIDI banks (SF2, SF3), which FluidSynth plays.
        instruments: Who plays: two or more of `capture.instruments.PLAYED_INSTRUMENTS`.
        minutes: Minutes of each instrument from each family, about.
        clouds: Performers of each instrument for training, each seen five times; a fifth of them
            for testing.
        moves: Also keep how players move, for networks that watch them.
        seed: Of scores and players; another seed gives another corpus.
        progress: Called with the fraction done.

    Returns:
        The folder.

    Raises:
        DataError: A soundfont is missing or broken.
        DependencyError: Soundfonts are given and FluidSynth is not installed.
        ValueError: An instrument is unknown or there are fewer than two.
    """
    report = progress or (lambda share: None)
    families: list[SoundFamily] = [SimulatorFamily()]
    families += [
        SoundfontFamily(name=_family_name(Path(path)), path=Path(path)) for path in soundfonts
    ]
    # Short corpora are cut into short pieces, so that every split gets some.
    share = _SHARE_OF_PIECES * min(1.0, len(INSTRUMENTS) / max(1, len(instruments)))
    piece_s = float(np.clip(minutes * 60 / (_FEWEST_PIECES * share), 6.0, 24.0))
    pieces = max(_FEWEST_PIECES, math.ceil(minutes * 60 / (piece_s * share)))
    batches = math.ceil(pieces / 60)
    config = CorpusConfig(
        batches=batches,
        pieces=math.ceil(pieces / batches),
        piece_s=piece_s,
        seed=FIRST_SEED * (1 + seed),
        instruments=tuple(instruments),
    )
    build_shards(config, folder, families, progress=lambda share: report(0.7 * share))
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
            corpus_pieces(config),
            instruments,
            seed=seed,
            progress=lambda share: report(0.9 + 0.1 * share),
        )
    return Path(folder)


def build_shards(
    config: CorpusConfig,
    folder: str | os.PathLike[str],
    families: Sequence[SoundFamily],
    *,
    extra_pieces: Callable[[int], Sequence[Piece]] | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Play pieces with sound families and write the shards, or what is missing of them.

    Beside them stands which files they were made from (`separation.corpus.sources`).

    Args:
        config: What to build.
        folder: Where; made if missing.
        families: The sounds.
        extra_pieces: Gives more pieces for a batch, such as `WrittenScores`.
        progress: Called with the fraction done.

    Raises:
        DataError: A sound source is missing or broken.
        DependencyError: A synthesizer is not installed.
    """
    base = Path(folder)
    write_sources(base, families)
    jobs = [
        (batch, family, instrument)
        for batch in range(config.batches)
        for family in families
        for instrument in family.instruments
        if instrument in config.instruments
    ]
    pieces: dict[int, list[Piece]] = {}
    for done, (batch, family, instrument) in enumerate(jobs):
        name = f"{instrument}-{family.name}-{batch:03d}"
        if not (base / "shards" / f"{name}.json").exists():
            if batch not in pieces:
                pieces = {batch: _compose_batch(config, batch)}
                if extra_pieces is not None:
                    pieces[batch] += extra_pieces(batch)
            rng = np.random.default_rng(_stable_hash(f"{config.seed} {name}"))
            write_shard(base, name, _play(config, pieces[batch], family, instrument, rng))
        if progress is not None:
            progress((done + 1) / len(jobs))


def _family_name(path: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "", path.stem.lower()) or "soundfont"


def split_of(piece: str, config: CorpusConfig) -> str:
    """Return the split of a piece; it depends on its name alone.

    Names that end in a number are spread by the golden ratio: of 13 in a row no two lie farther
    apart than 0.09 of the unit interval (three-distance theorem), where a hash would leave holes.
    """
    number = re.search(r"piece-(\d+)$", piece)
    if number is None:
        position = (_stable_hash(piece) % 10_000) / 10_000
    else:
        position = int(number[1]) * _GOLDEN_RATIO % 1.0
    if position < config.test_share:
        return "test"
    return "validation" if position < config.test_share + config.validation_share else "train"


def _stable_hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def corpus_pieces(config: CorpusConfig) -> list[tuple[str, Piece]]:
    """Return the split and the notes of every piece, as `build_shards` plays them."""
    batches = range(config.batches)
    pieces = [piece for batch in batches for piece in _compose_batch(config, batch)]
    return [(split_of(piece.name, config), piece) for piece in pieces]


def _compose_batch(config: CorpusConfig, batch: int) -> list[Piece]:
    pieces = []
    for index in range(config.pieces):
        seed = config.seed + batch * config.pieces + index
        rng = np.random.default_rng(seed)
        name = f"piece-{seed}"
        if index < config.composed_share * config.pieces:
            count = int(rng.choice([2, 3, 4, 6], p=[0.1, 0.15, 0.4, 0.35]))
            players = [str(i) for i in rng.permutation(config.instruments)[:count]]
            parts: Sequence[Part] = compose(players, config.piece_s, seed)
            pieces.append(Piece(name=name, duration_s=config.piece_s, parts=tuple(parts)))
        else:
            pieces.append(
                compose_piece(name, rng, among=config.instruments, duration_s=config.piece_s)
            )
    return pieces


def _play(
    config: CorpusConfig,
    pieces: Sequence[Piece],
    family: SoundFamily,
    instrument: str,
    rng: np.random.Generator,
) -> list[tuple[Stem, Sound]]:
    sounds: list[tuple[Stem, Sound]] = []
    for split in ("train", "validation", "test"):
        chosen = [
            (piece, part)
            for piece in pieces
            for part in piece.parts
            if part.instrument == instrument
            and split_of(piece.name, config) == split
            and part.notes
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


def describe(config: CorpusConfig) -> str:
    """Return the configuration as JSON, to keep beside a checkpoint."""
    return json.dumps({name: getattr(config, name) for name in config.__dataclass_fields__})
