"""Ensemble pieces written by rule: material for training that nobody owns.

A piece is a chord progression in one key on which every instrument plays a role: melody, scale
run, arpeggio, long tones, double stops, repeated notes. Parts of one piece sound in time and in
tune with each other, which is what makes real ensembles hard to separate: their harmonics overlap.

Times in seconds from the start of the piece; pitches are MIDI note numbers (69 = 440 Hz).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from capture.instruments import INSTRUMENTS
from capture.simulate.score import RANGES, Note, Part

SAXOPHONES: Mapping[str, tuple[int, int]] = {
    "soprano": (56, 87),
    "alto": RANGES["saxophone"],
    "tenor": (44, 75),
    "baritone": (36, 69),
}
"""Lowest and highest sounding MIDI note of each saxophone; a part keeps to one of them."""

_SAXOPHONISTS = ("alto", "alto", "tenor", "soprano", "baritone")
"""The alto most often."""

_SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "harmonic_minor": (0, 2, 3, 5, 7, 8, 11),
}
_PROGRESSION_STEPS = (0, 3, 4, 0, 5, 1, 4, 0, 3, 6, 2, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of `duration_s` seconds; its parts have different instruments.

    `name` is unique in a corpus, and the split into train, validation and test goes by it.
    """

    name: str
    duration_s: float
    parts: tuple[Part, ...]


