"""Play parts on physical models: bowed, blown and plucked strings and tubes of Csound and STK.

There are strings, guitar, saxophone, flute and clarinet. The models of brass are out of tune by
half a semitone and silent below middle C, and there are none of double reeds: they are left out.

The string of such a model has no body, so each part gets one: a frequency response with the main
resonances of its instrument (air and plate modes, bridge hill) and many small random ones.
Bodies, bows and vibrato are drawn anew for each part, which no recorded family offers.

Source: typical mode frequencies after Rossing (ed.), "The Science of String Instruments" (2010).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.fft
import soundfile
import soxr
from jaxtyping import Float32

from capture.errors import DataError, DependencyError
from capture.simulate.score import Note
from separation.corpus.shards import SAMPLE_RATE_HZ

Sound = Float32[np.ndarray, " samples"]

_RATE_HZ = 44100
_GAP_S = 1.0

# p4 frequency, p5 amplitude, p6 and p7 gestures, p8 attack, p9 vibrato rate, p10 its depth.
_ORCHESTRA = """
sr = 44100
ksmps = 32
nchnls = 1
0dbfs = 1
gisine ftgen 1, 0, 16384, 10, 1

opcode Vibrato, k, iii
  ifreq, irate, idepth xin
  konset linseg 0, 0.12, 0, 0.25, 1, 100, 1
  kwander randi 0.002, 3
  kvibrato lfo idepth, irate
  xout ifreq * (1 + konset * kvibrato + kwander)
endop

instr 1
  kfreq Vibrato p4, p9, p10
  kshape linsegr 0, p8, 1, 0.08, 0
  asig wgbow p5 * kshape, kfreq, p6, p7, 0, 0, 1, 20
  anoise randh p5 * 0.012, 22050
  aall = asig + anoise * kshape
  aout dcblock aall
  out aout * kshape
endin

instr 2
  asig STKBowed p4, p5, 2, p6, 4, p7, 11, p9 * 10, 1, p10 * 300
  kshape linsegr 0, p8, 1, 0.1, 0
  aout dcblock asig
  out aout * kshape
endin

instr 3
  asig STKSaxofony p4, 1, 2, p6, 4, 6, 11, p7, 29, p9 * 10, 1, p10 * 300, 128, 120
  kshape linsegr 0, p8, 1, 0.06, 0
  aout dcblock asig
  out aout * kshape * p5
endin

instr 4
  asig pluck p5, p4, p4, 0, 1
  ksharp expseg 9000, 0.6, 2500 * p6, 3, 900
  asoft butterlp asig, ksharp
  kshape linsegr 1, 0.01, 1, 0.12, 0
  out asoft * kshape
endin

instr 5
  asig wgpluck2 p7, p5, p4, p6, 0.02
  kshape linsegr 1, 0.01, 1, 0.12, 0
  out asig * kshape
endin

instr 6
  kfreq Vibrato p4, p9, p10
  kshape linsegr 0, p8, 1, 0.06, 0
  asig wgflute p5, kfreq, p6, 0.05, 0.05, p7, 0, 0, 1, 20
  aout dcblock asig
  out aout * kshape
endin

instr 7
  kfreq Vibrato p4, p9, p10 * 0.2
  kshape linsegr 0, p8, 1, 0.05, 0
  asig wgclar p5, kfreq, p6, 0.05, 0.05, p7, 0, 0, 1, 20
  aout dcblock asig
  out aout * kshape
endin

instr 8
  asig STKClarinet p4, 1, 2, p6, 4, p7, 11, p9 * 10, 1, p10 * 60, 128, 100
  kshape linsegr 0, p8, 1, 0.05, 0
  aout dcblock asig
  out aout * kshape * p5
