"""Play parts on recordings of single notes.

Three libraries, as their repositories lay them out:

- Philharmonia samples (cello, double bass, saxophone, guitar, most winds; MP3). Free to use in
  music, not to be passed on as samples: only rendered phrases are kept.
- Karoryfer Weresax (alto saxophone) and Meatbass (double bass), CC0.

Each note takes the recording that is nearest in pitch, loudness and length, transposed by at most
a few semitones by resampling. One sixth of Philharmonia's pitches is kept for the test split.
"""

from __future__ import annotations

import re
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
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_LOUDNESS = {
    "molto-pianissimo": 0.15,
    "pianissimo": 0.25,
    "piano": 0.4,
    "mezzo-piano": 0.55,
    "mezzo-forte": 0.65,
    "forte": 0.8,
    "fortissimo": 0.95,
}
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
        self.notes = {k: v for k, v in self.notes.items() if v}
        self.instruments = tuple(self.notes)
        if not self.instruments:
            raise DataError(f"the library {self.name} holds no note: check its folder.")

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
        played = []
        for notes, seconds in parts:
            styles = sorted({n.style for n in own})
            style = styles[int(rng.integers(len(styles)))]
            library = [n for n in own if n.style == style]
            played.append(_play(library, notes, seconds, rng))
        return played


def philharmonia(folder: str | Path) -> RecordingFamily:
    """Open the samples of the Philharmonia Orchestra; `folder` holds cello/, saxophone/ and so on.

    Raises:
        DataError: There is no sample.
    """
    pattern = re.compile(
        r"(?P<instrument>[a-z-]+)_(?P<note>[A-G]s?)(?P<octave>\d)_(?P<length>[a-z0-9-]+)_"
        r"(?P<dynamic>[a-z-]+)_(?P<style>arco-normal|normal|pizz-normal)\.mp3"
    )
    names = {
        "cello": "cello",
        "double_bass": "double bass",
        "saxophone": "saxophone",
        "guitar": "guitar",
        "flute": "flute",
        "clarinet": "clarinet",
        "oboe": "oboe",
        "bassoon": "bassoon",
        "horn": "french horn",
        "trombone": "trombone",
    }
    notes: dict[str, tuple[RecordedNote, ...]] = {}
    for instrument, subfolder in names.items():
        found = []
        for path in sorted((Path(folder) / subfolder).glob("*.mp3")):
            if path.stat().st_size == 0:  # the repository holds an empty one
                continue
            match = pattern.fullmatch(path.name)
            if match is None or match["length"] == "phrase" or match["dynamic"] not in _LOUDNESS:
                continue
            found.append(
                RecordedNote(
                    path=path,
                    pitch=_pitch(match["note"].replace("s", "#"), int(match["octave"])),
                    loudness=_LOUDNESS[match["dynamic"]],
                    style=match["style"],
                )
            )
        notes[instrument] = tuple(found)
    return RecordingFamily(name="philharmonia", notes=notes)


def karoryfer(weresax: str | Path, meatbass: str | Path) -> RecordingFamily:
    """Open Karoryfer's saxophone and double bass from their repositories' folders.

    Raises:
        DataError: There is no sample.
    """
    sax = [
        # Weresax counts octaves from one below.
        RecordedNote(
            path=path,
            pitch=_pitch(match["note"], int(match["octave"]) + 1),
            loudness=0.85 if match["layer"] == "f" else 0.4,
            style=match["microphone"],
        )
        for path in sorted((Path(weresax) / "Samples" / "alto").glob("*.wav"))
        if (
            match := re.fullmatch(
                r"(?P<note>[a-g]b?)(?P<octave>\d)_(?P<layer>[fp])_rr\d_(?P<microphone>\w+)",
                path.stem,
            )
        )
    ]
    bass = [
        RecordedNote(
            path=path,
            pitch=_pitch(match["note"], int(match["octave"])),
            loudness=int(match["layer"]) / 5,
            style=path.parent.name,
        )
        for kind in ("arco", "pizz")
        for path in sorted((Path(meatbass) / "Samples" / kind).glob("*.wav"))
        if (match := re.match(r"(?P<note>[a-g]b?)(?P<octave>\d)_vl(?P<layer>\d)_", path.stem))
    ]
    return RecordingFamily(
        name="karoryfer",
        notes={"saxophone": tuple(sax), "double_bass": tuple(bass)},
        keeps_pitches=False,
    )


def _pitch(note: str, octave: int) -> int:
    shift = {"#": 1, "b": -1}.get(note[1:], 0)
    return 12 * (octave + 1) + _SEMITONES[note[0].lower()] + shift


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
    """Return a note from its onset on, at the working rate, with an RMS of 0.1."""
    try:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: not readable as sound ({error}).") from error
    mono = soxr.resample(sound.mean(axis=1), rate, _WORKING_RATE_HZ)
    loud = np.flatnonzero(np.abs(mono) > 0.03 * (np.abs(mono).max() + 1e-9))
    if len(loud) == 0:
        return np.zeros(1, np.float32)
    mono = mono[max(0, loud[0] - 100) : loud[-1] + 1]
    level = np.sqrt(np.mean(mono**2)) + 1e-9
    return (mono / level * 0.1).astype(np.float32)


def _transpose(sound: Sound, ratio: float) -> Sound:
    if abs(ratio - 1) < 1e-4:
        return sound
    return soxr.resample(sound, _WORKING_RATE_HZ * ratio, _WORKING_RATE_HZ, quality="MQ")
