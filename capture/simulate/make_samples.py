"""Make the note samples of the simulated players from the FluidR3 soundfont (MIT licence).

    python -m capture.simulate.make_samples [--soundfont FluidR3_GM.sf2] [--only flute clarinet]

This needs Debian's packages `fluidsynth` and `fluid-soundfont-gm`; playing the samples does not.

Each note is rendered dry (no reverb, no chorus) at the pitch at which it was recorded, so that
nothing is resampled; only the lowest of trumpet and oboe are not, for FluidR3 has none so low. Its
bowed strings, woodwinds and horns are stereo pairs of two recordings panned hard to the sides; the
two sides of a string are kept as two players of that instrument, never summed, and one side of the
others. Velocity changes no more than the level of the strings and guitars (and a low-pass filter of
the saxophones), so one layer is kept, and the sampler darkens soft notes.

Sustained notes get a loop where the wave before its end resembles the wave before its start most
(normalised cross-correlation); the sampler cross-fades over that place. The pitch that the index
states is measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import struct
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from capture.errors import DependencyError
from capture.files.atomic import atomic_path
from capture.simulate.sample_recipes import RECIPES, Recipe
from capture.simulate.samples import SAMPLES_FOLDER

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
RATE_HZ = 44100

_log = logging.getLogger(__name__)

_HOLD_S = 3.5
_NOTE_S = 6.0
_LEAD_S = 0.1
_RINGING_S = 4.0
_LEVEL_DB = -20.0
_GAP_S = 0.05
_VORBIS_COMPRESSION = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One note of a sound file, in samples of that file; see `samples.py`."""

    pitch: float
    start: int
    stop: int
    loop_start: int | None
    loop_stop: int | None
    attack_s: float


def render_notes(soundfont: Path, recipe: Recipe) -> list[np.ndarray]:
    """Render the recipe's keys with fluidsynth; each note starts at its first sample.

    Raises:
        DependencyError: fluidsynth or the soundfont is missing.
    """
    program = shutil.which("fluidsynth")
    if program is None or not soundfont.is_file():
        missing = "fluidsynth" if program is None else str(soundfont)
        raise DependencyError(
            f"{missing} is missing: sudo apt-get install fluidsynth fluid-soundfont-gm."
        )
    with tempfile.TemporaryDirectory() as folder:
        midi, commands, wave = (Path(folder) / name for name in ("in.mid", "commands", "out.wav"))
        midi.write_bytes(_midi_file(recipe.program, recipe.keys))
        commands.write_text("interp 7\n", encoding="ascii")
        settings = ["-R", "0", "-C", "0", "-g", "0.5", "-r", str(RATE_HZ), "-O", "float"]
        subprocess.run(
            [program, "-niq", *settings, "-T", "wav", "-f", commands, "-F", wave, soundfont, midi],
            check=True,
            capture_output=True,
        )
        samples, _ = soundfile.read(wave, dtype="float64", always_2d=True)
    starts = [round((_LEAD_S + i * _NOTE_S) * RATE_HZ) for i in range(len(recipe.keys))]
    length = round(_NOTE_S * RATE_HZ)
    return [samples[start : start + length, recipe.side] for start in starts]


def _midi_file(program: int, keys: tuple[int, ...]) -> bytes:
    """Return a standard MIDI file of single notes at full velocity; a tick is a millisecond."""
    events = b"\0\xff\x51\x03" + (1_000_000).to_bytes(3, "big") + bytes([0, 0xC0, program])
    wait_ms = round(1000 * _LEAD_S)
    for key in keys:
        events += _variable_length(wait_ms) + bytes([0x90, key, 127])
        events += _variable_length(round(1000 * _HOLD_S)) + bytes([0x80, key, 0])
        wait_ms = round(1000 * (_NOTE_S - _HOLD_S))
    events += _variable_length(wait_ms) + b"\xff\x2f\0"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000)
    return header + b"MTrk" + struct.pack(">I", len(events)) + events