endin
"""

# Samples by which a model's period misses the one that it is asked for, measured at 44.1 kHz by
# autocorrelation from 55 to 1568 Hz; wgbow's misses by 60 / frequency more. wgflute's misses by a
# share of itself that goes with the length of the jet.
_PERIOD_ERROR = {1: -1.08, 2: -0.5, 3: 1.1, 4: 0.0, 5: 0.0, 6: 0.0, 7: 0.0, 8: 0.0}
_FLUTE, _JET, _JET_ERROR, _JET_SLOPE = 6, 0.32, -0.0104, 0.52

# Which models play an instrument, and how often each of them.
_MODELS: Mapping[str, tuple[tuple[int, float], ...]] = {
    **dict.fromkeys(("violin", "viola", "cello", "double_bass"), ((1, 0.65), (2, 0.35))),
    "guitar": ((4, 0.7), (5, 0.3)),
    "saxophone": ((3, 1.0),),
    "flute": ((6, 1.0),),
    "clarinet": ((7, 0.6), (8, 0.4)),
}
_BOWED = ("violin", "viola", "cello", "double_bass")

# (frequency in Hz, gain in dB, Q) of the strongest modes, and the frequency below which the body
# no longer radiates.
_BODIES: Mapping[str, tuple[float, tuple[tuple[float, float, float], ...]]] = {
    "violin": (230.0, ((275, 8, 10), (460, 9, 14), (545, 9, 14), (1100, 3, 4), (2500, 9, 1.6))),
    "viola": (170.0, ((220, 8, 10), (345, 8, 14), (430, 8, 14), (900, 3, 4), (1700, 8, 1.6))),
    "cello": (75.0, ((98, 8, 10), (185, 9, 14), (225, 7, 14), (500, 3, 4), (1400, 7, 1.5))),
    "double_bass": (50.0, ((62, 8, 8), (100, 8, 12), (125, 6, 12), (300, 2, 4), (800, 6, 1.4))),
    "guitar": (85.0, ((100, 8, 10), (200, 8, 14), (280, 5, 12), (400, 4, 10), (1500, 3, 1.5))),
    "saxophone": (120.0, ((500, 3, 2), (1100, 5, 2), (2200, 3, 2))),
    "flute": (200.0, ((800, 2, 2), (1800, 3, 2))),
    "clarinet": (110.0, ((450, 2, 2), (1500, 4, 2), (3000, 3, 2))),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalFamily:
    """Models of Csound 6 with the STK opcodes of its plugins."""

    name: str = "physical"
    instruments: tuple[str, ...] = tuple(_MODELS)

    @property
    def files(self) -> tuple[Path, ...]:
        """None: all of it is computed."""
        return ()

    def render(
        self,
        instrument: str,
        parts: Sequence[tuple[Sequence[Note], float]],
        rng: np.random.Generator,
        *,
        split: str,
    ) -> list[Sound]:
        """Play parts in one run of Csound, then give each a body."""
        del split  # every part has a body of its own
        lines, starts, now = [], [], 0.5
        for notes, seconds in parts:
            starts.append(now)
            lines += _score_lines(instrument, notes, now, rng)
            now += seconds + _GAP_S
        strings = _run_csound([*lines, f"e {now + 1:.3f}"])
        played = []
        for (_, seconds), start_s in zip(parts, starts, strict=True):
            first, count = round(start_s * _RATE_HZ), round(seconds * _RATE_HZ)
            piece = np.pad(
                strings[first : first + count], (0, max(0, first + count - len(strings)))
            )
            body = _with_body(np.nan_to_num(piece), instrument, rng)
            resampled = soxr.resample(body, _RATE_HZ, SAMPLE_RATE_HZ)
            played.append(resampled[: round(seconds * SAMPLE_RATE_HZ)].astype(np.float32))
        return played


def _score_lines(
    instrument: str, notes: Sequence[Note], start_s: float, rng: np.random.Generator
) -> list[str]:
    """Return Csound's score of a part; the player keeps to one way of playing."""
    bowed = instrument in _BOWED
    models = _MODELS[instrument]
    model = models[0][0]
    if len(models) > 1:
        numbers, shares = zip(*models, strict=True)
        model = int(rng.choice(numbers, p=shares))
    habit = rng.random(2)
    attack = rng.uniform(0.01, 0.12) if bowed else rng.uniform(0.005, 0.04)
    vibrato_hz, vibrato = rng.uniform(4.5, 7.0), rng.uniform(0.0, 0.014)
    detune = rng.normal(0.0, 0.08)
    lines = []
    for note in notes:
        gesture = np.clip(habit + rng.normal(0, 0.08, 2), 0.0, 1.0)
        frequency = 440.0 * 2 ** ((note.pitch - 69 + detune + rng.normal(0, 0.03)) / 12)
        first, second = {
            1: (2.0 + 2.5 * gesture[0], 0.07 + 0.12 * gesture[1]),
            2: (30 + 60 * gesture[0], 15 + 55 * gesture[1]),
            3: (30 + 35 * gesture[0], 20 + 35 * gesture[1]),
            4: (0.4 + 1.2 * gesture[0], 0.0),
            5: (0.1 + 0.4 * gesture[0], 0.05 + 0.4 * gesture[1]),
            6: (0.305 + 0.035 * gesture[0], 0.03 + 0.25 * gesture[1]),
            7: (-0.4 + 0.25 * gesture[0], 0.02 + 0.2 * gesture[1]),
            8: (20 + 40 * gesture[0], 2 + 25 * gesture[1]),
        }[model]
        frequency = _in_tune(model, frequency, first)
        length = max(0.05, note.duration_s - 0.02)
        if instrument == "guitar":
            length += rng.uniform(0.0, 0.4)
        lines.append(
            f"i{model} {start_s + note.start_s:.4f} {length:.4f} {frequency:.4f} "
            f"{0.05 + 0.3 * note.velocity**1.5:.4f} {first:.4f} {second:.4f} "
            f"{min(attack, 0.4 * length):.4f} {vibrato_hz:.3f} {vibrato:.5f}"
        )
    return lines


