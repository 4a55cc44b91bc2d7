"""Folders of recorded notes: anybody's, and two libraries as their repositories lay them out.

    samples/violin/A4.wav, samples/violin/pizz/Gs3_forte.flac, samples/double bass/…

One folder for each instrument. The pitch is a word of each file's name: a letter, perhaps a sharp
(# or s) or a flat (b), and the octave, in which C4 is middle C. Another word may say how loud it is
played, from pp to ff or pianissimo to fortissimo. Folders within are ways of playing.

- "philharmonia": samples of the Philharmonia Orchestra (cello, double bass, saxophone, guitar, most
  winds; MP3) in cello/, saxophone/ and so on. Free to use in music, not to be passed on as samples:
  only rendered phrases are kept.
- "karoryfer": clones of karoryfer.weresax (alto saxophone) and karoryfer.meatbass (double bass),
  CC0, side by side.
"""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from capture.errors import DataError
from capture.instruments import canonical_instrument
from separation.corpus.recordings import RecordedNote, RecordingFamily

_LOG = logging.getLogger(__name__)
_ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SHIFTS = {"#": 1, "s": 1, "b": -1, "": 0}
_LOUDNESS = {
    "molto-pianissimo": 0.15,
    "pianissimo": 0.25,
    "piano": 0.4,
    "mezzo-piano": 0.55,
    "mezzo-forte": 0.65,
    "forte": 0.8,
    "fortissimo": 0.95,
    "pp": 0.25,
    "p": 0.4,
    "mp": 0.55,
    "mf": 0.65,
    "f": 0.8,
    "ff": 0.95,
}
_UNMARKED = "mf"


def sample_family(name: str, folder: str | os.PathLike[str]) -> RecordingFamily:
    """Open a folder of recorded notes.

    Args:
        name: Of the family; "philharmonia" and "karoryfer" are these libraries.
        folder: As the module describes.

    Raises:
        DataError: There is no note, or an instrument has none.
    """
    base = Path(folder)
    if name == "philharmonia":
        return _family(name, base, _philharmonia(base), keeps_pitches=True)
    if name == "karoryfer":
        return _family(name, base, _karoryfer(base))
    return _family(name, base, _named_by_pitch(base))


def _family(
    name: str,
    folder: Path,
    notes: Iterator[tuple[str, RecordedNote]],
    *,
    keeps_pitches: bool = False,
) -> RecordingFamily:
    held: dict[str, list[RecordedNote]] = defaultdict(list)
    for instrument, note in notes:
        held[instrument].append(note)
    if not held:
        raise DataError(
            f"{folder} holds no recorded notes of {name!r}: give a folder with one for each "
            "instrument, in which files are named by pitch, such as violin/A4.wav."
        )
    tuples = {instrument: tuple(own) for instrument, own in held.items()}
    return RecordingFamily(name=name, notes=tuples, keeps_pitches=keeps_pitches)


def _named_by_pitch(folder: Path) -> Iterator[tuple[str, RecordedNote]]:
    for own in sorted(path for path in folder.glob("*") if path.is_dir()):
        try:
            instrument = canonical_instrument(own.name)
        except ValueError:
            _LOG.warning("%s is left out: it is named after no instrument", own)
            continue
        for path in sorted(own.rglob("*")):
            words = re.split(r"[\s_.]+", path.stem)
            pitches = [pitch for pitch in map(_pitch, words) if pitch is not None]
            marks = [word.lower() for word in words if word.lower() in _LOUDNESS]
            if path.suffix.lower() in _ENDINGS and pitches:
                note = RecordedNote(
                    path=path,
                    pitch=pitches[0],
                    loudness=_LOUDNESS[marks[0] if marks else _UNMARKED],
                    style=path.parent.relative_to(own).as_posix(),
                )
                yield instrument, note


def _philharmonia(folder: Path) -> Iterator[tuple[str, RecordedNote]]:
    pattern = re.compile(
        r"[a-z-]+_(?P<note>[A-G]s?\d)_(?P<length>[a-z0-9-]+)_"
        r"(?P<dynamic>[a-z-]+)_(?P<style>arco-normal|normal|pizz-normal)\.mp3"
    )
    names = {"double bass": "double_bass", "french horn": "horn"}
    played = ("cello", "saxophone", "guitar", "flute", "clarinet", "oboe", "bassoon", "trombone")
    for name in (*names, *played):
        for path in sorted((folder / name).glob("*.mp3")):
            match = pattern.fullmatch(path.name)
            if match is None or match["length"] == "phrase" or match["dynamic"] not in _LOUDNESS:
                continue
            pitch = _pitch(match["note"])
            if pitch is not None and path.stat().st_size > 0:  # the repository holds an empty one
                note = RecordedNote(
                    path=path,
                    pitch=pitch,
                    loudness=_LOUDNESS[match["dynamic"]],
                    style=match["style"],
                )
                yield names.get(name, name), note


def _karoryfer(folder: Path) -> Iterator[tuple[str, RecordedNote]]:
    sax = re.compile(r"(?P<note>[a-g]b?\d)_(?P<layer>[fp])_rr\d_(?P<microphone>\w+)")
    for path in sorted(folder.glob("*weresax*/Samples/alto/*.wav")):
        match = sax.fullmatch(path.stem)
        pitch = _pitch(match["note"]) if match else None
        if match is not None and pitch is not None:
            note = RecordedNote(
                path=path,
                pitch=pitch + 12,  # Weresax counts octaves from one below
                loudness=0.85 if match["layer"] == "f" else 0.4,
                style=match["microphone"],
            )
            yield "saxophone", note
    bass = re.compile(r"(?P<note>[a-g]b?\d)_vl(?P<layer>\d)_.*")
    for path in sorted(folder.glob("*meatbass*/Samples/*/*.wav")):
        match = bass.fullmatch(path.stem)
        pitch = _pitch(match["note"]) if match else None
        if match is not None and pitch is not None and path.parent.name in ("arco", "pizz"):
            note = RecordedNote(
                path=path,
                pitch=pitch,
                loudness=int(match["layer"]) / 5,
                style=path.parent.name,
            )
            yield "double_bass", note


def _pitch(word: str) -> int | None:
    """Return the MIDI number of a note's name, such as A4, Bb3 or Fs5; None of other words."""
    match = re.fullmatch(r"([A-Ga-g])([#sb]?)(\d)", word)
    if match is None:
        return None
    return 12 * (int(match[3]) + 1) + _SEMITONES[match[1].lower()] + _SHIFTS[match[2]]
