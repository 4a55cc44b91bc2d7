"""Excerpts from music21's corpus of written scores, given to the instruments that they fit.

Some of its encodings are free for non-commercial use only: build a corpus from them for yourself,
and pass on neither scores nor renderings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from capture.instruments import INSTRUMENTS
from capture.optional import optional
from capture.simulate.score import RANGES, Note, Part
from separation.corpus.phrases import Piece

_OCTAVES = (0, -12, 12, -24)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenScores:
    """Gives a batch of pieces for `build_shards`.

    Attributes:
        pieces: Pieces in a batch.
        piece_s: Length of a piece in seconds.
        seed: With the number of the batch, chooses scores, excerpts, tempos and players.
        composers: Whose scores, as music21 names them.
        instruments: Who may play.
    """

    pieces: int = 20
    piece_s: float = 24.0
    seed: int = 0
    composers: tuple[str, ...] = ("bach", "haydn", "mozart", "beethoven")
    instruments: tuple[str, ...] = INSTRUMENTS

    def __call__(self, batch: int) -> list[Piece]:
        """Return the pieces of a batch.

        Raises:
            DependencyError: music21 is not installed.
        """
        corpus = optional("music21.corpus", extra="corpus", purpose="Written scores")
        paths = sorted(str(path) for name in self.composers for path in corpus.getComposer(name))
        rng = np.random.default_rng([self.seed, batch])
        chosen: list[Piece] = []
        for path in rng.permutation(paths):
            if len(chosen) == self.pieces:
                break
            score: Any = corpus.parse(path)
            piece = excerpt(str(path), score.parts, self.piece_s, rng, self.instruments)
            if piece is not None:
                chosen.append(piece)
        return chosen


def excerpt(
    path: str,
    voices: Iterable[Any],
    duration_s: float,
    rng: np.random.Generator,
    instruments: Sequence[str] = INSTRUMENTS,
) -> Piece | None:
    """Cut an excerpt from a score and give each voice to an instrument whose range it fits.

    Args:
        path: Of the score; the piece is named after it, so all its excerpts share a split.
        voices: music21 parts.
        duration_s: Length of the excerpt.
        rng: Chooses tempo, place and players.
        instruments: Who may play.

    Returns:
        The piece, or None where fewer than two voices sound or fit.
    """
    beat_s = 60.0 / rng.uniform(60, 130)
    played = [_notes(voice, beat_s) for voice in voices]
    length_s = max((note.stop_s for notes in played for note in notes), default=0.0)
    start_s = rng.uniform(0.0, max(length_s - duration_s, 0.0))
    parts: list[Part] = []
    free = [str(name) for name in rng.permutation(instruments)]
    for notes in played:
        cut = _between(notes, start_s, duration_s)
        fit = _fitting(cut, free)
        if fit is not None:
            instrument, octave = fit
            free.remove(instrument)
            parts.append(Part(instrument=instrument, notes=_moved(cut, octave)))
    if len(parts) < 2:
        return None
    stem = Path(path)
    return Piece(name=f"{stem.parent.name}-{stem.stem}", duration_s=duration_s, parts=tuple(parts))


def _notes(voice: Any, beat_s: float) -> list[Note]:
    """Return a music21 part's notes in seconds; tied notes are one."""
    notes: list[Note] = []
    for element in voice.stripTies().flatten().notes:
        length_s = float(element.quarterLength) * beat_s
        if length_s < 0.04:
            continue
        notes += [
            Note(
                start_s=float(element.offset) * beat_s,
                duration_s=0.95 * length_s,
                pitch=int(pitch.midi),
                velocity=0.65,
            )
            for pitch in element.pitches
        ]
    return notes


def _between(notes: Sequence[Note], start_s: float, duration_s: float) -> list[Note]:
    """Return the notes that lie in an excerpt, counted from its start."""
    return [
        Note(
            start_s=note.start_s - start_s,
            duration_s=note.duration_s,
            pitch=note.pitch,
            velocity=note.velocity,
        )
        for note in notes
        if note.start_s >= start_s and note.stop_s <= start_s + duration_s
    ]


def _fitting(notes: Sequence[Note], free: Sequence[str]) -> tuple[str, int] | None:
    """Return a free instrument and the octave shift in which it can play all the notes."""
    if len(notes) < 4:
        return None
    low, high = min(n.pitch for n in notes), max(n.pitch for n in notes)
    for octave in _OCTAVES:
        for instrument in free:
            lowest, highest = RANGES[instrument]
            if lowest <= low + octave and high + octave <= highest:
                return instrument, octave
    return None


def _moved(notes: Sequence[Note], semitones: int) -> tuple[Note, ...]:
    return tuple(
        Note(
            start_s=note.start_s,
            duration_s=note.duration_s,
            pitch=note.pitch + semitones,
            velocity=note.velocity,
        )
        for note in sorted(notes, key=lambda n: n.start_s)
    )