def _in_tune(model: int, frequency_hz: float, jet: float) -> float:
    """Return the frequency to ask a model for, so that it sounds at the one given."""
    if model == _FLUTE:
        return frequency_hz * (1 + _JET_ERROR + _JET_SLOPE * (jet - _JET))
    error = _PERIOD_ERROR[model] - (60.0 / frequency_hz if model == 1 else 0.0)
    return _RATE_HZ / (_RATE_HZ / frequency_hz - error)


def find_csound() -> str:
    """Return the path of the program.

    Raises:
        DependencyError: It is not installed.
    """
    program = shutil.which("csound")
    if program is None:
        raise DependencyError(
            "csound is not installed, and physical models run in it: "
            "apt-get install csound csound-plugins"
        )
    return program


def _run_csound(lines: Sequence[str]) -> Sound:
    program = find_csound()
    with tempfile.TemporaryDirectory() as folder:
        orchestra, score = Path(folder) / "models.orc", Path(folder) / "part.sco"
        wav = Path(folder) / "part.wav"
        orchestra.write_text(_ORCHESTRA, encoding="utf-8")
        score.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [program, "-d", "-m0", "-f", "-W", "-o", str(wav), str(orchestra), str(score)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not wav.is_file():
            reason = result.stderr.strip().splitlines()[-1:] or ["no message"]
            raise DataError(f"csound failed: {reason[0]}.")
        sound, _ = soundfile.read(wav, dtype="float32")
    return sound


def _with_body(string: Sound, instrument: str, rng: np.random.Generator) -> Sound:
    """Filter a string's sound by a body of its own."""
    size = scipy.fft.next_fast_len(len(string) + _RATE_HZ // 2, real=True)
    frequencies = np.maximum(scipy.fft.rfftfreq(size, 1 / _RATE_HZ), 1.0)
    cutoff, modes = _BODIES[instrument]
    cutoff *= np.exp(rng.normal(0, 0.08))
    response = 1.0 / (1.0 + (cutoff / frequencies) ** 4)
    response = response / np.sqrt(1.0 + (frequencies / rng.uniform(2500, 5000)) ** 2)
    small = zip(
        np.exp(rng.uniform(np.log(2 * cutoff), np.log(4500), 14)),
        rng.normal(0, 4.5, 14),
        rng.uniform(5, 20, 14),
        strict=True,
    )
    gain_db = np.zeros_like(frequencies)
    for frequency, peak_db, quality in (*modes, *small):
        centre = frequency * np.exp(rng.normal(0, 0.06))
        detuning = (frequencies / centre - centre / frequencies) * quality
        gain_db += (peak_db + rng.normal(0, 2.0)) / (1.0 + detuning**2)
    response = response * 10 ** (gain_db / 20)
    spectrum = np.asarray(scipy.fft.rfft(string, n=size)) * response
    filtered = np.asarray(scipy.fft.irfft(spectrum, n=size))
    return filtered[: len(string)].astype(np.float32)
