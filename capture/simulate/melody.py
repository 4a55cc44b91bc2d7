"""Melodies of simulated scores: motifs of a bar, varied and put on the scale.

Lines are strokes: a start and a length in beats from the start of the piece, a pitch (MIDI
number) and an accent (added to the velocity). Chords are asked for by beat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from capture.simulate.harmony import Chord, nearest

ChordAt = Callable[[float], Chord]

EPSILON_BEATS = 1e-6


@dataclass(frozen=True, slots=True)
class Stroke:
    """One attack: start and length in beats, MIDI pitch, accent (velocity offset)."""

    beat: float
    length: float
    pitch: int
    accent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of music: where the lines below are written.

    Attributes:
        start: First beat.
        bars: Number of bars.
        beats: Beats of a bar.
        division: 2 (simple meter) or 3 (compound meter) parts of a beat.
        chord_at: The chord that sounds at a beat.
        chord_beats: Beats that each chord lasts.
    """

    start: float
    bars: int
    beats: int
    division: int
    chord_at: ChordAt
    chord_beats: float

    @property
    def length(self) -> float:
        """Length in beats."""
        return float(self.bars * self.beats)

    def chord_starts(self) -> list[float]:
        """Return the beats at which a chord begins."""
        return [float(b) for b in np.arange(self.start, self.start + self.length, self.chord_beats)]


@dataclass(frozen=True, slots=True)
class Motif:
    """A rhythm of one bar and a contour: offsets, lengths (beats) and scale steps."""

    offsets: tuple[float, ...]
    lengths: tuple[float, ...]
    steps: tuple[int, ...]


# Rhythm cells: lengths in beats (negative: a rest) and how lively they are.
_CELLS = {
    2: (
        ((1.0,), 0.0),
        ((2.0,), -1.0),
        ((1.5, 0.5), 0.0),
        ((0.5, 0.5), 1.0),
        ((0.75, 0.25), 1.0),
        ((0.5, 1.0, 0.5), 1.0),
        ((-0.5, 0.5), 1.0),
        ((0.5, 0.25, 0.25), 2.0),
        ((0.25, 0.25, 0.5), 2.0),
        ((0.25, 0.25, 0.25, 0.25), 2.5),
    ),
    3: (
        ((1.0,), 0.0),
        ((2.0,), -1.0),
        ((2 / 3, 1 / 3), 1.0),
        ((1 / 3, 2 / 3), 1.0),
        ((1 / 3, 1 / 3, 1 / 3), 2.0),
        ((-1 / 3, 1 / 3, 1 / 3), 1.5),
    ),
}


def draw_motif(rng: np.random.Generator, beats: int, division: int, liveliness: float) -> Motif:
    """Draw a motif of one bar.

    Args:
        rng: Random generator.
        beats: Beats of the bar.
        division: Parts of a beat, 2 or 3.
        liveliness: 0 (long notes) to 2 (running notes).
    """
    offsets: list[float] = []
    lengths: list[float] = []
    at = 0.0
    while at < beats - EPSILON_BEATS:
        fitting = [c for c in _CELLS[division] if sum(map(abs, c[0])) <= beats - at + EPSILON_BEATS]
        weights = np.array([np.exp(-0.7 * (cell[1] - liveliness) ** 2) for cell in fitting])
        cell = fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))][0]
        for length in cell:
            if length > 0:
                offsets.append(at)
                lengths.append(length)
            at += abs(length)
    return Motif(tuple(offsets), tuple(lengths), _draw_contour(rng, len(offsets)))


def _draw_contour(rng: np.random.Generator, count: int) -> tuple[int, ...]:
    """Draw scale steps from note to note: mostly by step, leaps are answered by a turn."""
    steps = [0]
    direction = int(rng.choice([-1, 1]))
    for _ in range(count - 1):
        leap = abs(steps[-1]) > 2
        if leap or rng.random() < 0.25:
            direction = -direction
        size = (
            1
            if leap
            else int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.1, 0.55, 0.17, 0.08, 0.06, 0.04]))
        )
        steps.append(direction * size)
    return tuple(steps)


def vary_motif(rng: np.random.Generator, motif: Motif) -> Motif:
    """Return the motif as it is, inverted, reversed, or with another ending."""
    choice = rng.random()
    if choice < 0.45:
        return motif
    if choice < 0.65:
        return Motif(motif.offsets, motif.lengths, tuple(-step for step in motif.steps))
    if choice < 0.8:
        return Motif(motif.offsets, motif.lengths, (0, *motif.steps[:0:-1]))
    half = len(motif.steps) // 2
    ending = _draw_contour(rng, len(motif.steps) - half + 1)[1:]
    return Motif(motif.offsets, motif.lengths, (*motif.steps[:half], *ending))


def melody(
    rng: np.random.Generator,
    span: Span,
    motifs: Sequence[Motif],
    low: int,
    high: int,
    previous: float,
) -> list[Stroke]:
    """Write a melody: motifs on the scale, chord tones on strong beats, a long last note.

    Args:
        rng: Random generator.
        span: Where.
        motifs: At least one; the first is the head of the phrase.
        low: Lowest pitch.
        high: Highest pitch.
        previous: The pitch that the line comes from.
    """
    strokes: list[Stroke] = []
    pitch = previous
    for bar in range(span.bars):
        start = span.start + bar * span.beats
        if bar == span.bars - 1 and span.bars > 1:
            pitch = nearest(span.chord_at(start).tones(low, high), pitch)
            breath = 0.5 if span.beats > 2 else 0.25
            strokes.append(Stroke(start, span.beats - breath, pitch, 0.03))
            break
        motif = motifs[0] if bar == 0 else motifs[int(rng.integers(len(motifs)))]
        motif = vary_motif(rng, motif) if bar else motif
        for offset, length, step in zip(motif.offsets, motif.lengths, motif.steps, strict=True):
            chord = span.chord_at(start + offset)
            strong = offset % 1 < EPSILON_BEATS and (offset < EPSILON_BEATS or length >= 1)
            pitch = walk(chord.ladder(low, high), pitch, step)
            if strong:
                pitch = nearest(chord.tones(low, high), pitch)
            accent = 0.06 if offset < EPSILON_BEATS else (0.02 if strong else 0.0)
            strokes.append(Stroke(start + offset, length, pitch, accent))
    return strokes


def walk(ladder: list[int], pitch: float, step: int) -> int:
    """Go `step` rungs up the ladder from the rung nearest to `pitch`; turn back at its ends."""
    at = ladder.index(nearest(ladder, pitch)) + step
    if at < 0:
        at = -at
    if at >= len(ladder):
        at = 2 * (len(ladder) - 1) - at
    return ladder[min(max(at, 0), len(ladder) - 1)]
