"""Play parts on recordings of single notes.

Each note takes the recording that is nearest in pitch, loudness and length, transposed by at most
a few semitones by resampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from capture.errors import DataError
from capture.simulate.score import Note
from separation.corpus.shards import SAMPLE_RATE_HZ

Sound = Float32[np.ndarray, " samples"]

_WORKING_RATE_HZ = 22050
_REACH_SEMITONES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedNote:
    """A file with one note: its MIDI `pitch`, how loud (0 to 1) and in what `style` it is played.

    A part keeps to recordings of one style.
    """

    path: Path
    pitch: int
    loudness: float
    style: str


@dataclass(slots=True, kw_only=True)
class RecordingFamily:
    """A library of single notes.

    Attributes:
        name: Name in the corpus.
        notes: Recorded notes by instrument.
        keeps_pitches: Keep one sixth of the pitches for the test split. Not for libraries that
            are held out as a whole, or that have few pitches.
    """

    name: str
    notes: dict[str, tuple[RecordedNote, ...]]
    keeps_pitches: bool = True
    instruments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.instruments = tuple(self.notes)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every recorded note."""
        return tuple(note.path for notes in self.notes.values() for note in notes)

    def render(
        self,
        instrument: str,
        parts: Sequence[tuple[Sequence[Note], float]],
        rng: np.random.Generator,
        *,
        split: str,
    ) -> list[Sound]:
        """Play parts; the test split uses recordings of its own."""
        own: Sequence[RecordedNote] = self.notes[instrument]
        if self.keeps_pitches:
            own = [n for n in own if (n.pitch % 6 == 5) == (split == "test")]
        styles = sorted({n.style for n in own})
        played = []
        for notes, seconds in parts:
            if not styles:  # no pitch is kept for this split
                played.append(np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32))
                continue
            style = styles[int(rng.integers(len(styles)))]
            library = [n for n in own if n.style == style]
            played.append(_play(library, notes, seconds, rng))
        return played


def _play(
    library: Sequence[RecordedNote],
    notes: Sequence[Note],
    seconds: float,
    rng: np.random.Generator,
) -> Sound:
    """Place every note that the library reaches, and come back to 11025 Hz."""
    rate = _WORKING_RATE_HZ
    track = np.zeros(round((seconds + 1.0) * rate), np.float32)
    detune = rng.normal(0.0, 0.08)
    for note in notes:
        recorded = _choose(library, note, rng)
        if recorded is None:
            continue
        ratio = 2 ** ((note.pitch + detune + rng.normal(0, 0.04) - recorded.pitch) / 12)
        sound = _transpose(_load(recorded.path), ratio)
        release = int(rng.uniform(0.04, 0.15) * rate)
        count = min(len(sound), round(note.duration_s * rate) + release)
        sound = sound[:count].copy()
        release = min(release, count)
        sound[count - release :] *= np.cos(np.linspace(0, np.pi / 2, release)) ** 2
        start = round(note.start_s * rate)
        count = min(count, len(track) - start)
        if count > 0:
            track[start : start + count] += sound[:count] * (0.2 + note.velocity) ** 1.5
    resampled = soxr.resample(track, rate, SAMPLE_RATE_HZ)
    return resampled[: round(seconds * SAMPLE_RATE_HZ)].astype(np.float32)


def _choose(
    library: Sequence[RecordedNote], note: Note, rng: np.random.Generator
) -> RecordedNote | None:
    near = [n for n in library if abs(n.pitch - note.pitch) <= _REACH_SEMITONES]
    if not near:
        return None

    def cost(recorded: RecordedNote) -> float:
        lacking = max(0.0, note.duration_s - len(_load(recorded.path)) / _WORKING_RATE_HZ)
        return (
            abs(recorded.pitch - note.pitch)
            + 4.0 * abs(recorded.loudness - note.velocity)
            + 4.0 * min(lacking, 1.5)
            + rng.uniform(0.0, 1.5)
        )

    return min(near, key=cost)


@lru_cache(maxsize=4096)
def _load(path: Path) -> Sound:
    """Return a note from its onset on, at the working rate, with an RMS of 0.1.

    Raises:
        DataError: The file cannot be read, or holds no sound.
    """
    try:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: not readable as sound ({error}).") from error
    if not (sound.any() and np.isfinite(sound).all()):
        raise DataError(f"{path}: empty, silent, or not finite: take it out of the samples.")
    mono = soxr.resample(sound.mean(axis=1), rate, _WORKING_RATE_HZ)
    loud = np.flatnonzero(np.abs(mono) > 0.03 * np.abs(mono).max())
    mono = mono[max(0, loud[0] - 100) : loud[-1] + 1]
    level = np.sqrt(np.mean(mono**2)) + 1e-9
    return (mono / level * 0.1).astype(np.float32)


def _transpose(sound: Sound, ratio: float) -> Sound:
    if abs(ratio - 1) < 1e-4:
        return sound
    return soxr.resample(sound, _WORKING_RATE_HZ * ratio, _WORKING_RATE_HZ, quality="MQ")
