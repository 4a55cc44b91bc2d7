"""The pieces of a corpus: one list, from which come its sounds and its players' movements."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import numpy as np

from capture.simulate.score import compose
from separation.corpus.config import CorpusConfig
from separation.corpus.phrases import Piece, compose_piece
from separation.corpus.written_scores import WrittenScores

_VALIDATION_SHARE = 0.1
_TEST_SHARE = 0.1
_COMPOSED_SHARE = 0.5
"""Share of what is not written from the simulator's composer; the rest are phrases by rule."""
_GOLDEN_RATIO = (5**0.5 - 1) / 2


def split_of(score: str) -> str:
    """Return the split of a score; it depends on its name alone, so all its excerpts share one.

    Names that end in a number are spread by the golden ratio: of 13 in a row no two lie farther
    apart than 0.09 of the unit interval (three-distance theorem), where a hash would leave holes.
    """
    number = re.fullmatch(r"piece-(\d+)", score)
    if number is None:
        position = (stable_hash(score) % 10_000) / 10_000
    else:
        position = int(number[1]) * _GOLDEN_RATIO % 1.0
    if position < _TEST_SHARE:
        return "test"
    return "validation" if position < _TEST_SHARE + _VALIDATION_SHARE else "train"


def stable_hash(text: str) -> int:
    """Return a number of 64 bits that is the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def corpus_pieces(
    config: CorpusConfig,
    scores: WrittenScores | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[tuple[str, Piece]]:
    """Return the split and the notes of every piece, batch after batch.

    Args:
        config: How many, how long, and who plays.
        scores: Written ones, if the configuration asks for them.
        progress: Called with the fraction done.

    Raises:
        DataError: No score can be read, or none has two voices that the instruments can play.
    """
    by_rule = config.pieces_of_a_batch - config.written_of_a_batch
    pieces: list[tuple[str, Piece]] = []
    for batch in range(config.batches):
        for index in range(by_rule):
            seed = config.first_seed + batch * by_rule + index
            piece = _compose(config, seed, composed=index < _COMPOSED_SHARE * by_rule)
            pieces.append((split_of(piece.name), piece))
        for _ in range(config.written_of_a_batch):
            assert scores is not None
            score, piece = scores.deal()
            pieces.append((split_of(score), piece))
        if progress is not None:
            progress((batch + 1) / config.batches)
    return pieces


def _compose(config: CorpusConfig, seed: int, *, composed: bool) -> Piece:
    """Return a piece by the simulator's composer, or phrases by rule."""
    rng = np.random.default_rng(seed)
    name = f"piece-{seed}"
    if not composed:
        return compose_piece(name, rng, among=config.instruments, duration_s=config.piece_s)
    count = int(rng.choice([2, 3, 4, 6], p=[0.1, 0.15, 0.4, 0.35]))
    players = [str(i) for i in rng.permutation(config.instruments)[:count]]
    parts = tuple(compose(players, config.piece_s, seed))
    return Piece(name=name, duration_s=config.piece_s, parts=parts)
