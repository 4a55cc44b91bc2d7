"""Render parts through a soundfont with FluidSynth, dry, one part at a time.

Soundfonts come in families that share samples (FluidR3, MuseScore General): a test on one of a
family says nothing about sounds never heard when another of it was trained on.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32

from capture.errors import DataError, DependencyError
from capture.simulate.score import Note
from separation.corpus.midi import Performance, midi_events, midi_file
from separation.corpus.phrases import SAXOPHONES

PROGRAMS: Mapping[str, tuple[int, ...]] = {
    "violin": (40,),
    "viola": (41,),
    "cello": (42,),
    "double_bass": (43, 43, 43, 32),  # now and then pizzicato ("acoustic bass")
    "guitar": (24, 25),
    "saxophone": (65, 66, 64, 67),
    "flute": (73,),
    "clarinet": (71,),
    "trumpet": (56,),
    "oboe": (68,),
    "bassoon": (70,),
    "horn": (60,),
    "trombone": (57,),
    "tuba": (58,),
}
"""General MIDI programs of each instrument, counted from 0."""

_SAXOPHONE_PROGRAMS = {64: "soprano", 65: "alto", 66: "tenor", 67: "baritone"}

_RENDER_RATE_HZ = 44100
_TAIL_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Soundfont:
    """A soundfont file: `path` (.sf2 or .sf3), and the `family` its samples come from."""

    path: Path
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A part to render.

    Attributes:
        notes: What is played.
        performance: How.
        duration_s: Length at the written speed.
        left_share: Share of the left channel in the mono sound. Some instruments are stereo pairs
            of two recordings panned to the sides: 0 or 1 gives one player, 0.5 two of them.
    """

    notes: Sequence[Note]
    performance: Performance
    duration_s: float
    left_share: float = 0.5


def draw_performance(instrument: str, notes: Sequence[Note], rng: np.random.Generator):
    """Choose how a part is played: program, tuning, vibrato, swell, formants."""
    programs = PROGRAMS[instrument]
    program = int(programs[int(rng.integers(len(programs)))])
    if instrument == "saxophone" and notes:
        low, high = min(n.pitch for n in notes), max(n.pitch for n in notes)
        fitting = [
            number
            for number, name in _SAXOPHONE_PROGRAMS.items()
            if SAXOPHONES[name][0] <= low and high <= SAXOPHONES[name][1]
        ]
        program = int(rng.choice(fitting)) if fitting else program
    bowed = instrument != "guitar" and program != 32
    return Performance(
        program=program,
        detune_semitones=float(np.clip(rng.normal(0.0, 0.12), -0.4, 0.4)),
        vibrato_semitones=float(rng.uniform(0.05, 0.45)) if bowed and rng.random() < 0.7 else 0.0,
        vibrato_hz=float(rng.uniform(4.5, 7.0)),
        swell=float(rng.uniform(0.1, 0.9)) if bowed and rng.random() < 0.6 else 0.0,
        shift_semitones=int(rng.choice([-3, -2, -1, 0, 0, 0, 1, 2, 3])),
    )


def find_fluidsynth() -> str:
    """Return the path of the program.

    Raises:
        DependencyError: It is not installed.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise DependencyError(
            "fluidsynth is not installed, and soundfonts are played with it: "
            "apt-get install fluidsynth fluid-soundfont-gm"
        )
    return program


def render_takes(soundfont: Soundfont, takes: Sequence[Take]) -> list[Float32[np.ndarray, " n"]]:
    """Render parts one after another in one run of FluidSynth.

    Returns:
        One signal a take at 44.1 kHz divided by the slowdown of its performance: play it at
        44.1 kHz times `slowdown` to hear the written pitch. `render_rate_hz` gives that rate.

    Raises:
        DependencyError: FluidSynth is not installed.
        DataError: The soundfont is missing or FluidSynth refuses it.
    """
    program = find_fluidsynth()
    if not soundfont.path.is_file():
        raise DataError(f"soundfont {soundfont.path} does not exist: install it or name another.")
    events, starts, now = [], [], 0.5
    for take in takes:
        starts.append(now)
        events += midi_events(take.notes, take.performance, now)
        now += take.duration_s * take.performance.slowdown + _TAIL_S
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "part.mid", Path(folder) / "part.wav"
        midi.write_bytes(midi_file(events))
        command = [program, "-ni", "-q", "-g", "0.4", "-R", "0", "-C", "0"]
        command += ["-o", "synth.dynamic-sample-loading=1", "-r", str(_RENDER_RATE_HZ)]
        command += ["-F", str(wav), "-T", "wav", "-O", "s16", str(soundfont.path), str(midi)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not wav.is_file():
            raise DataError(f"fluidsynth failed on {soundfont.path}: {result.stderr.strip()}.")
        sound, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    rendered = []
    for take, start_s in zip(takes, starts, strict=True):
        first = round(start_s * _RENDER_RATE_HZ)
        count = round(take.duration_s * take.performance.slowdown * _RENDER_RATE_HZ)
        shares = np.array([take.left_share, 1.0 - take.left_share], np.float32)
        piece = sound[first : first + count] @ shares
        rendered.append(np.pad(piece, (0, count - len(piece))))
    return rendered


def render_rate_hz(performance: Performance) -> float:
    """Rate at which a rendered take sounds at its written pitch and speed."""
    return _RENDER_RATE_HZ * performance.slowdown
