"""Read written scores: MIDI and MusicXML files, and what music21's corpus holds.

Some encodings of that corpus are free for non-commercial use only: build a corpus from them for
yourself, and pass on neither scores nor renderings.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capture.errors import DataError, FileFormatError
from capture.optional import optional

MUSIC21 = "music21"
"""Names music21's own corpus, where a folder could stand."""

_COMPOSERS = ("bach", "haydn", "mozart", "beethoven")
_MIDI = (".mid", ".midi")
_ENDINGS = (*_MIDI, ".mxl", ".musicxml", ".xml", ".krn")
_PERCUSSION_CHANNEL = 10
_VELOCITY = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFile:
    """A score: the `path` of its file, and its `name` within its folder, without the ending."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenNote:
    """A note as it is written: `start` and `length` in quarters, MIDI `pitch`, `velocity` to 1."""

    start: float
    length: float
    pitch: int
    velocity: float


def find_scores(source: str | os.PathLike[str]) -> list[ScoreFile]:
    """Return the scores of a folder and of those in it, sorted by name.

    Of files that differ in their ending alone (a score as MIDI and as MusicXML), one counts.

    Args:
        source: The folder, or "music21" for the quartets and chorales of music21's corpus.

    Raises:
        DataError: There is none.
        DependencyError: music21 is not installed.
    """
    corpus = optional("music21.corpus", extra="corpus", purpose="Written scores")
    if os.fspath(source) == MUSIC21:
        folder = Path(corpus.__file__).parent
        paths = [Path(path) for name in _COMPOSERS for path in corpus.getComposer(name)]
    else:
        folder = Path(source)
        paths = [path for path in folder.rglob("*") if path.is_file()]
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if path.suffix.lower() in _ENDINGS:
            found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    if not found:
        raise DataError(
            f"{source} holds no score: give {MUSIC21}, or a folder of MIDI or MusicXML files "
            f"({', '.join(_ENDINGS)})."
        )
    return [ScoreFile(name=name, path=path) for name, path in sorted(found.items())]


def read_voices(path: Path) -> list[list[WrittenNote]]:
    """Return the voices of a score: its staves, or the channels of a MIDI file's tracks.

    Raises:
        DependencyError: music21 is not installed.
        FileFormatError: The file is broken.
    """
    music21 = optional("music21", extra="corpus", purpose="Written scores")
    try:
        if path.suffix.lower() in _MIDI:
            return _midi_voices(music21, path.read_bytes())
        score = music21.converter.parse(path, forceSource=True)
        return [_staff(part) for part in score.parts]
    except Exception as error:  # music21 raises whatever a broken file leads it to
        raise FileFormatError(f"{path}: no readable score ({error}).") from error


def _staff(part: Any) -> list[WrittenNote]:
    """Return the notes of a part of music21; tied notes are one."""
    return [
        WrittenNote(
            start=float(element.offset),
            length=float(element.quarterLength),
            pitch=int(pitch.midi),
            velocity=_VELOCITY,
        )
        for element in part.stripTies().flatten().notes
        for pitch in element.pitches
    ]


def _midi_voices(music21: Any, content: bytes) -> list[list[WrittenNote]]:
    """Return the notes of each channel of each track, without percussion.

    music21's own translation to a score rounds times, and puts the channels of a file with one
    track into one part: here are its events.
    """
    whole = 14  # bytes of the header, which counts the tracks; each begins with its length
    for _ in range(int.from_bytes(content[10:12])):
        whole += 8 + int.from_bytes(content[whole + 4 : whole + 8])
    if not 14 < whole <= len(content):
        raise ValueError(f"it is cut short, or no MIDI: {len(content)} of {whole} bytes")
    file = music21.midi.MidiFile()
    file.readstr(content)
    quarter = file.ticksPerQuarterNote
    voices: list[list[WrittenNote]] = []
    for track in file.tracks:
        channels: dict[int, list[WrittenNote]] = defaultdict(list)
        held: dict[tuple[int, int], tuple[int, int]] = {}
        now = 0
        for event in track.events:
            if event.isDeltaTime():
                now += event.time
            elif event.isNoteOn() or event.isNoteOff():
                key = (event.channel, event.pitch)
                start, velocity = held.pop(key, (now, 0))
                if now > start:
                    note = WrittenNote(
                        start=start / quarter,
                        length=(now - start) / quarter,
                        pitch=event.pitch,
                        velocity=velocity / 127,
                    )
                    channels[event.channel].append(note)
                if event.isNoteOn():
                    held[key] = (now, event.velocity)
        voices += [own for channel, own in channels.items() if channel != _PERCUSSION_CHANNEL]
    return voices
