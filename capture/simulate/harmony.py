"""Keys, chords and progressions of the simulated scores.

Pitches are MIDI numbers (60 = C4, sounding pitch); pitch classes are 0 (C) to 11 (B); degrees of
a scale count from 0, the tonic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}

# What follows a degree, and how often: fifths down are the commonest, V falls to I or deceives
# to vi, vii resolves to I.
_SUCCESSORS: tuple[dict[int, float], ...] = (
    {3: 3.0, 4: 3.0, 5: 3.0, 1: 2.0, 2: 0.7},
    {4: 5.0, 6: 0.6, 3: 0.6},
    {5: 3.0, 3: 2.0, 1: 0.5},
    {4: 4.0, 0: 2.0, 1: 1.5, 6: 0.4},
    {0: 5.0, 5: 2.0, 3: 0.7},
    {1: 3.0, 3: 3.0, 4: 1.5, 2: 0.7},
    {0: 4.0, 2: 0.8},
)
_SEVENTH_PROBABILITY = (0.08, 0.35, 0.15, 0.2, 0.5, 0.2, 0.5)
_DOMINANT = 4
_LEADING = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """A chord and the scale that is played over it.

    Attributes:
        pitch_classes: Root first, then third, fifth and perhaps seventh.
        scale: The seven pitch classes for passing notes, tonic first.
    """

    pitch_classes: tuple[int, ...]
    scale: tuple[int, ...]

    @property
    def root(self) -> int:
        """Pitch class of the root."""
        return self.pitch_classes[0]

    def tones(self, low: int, high: int) -> list[int]:
        """Return the chord's pitches from `low` to `high`, rising."""
        return [pitch for pitch in range(low, high + 1) if pitch % 12 in self.pitch_classes]

    def ladder(self, low: int, high: int) -> list[int]:
        """Return the scale's pitches from `low` to `high`, rising."""
        return [pitch for pitch in range(low, high + 1) if pitch % 12 in self.scale]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A tonic and a mode.

    Attributes:
        tonic: Pitch class.
        mode: One of `SCALES`.
    """

    tonic: int
    mode: str

    def chord(self, degree: int, *, seventh: bool = False) -> Chord:
        """Return the chord on a degree, stacked in thirds.

        In minor the dominant and the leading-note chord take the raised seventh, and so does the
        scale above them.
        """
        scale = [(self.tonic + step) % 12 for step in SCALES[self.mode]]
        if self.mode == "minor" and degree in (_DOMINANT, _LEADING):
            scale[_LEADING] = (scale[_LEADING] + 1) % 12
        stack = range(degree, degree + (8 if seventh else 6), 2)
        return Chord(
            pitch_classes=tuple(scale[step % 7] for step in stack),
            scale=tuple(scale),
        )


def choose_key(rng: np.random.Generator) -> Key:
    """Draw a key: major and minor are the most frequent."""
    mode = str(rng.choice(["major", "minor", "dorian", "mixolydian"], p=[0.4, 0.35, 0.15, 0.1]))
    return Key(tonic=int(rng.integers(12)), mode=mode)


def draw_progression(
    rng: np.random.Generator, key: Key, length: int, *, opening: int, final: bool
) -> tuple[Chord, ...]:
    """Draw the chords of one phrase.

    Args:
        rng: Random generator.
        key: The key.
        length: Number of chords, at least 1.
        opening: Degree of the first chord.
        final: End on the tonic after the dominant; otherwise on the dominant or the tonic.
    """
    degrees = [opening]
    while len(degrees) < length:
        successors = _SUCCESSORS[degrees[-1]]
        weights = np.array(list(successors.values()))
        degrees.append(int(rng.choice(list(successors), p=weights / weights.sum())))
    if final or rng.random() < 0.45:
        cadence = [_DOMINANT, 0]
    else:
        cadence = [int(rng.choice([1, 3])), _DOMINANT]
    if length > 2:
        degrees[-2:] = cadence
    else:
        degrees[-1:] = cadence[-1:]
    return tuple(
        key.chord(degree, seventh=bool(rng.random() < _SEVENTH_PROBABILITY[degree]))
        for degree in degrees
    )


def nearest(pitches: list[int], target: float) -> int:
    """Return the pitch closest to `target` (the lower of two equally close ones)."""
    return min(pitches, key=lambda pitch: (abs(pitch - target), pitch))
