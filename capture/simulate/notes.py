"""Notes and parts: what a simulated player plays.

Times are seconds from the start of the take, pitches are sounding MIDI numbers (60 = C4,
261.63 Hz), velocities go from 0 (silence) to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

RANGES: dict[str, tuple[int, int]] = {
    "violin": (55, 96),
    "viola": (48, 84),
    "cello": (36, 76),
    "double_bass": (28, 60),
    "guitar": (40, 79),
    "saxophone": (49, 80),
    "flute": (60, 94),
    "clarinet": (50, 88),
    "trumpet": (54, 83),
    "oboe": (58, 86),
    "bassoon": (34, 71),
    "horn": (41, 77),
    "trombone": (40, 72),
    "tuba": (28, 58),
}
"""Lowest and highest sounding pitch of each instrument (saxophone: the alto)."""

POLYPHONIC = frozenset({"guitar"})
"""Instruments whose notes may overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note.

    Attributes:
        start_s: When it begins.
        duration_s: How long it is held; its release comes after.
        pitch: Sounding MIDI number.
        velocity: 0 … 1.
    """

    start_s: float
    duration_s: float
    pitch: int
    velocity: float

    @property
    def stop_s(self) -> float:
        """When it is let go."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one player plays.

    Attributes:
        instrument: Canonical name.
        notes: In order of their start. Only a guitar's notes overlap; a note that starts within
            20 ms of the end of the one before is meant legato.
    """

    instrument: str
    notes: tuple[Note, ...]

    def played_share(self, seconds: float) -> float:
        """Return the share of `seconds` in which at least one note is held."""
        held, until = 0.0, 0.0
        for note in self.notes:
            held += max(0.0, note.stop_s - max(note.start_s, until))
            until = max(until, note.stop_s)
        return held / seconds
