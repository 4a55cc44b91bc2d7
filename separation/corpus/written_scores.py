"""Excerpts from written scores, whose voices are given to the instruments that they fit."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from capture.errors import DataError, FileFormatError
from capture.simulate.score import POLYPHONIC, RANGES, Note, Part
from separation.corpus.phrases import Piece
from separation.corpus.score_files import ScoreFile, WrittenNote, read_voices

_OCTAVES = (0, -12, 12, -24)
_FEWEST_NOTES = 4
_TRIES = 5


@dataclass(slots=True)
class _Score:
    """A score that waits for its turn; `failures` count until it has given an excerpt."""

    file: ScoreFile
    voices: list[list[WrittenNote]] | None = None
    failures: int = 0
    dealt: bool = False


class WrittenScores:
    """Deals out excerpts of scores, of one after another, in an order drawn by the seed.

    Attributes:
        files: The scores.
        skipped: Those that were left out, and why.
    """

    def __init__(
        self,
        files: Sequence[ScoreFile],
        instruments: Sequence[str],
        *,
        piece_s: float,
        seed: int = 0,
    ) -> None:
        self.files = tuple(files)
        self.skipped: list[str] = []
        self._rng = np.random.default_rng(seed)
        self._turns = deque(_Score(files[i]) for i in self._rng.permutation(len(files)))
        self._instruments = tuple(instruments)
        self._piece_s = piece_s
        self._dealt = 0

    def deal(self) -> tuple[str, Piece]:
        """Return the name of the next score, and an excerpt of it with a name of its own.

        Raises:
            DataError: No score has two voices that the instruments can play.
            DependencyError: music21 is not installed.
        """
        while self._turns:
            score = self._turns.popleft()
            try:
                parts = self._excerpt(score)
            except (DataError, FileFormatError) as error:
                self.skipped.append(str(error))
                continue
            if parts:
                score.dealt = True
                self._turns.append(score)
                self._dealt += 1
                name = f"{score.file.name}-{self._dealt}"
                return score.file.name, Piece(name=name, duration_s=self._piece_s, parts=parts)
            score.failures += 1
            if score.dealt or score.failures < _TRIES:
                self._turns.append(score)
            else:
                players = ", ".join(self._instruments)
                self.skipped.append(f"{score.file.path}: no two voices that {players} can play.")
        raise DataError(
            f"none of the {len(self.files)} scores can be used: {self.skipped[0]} Give others."
        )

    def _excerpt(self, score: _Score) -> tuple[Part, ...]:
        if score.voices is None:
            score.voices = read_voices(score.file.path)
            if sum(len(voice) >= _FEWEST_NOTES for voice in score.voices) < 2:
                raise DataError(f"{score.file.path}: fewer than two voices play.")
        return excerpt(score.voices, self._piece_s, self._rng, self._instruments)


def excerpt(
    voices: Sequence[Sequence[WrittenNote]],
    duration_s: float,
    rng: np.random.Generator,
    instruments: Sequence[str],
) -> tuple[Part, ...]:
    """Cut an excerpt from a score and give each voice to an instrument whose range it fits.

    Args:
        voices: As they are written.
        duration_s: Length of the excerpt.
        rng: Chooses tempo, place and players, and how loud and how exactly they play.
        instruments: Who may play.

    Returns:
        The parts; none where fewer than two voices sound or fit.
    """
    quarter_s = 60.0 / rng.uniform(60, 130)
    length_s = quarter_s * max((n.start + n.length for v in voices for n in v), default=0.0)
    start_s = rng.uniform(0.0, max(length_s - duration_s, 0.0))
    free = [str(name) for name in rng.permutation(instruments)]
    parts: list[Part] = []
    for voice in voices:
        notes = _performed(voice, quarter_s, start_s, duration_s, rng)
        part = _fitting(notes, free)
        if part is not None:
            free.remove(part.instrument)
            parts.append(part)
    return tuple(parts) if len(parts) > 1 else ()


def _performed(
    voice: Sequence[WrittenNote],
    quarter_s: float,
    start_s: float,
    duration_s: float,
    rng: np.random.Generator,
) -> list[Note]:
    """Return the notes that lie in an excerpt, as somebody plays them, in order."""
    loudness = rng.uniform(0.6, 1.35)
    notes: list[Note] = []
    for note in voice:
        begin_s = note.start * quarter_s - start_s
        held_s = 0.95 * note.length * quarter_s
        if held_s < 0.04 or begin_s < 0 or begin_s + held_s > duration_s:
            continue
        begin_s = max(0.0, begin_s + rng.normal(0.0, 0.006))
        velocity = float(np.clip(note.velocity * loudness + rng.normal(0.0, 0.05), 0.15, 1.0))
        held_s = min(held_s, duration_s - begin_s)
        notes.append(Note(start_s=begin_s, duration_s=held_s, pitch=note.pitch, velocity=velocity))
    return sorted(notes, key=lambda note: (note.start_s, note.pitch))


def _fitting(notes: Sequence[Note], free: Sequence[str]) -> Part | None:
    """Return the part of a free instrument that can play the notes, in some octave."""
    line = _single_line(notes)
    if len(line) < _FEWEST_NOTES:
        return None
    for octave in _OCTAVES:
        for instrument in free:
            own = notes if instrument in POLYPHONIC else line
            pitches = [note.pitch + octave for note in own]
            lowest, highest = RANGES[instrument]
            if lowest <= min(pitches) and max(pitches) <= highest:
                moved = tuple(replace(note, pitch=note.pitch + octave) for note in own)
                return Part(instrument=instrument, notes=moved)
    return None


def _single_line(notes: Sequence[Note]) -> list[Note]:
    """Return what one player can play of chords: the highest of notes that start together.

    A note ends where the next one starts.
    """
    line: list[Note] = []
    for note in notes:
        if line and note.start_s - line[-1].start_s < 0.04:
            if note.pitch > line[-1].pitch:
                line[-1] = note
            continue
        if line and line[-1].stop_s > note.start_s:
            line[-1] = replace(line[-1], duration_s=note.start_s - line[-1].start_s)
        line.append(note)
    return line