def compose_piece(
    name: str,
    rng: np.random.Generator,
    *,
    instruments: Sequence[str] | None = None,
    among: Sequence[str] = INSTRUMENTS,
    duration_s: float = 24.0,
) -> Piece:
    """Write a piece.

    Args:
        name: Name of the piece.
        rng: Chooses everything; the same state gives the same piece.
        instruments: Who plays; 2 to 6 different ones by chance if not given.
        among: Of whom chance draws.
        duration_s: The last note ends by then.

    Raises:
        ValueError: Instruments repeat, or one is unknown.
    """
    if instruments is None:
        count = int(rng.choice([2, 3, 4, 5, 6], p=[0.1, 0.2, 0.35, 0.15, 0.2]))
        instruments = [str(i) for i in rng.permutation(among)[:count]]
    if len(set(instruments)) != len(instruments) or not set(instruments) <= set(RANGES):
        raise ValueError(f"instruments must be different and known, got {list(instruments)}.")
    song = _Song(
        beat_s=60.0 / rng.uniform(55, 150),
        tonic=int(rng.integers(12)),
        scale=_SCALES[str(rng.choice(list(_SCALES)))],
        chord_beats=int(rng.choice([2, 4])),
        chord_shift=int(rng.integers(len(_PROGRESSION_STEPS))),
    )
    parts = tuple(
        Part(instrument=i, notes=tuple(_play_part(song, i, duration_s, rng))) for i in instruments
    )
    return Piece(name=name, duration_s=duration_s, parts=parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Song:
    beat_s: float
    tonic: int
    scale: tuple[int, ...]
    chord_beats: int
    chord_shift: int

    def chord_root(self, beat: float) -> int:
        """Scale step of the chord that sounds at a beat."""
        index = int(beat // self.chord_beats) + self.chord_shift
        return _PROGRESSION_STEPS[index % len(_PROGRESSION_STEPS)]

    def pitch(self, step: int) -> int:
        """MIDI note of a scale step counted from the tonic in octave −1."""
        octave, degree = divmod(step, 7)
        return 12 * octave + self.tonic + self.scale[degree]

    def steps_between(self, low: int, high: int) -> list[int]:
        """Scale steps whose pitch lies in a range."""
        return [s for s in range(80) if low <= self.pitch(s) <= high]


# A role fills `beats` beats from `start` and returns (onset, length, scale steps) in beats.
_Role = Callable[[_Song, list[int], float, float, np.random.Generator], list[tuple]]


def _run(song: _Song, steps: list[int], start: float, beats: float, rng: np.random.Generator):
    length = float(rng.choice([0.25, 0.25, 0.5, 1 / 3]))
    position = int(rng.integers(len(steps)))
    direction = int(rng.choice([-1, 1]))
    notes = []
    for onset in np.arange(start, start + beats - 1e-6, length):
        notes.append((float(onset), length, [steps[position]]))
        if rng.random() < 0.15 or not 0 <= position + direction < len(steps):
            direction = -direction
        position = int(np.clip(position + direction, 0, len(steps) - 1))
    return notes


def _melody(song: _Song, steps: list[int], start: float, beats: float, rng: np.random.Generator):
    position = int(rng.integers(len(steps)))
    onset, notes = start, []
    while onset < start + beats - 0.2:
        length = min(float(rng.choice([0.5, 1.0, 1.5, 2.0, 0.75])), start + beats - onset)
        if rng.random() > 0.08:
            notes.append((onset, length, [steps[position]]))
        leap = int(rng.choice([-4, -3, -2, -1, -1, 0, 1, 1, 2, 3, 4]))
        position = int(np.clip(position + leap, 0, len(steps) - 1))
        onset += length
    return notes


def _chord_steps(song: _Song, steps: list[int], beat: float) -> list[int]:
    root = song.chord_root(beat)
    tones = [s for s in steps if (s - root) % 7 in (0, 2, 4)]
    return tones or steps


def _arpeggio(song: _Song, steps: list[int], start: float, beats: float, rng: np.random.Generator):
    length = float(rng.choice([0.25, 0.5, 0.5, 1 / 3]))
    centre = int(rng.integers(len(steps)))
    notes = []
    for index, onset in enumerate(np.arange(start, start + beats - 1e-6, length)):
        tones = _chord_steps(song, steps, float(onset))
        near = sorted(tones, key=lambda s: abs(s - steps[centre]))[:4]
        notes.append((float(onset), length, [sorted(near)[index % len(near)]]))
    return notes


def _long_tones(
    song: _Song, steps: list[int], start: float, beats: float, rng: np.random.Generator
):
    notes = []
    onset = start
    target = int(rng.choice(steps))
    while onset < start + beats - 1e-6:
        length = min(float(song.chord_beats), start + beats - onset)
        tones = _chord_steps(song, steps, onset)
        notes.append((onset, length, [min(tones, key=lambda s: abs(s - target))]))
        onset += length
    return notes


def _double_stops(
    song: _Song, steps: list[int], start: float, beats: float, rng: np.random.Generator
):
    notes = []
    for onset, length, (step,) in _long_tones(song, steps, start, beats, rng):
        other = step + int(rng.choice([2, 4, 5]))
        notes.append((onset, length, [step, other] if other in steps else [step]))
    return notes


def _repeated(song: _Song, steps: list[int], start: float, beats: float, rng: np.random.Generator):
    length = float(rng.choice([0.25, 0.5, 1.0]))
    return [
        (float(onset) + i * length, length * 0.9, chord)
        for onset, total, chord in _long_tones(song, steps, start, beats, rng)
        for i in range(int(total / length))
    ]


_ROLES: tuple[_Role, ...] = (_melody, _melody, _run, _arpeggio, _long_tones, _repeated)
_CHORD_INSTRUMENTS = ("violin", "viola", "cello", "guitar")


def _play_part(
    song: _Song, instrument: str, duration_s: float, rng: np.random.Generator
) -> list[Note]:
    low, high = RANGES[instrument]
    if instrument == "saxophone":
        low, high = SAXOPHONES[_SAXOPHONISTS[int(rng.integers(len(_SAXOPHONISTS)))]]
    total = duration_s / song.beat_s
    swing = rng.normal(0.0, 0.008)
    notes: list[Note] = []
    beat = 0.0
    while beat < total - 1.0:
        beats = min(float(rng.choice([4, 4, 8, 8, 12])), total - beat)
        # Players stay in one region of their range for a phrase, low regions as often as high.
        width = min(int(rng.integers(9, 22)), high - low)
        floor = low + round((high - low - width) * rng.beta(1.2, 1.5))
        steps = song.steps_between(floor, floor + width)
        role: _Role = _ROLES[int(rng.integers(len(_ROLES)))]
        if instrument in _CHORD_INSTRUMENTS and rng.random() < 0.15:
            role = _double_stops
        if rng.random() > 0.08:
            loud = rng.uniform(0.35, 0.9)
            articulation = float(rng.choice([0.5, 0.85, 0.95, 1.0], p=[0.15, 0.3, 0.3, 0.25]))
            for onset, length, chord in role(song, steps, beat, beats, rng):
                onset_s = max(0.0, onset * song.beat_s + swing + rng.normal(0, 0.006))
                length_s = min(length * song.beat_s * articulation, duration_s - onset_s)
                if length_s < 0.03:
                    continue
                velocity = float(np.clip(loud + rng.normal(0, 0.06), 0.15, 1.0))
                notes += [
                    Note(
                        start_s=onset_s,
                        duration_s=length_s,
                        pitch=song.pitch(step),
                        velocity=velocity,
                    )
                    for step in chord
                ]
        beat += beats
    return notes