def _variable_length(value: int) -> bytes:
    """Return a MIDI variable-length quantity: seven bits a byte, the highest first."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | (value & 0x7F))
    return bytes(reversed(digits))


def find_loop(samples: np.ndarray, period: float) -> tuple[int, int, float]:
    """Find where a sustained note repeats itself best.

    Args:
        samples: The note from its attack on.
        period: Its period in samples.

    Returns:
        The loop's start and stop (samples), and the correlation of the waves before them. The
        loop is at least 0.4 s long and starts after the attack.
    """
    half = round(max(0.03 * RATE_HZ, 3 * period))
    first, shortest = round(0.4 * RATE_HZ), round(0.4 * RATE_HZ)
    best = (first, first + shortest, -1.0)
    best_score = -np.inf
    for stop in range(first + shortest + 2 * half, len(samples) - half, round(0.03 * RATE_HZ)):
        template = samples[stop - half : stop + half]
        searched = samples[first - half : stop - shortest + half]
        product = signal.correlate(searched, template, mode="valid", method="fft")
        power = np.convolve(searched**2, np.ones(2 * half), mode="valid")
        correlation = product / np.sqrt(np.maximum(power, 1e-12) * np.sum(template**2))
        # A long loop is worth a little correlation: a short one is heard as a flutter.
        lengths_s = (stop - first - np.arange(len(correlation))) / RATE_HZ
        score = correlation + 0.02 * np.log2(lengths_s / 0.4)
        at = int(np.argmax(score))
        if score[at] > best_score:
            best_score, best = score[at], (first + at, stop, float(correlation[at]))
    return best


def measure_pitch(samples: np.ndarray, key: int) -> float:
    """Return the mean pitch (MIDI number, with its fraction) of a note near `key`.

    Frames of 60 ms (or six periods) are short enough for a vibrato. In each the autocorrelation,
    interpolated four times and freed of the window's, is followed from the first period to the
    fourth, where a fraction of a sample weighs least.
    """
    nominal = RATE_HZ / (440 * 2 ** ((key - 69) / 12))
    length = max(round(0.06 * RATE_HZ), round(6 * nominal))
    finer = 4
    window = np.hanning(length)

    def autocorrelation(frame: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(frame * window, 2 * length)) ** 2
        return np.fft.irfft(power, 2 * length * finer)

    window_correlation = np.maximum(autocorrelation(np.ones(length)), 1e-9)
    pitches: list[float] = []
    for start in range(0, len(samples) - length, round(0.02 * RATE_HZ)):
        correlation = autocorrelation(samples[start : start + length]) / window_correlation
        period = nominal
        for count in (1, 2, 3, 4):
            if count * period > 0.4 * length:
                break
            reach = round(finer * period * (0.06 if count == 1 else 0.1)) + 1
            centre = round(count * period * finer)
            at = centre - reach + int(np.argmax(correlation[centre - reach : centre + reach + 1]))
            before, peak, after = correlation[at - 1 : at + 2]
            bend = before - 2 * peak + after
            shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
            period = (at + shift) / (finer * count)
        pitches.append(69 + 12 * np.log2(RATE_HZ / period / 440))
    return float(np.mean(pitches))


def cut_note(
    samples: np.ndarray, key: int, *, sustained: bool, seconds: float
) -> tuple[np.ndarray, Zone]:
    """Cut one rendered note: level, loop, attack, end; `seconds` is the most that is kept."""
    envelope = np.sqrt(signal.oaconvolve(samples**2, np.full(441, 1 / 441), mode="same").clip(0))
    onset = max(0, int(np.argmax(envelope > 0.01 * envelope.max())) - 220)
    samples, envelope = samples[onset:], envelope[onset:]
    steady = slice(round(0.5 * RATE_HZ), round(2.2 * RATE_HZ))
    if not sustained:
        steady = slice(round(0.05 * RATE_HZ), round(0.45 * RATE_HZ))
    pitch = measure_pitch(samples[steady], key)
    level = float(np.sqrt(np.mean(samples[steady] ** 2)))
    samples = samples * 10 ** (_LEVEL_DB / 20) / level
    attack_s = float(np.argmax(envelope > 0.5 * level)) / RATE_HZ
    if sustained:
        loop_start, loop_stop, likeness = find_loop(
            samples[: round(seconds * RATE_HZ)], RATE_HZ / (440 * 2 ** ((pitch - 69) / 12))
        )
        # Room after the loop's end for the cross-fade's neighbourhood in the coded file.
        samples = samples[: loop_stop + 2048]
        _log.info(
            "  %d: %.2f, loop %.2f s, r %.4f, attack %.3f s",
            key,
            pitch,
            (loop_stop - loop_start) / RATE_HZ,
            likeness,
            attack_s,
        )
    else:
        loop_start = loop_stop = None
        audible = np.flatnonzero(envelope > 10 ** (-65 / 20) * envelope.max())[-1]
        samples = samples[: min(round(_RINGING_S * RATE_HZ), round(_HOLD_S * RATE_HZ), audible)]
        fade = round(0.1 * RATE_HZ)
        samples = samples.copy()
        samples[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
        _log.info("  %d: %.2f, %.2f s, attack %.3f s", key, pitch, len(samples) / RATE_HZ, attack_s)
    zone = Zone(
        pitch=round(float(pitch), 4),
        start=0,
        stop=len(samples),
        loop_start=loop_start,
        loop_stop=loop_stop,
        attack_s=round(attack_s, 4),
    )
    return samples, zone


def make_player(soundfont: Path, recipe: Recipe, folder: Path) -> dict[str, object]:
    """Write one player's sound file; return its entry of the index."""
    name = f"{recipe.instrument}-{recipe.variant}.ogg"
    _log.info("%s", name)
    gap = np.zeros(round(_GAP_S * RATE_HZ))
    pieces: list[np.ndarray] = []
    zones: list[dict[str, object]] = []
    at = 0
    for key, rendered in zip(recipe.keys, render_notes(soundfont, recipe), strict=True):
        samples, zone = cut_note(rendered, key, sustained=recipe.sustained, seconds=recipe.seconds)
        pieces += [samples, gap]
        entry = asdict(zone)
        entry["start"], entry["stop"] = at, at + zone.stop
        zones.append(entry)
        at += len(samples) + len(gap)
    sound = np.concatenate(pieces).astype(np.float32)
    with (
        atomic_path(folder / name) as temporary,
        soundfile.SoundFile(
            temporary,
            "w",
            RATE_HZ,
            1,
            "VORBIS",
            format="OGG",
            compression_level=_VORBIS_COMPRESSION,
        ) as file,
    ):
        for start in range(0, len(sound), 65536):  # libsndfile's encoder needs short writes
            file.write(sound[start : start + 65536])
    return {"variant": recipe.variant, "file": name, "zones": zones}


def main() -> None:
    """Make all samples and their index, or those of some instruments."""
    parser = argparse.ArgumentParser(description="Make the note samples from FluidR3.")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--out", type=Path, default=SAMPLES_FOLDER)
    parser.add_argument("--only", nargs="+", metavar="INSTRUMENT", help="Keep all others' files.")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments.out.mkdir(parents=True, exist_ok=True)
    wanted = arguments.only or [recipe.instrument for recipe in RECIPES]
    path = arguments.out / "index.json"
    instruments: dict[str, list[dict[str, object]]] = {}
    if arguments.only:
        old = json.loads(path.read_text(encoding="utf-8"))["instruments"]
        instruments = {name: entries for name, entries in old.items() if name not in wanted}
    for recipe in RECIPES:
        if recipe.instrument in wanted:
            entry = make_player(arguments.soundfont, recipe, arguments.out)
            instruments.setdefault(recipe.instrument, []).append(entry)
    index = {
        "source": "FluidR3 GM by Frank Wen, MIT licence, see NOTICE",
        "sample_rate_hz": RATE_HZ,
        "instruments": instruments,
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
