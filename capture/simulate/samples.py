"""The note samples of the simulated players: real recordings, looped where they are sustained.

`data/samples/index.json` says for each player (variant) of an instrument which Ogg file holds its
notes and where. Positions are samples of that file; pitches are MIDI numbers with their fraction,
as measured; levels are the same for all notes (−20 dBFS RMS when sustained or just plucked).
`make_samples.py` cuts them from the FluidR3 soundfont (MIT); the NOTICE beside them says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from capture.errors import FileFormatError
from capture.instruments import canonical_instrument
from capture.waveform import read_waveform

SAMPLES_FOLDER = Path(__file__).parent / "data" / "samples"

MARGIN = 32
"""Samples that a reader may look at on either side of a position."""

_CROSS_FADE_S = 0.05
_PHASES = 4096
_CUTOFF = 0.92


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One recorded note, ready to be read at any position.

    Attributes:
        pitch: As recorded, MIDI number with its fraction.
        samples: The note with `MARGIN` samples of silence before it, and after it either silence
            or, where it loops, what follows the loop's start.
        loop_start: First sample of the loop, or None where the note rings out.
        loop_stop: Sample that sounds as `loop_start` does; everything `MARGIN` samples around it
            equals what is around `loop_start`.
        attack_s: From the note's start until half of its level is reached.
    """

    pitch: float
    samples: Float32[np.ndarray, "samples"]
    loop_start: int | None
    loop_stop: int | None
    attack_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """The recorded notes of one player.

    Attributes:
        instrument: Canonical name.
        variant: Which player.
        sample_rate_hz: Rate of all zones.
        zones: By rising pitch.
    """

    instrument: str
    variant: str
    sample_rate_hz: int
    zones: tuple[Zone, ...]

    def zone_for(self, pitch: float) -> Zone:
        """Return the zone recorded nearest to a pitch."""
        return min(self.zones, key=lambda zone: abs(zone.pitch - pitch))


def voice_variants(instrument: str) -> tuple[str, ...]:
    """Return the names of an instrument's recorded players.

    Raises:
        ValueError: The instrument is unknown.
    """
    name = canonical_instrument(instrument)
    return tuple(entry["variant"] for entry in _index()["instruments"][name])


@lru_cache(maxsize=16)
def load_voice(instrument: str, variant: str) -> Voice:
    """Load one player's notes (kept for the next call).

    Raises:
        ValueError: The instrument or the variant is unknown.
        FileFormatError: The installed sample files are missing or broken.
    """
    name = canonical_instrument(instrument)
    entries = {entry["variant"]: entry for entry in _index()["instruments"][name]}
    if variant not in entries:
        raise ValueError(f"{name} has no variant {variant!r}: choose from {', '.join(entries)}.")
    sound = read_waveform(SAMPLES_FOLDER / entries[variant]["file"])
    zones = [
        _prepare_zone(sound.samples[0], sound.sample_rate_hz, z) for z in entries[variant]["zones"]
    ]
    return Voice(
        instrument=name,
        variant=variant,
        sample_rate_hz=sound.sample_rate_hz,
        zones=tuple(sorted(zones, key=lambda zone: zone.pitch)),
    )


def read_zone(zone: Zone, positions: Float64[np.ndarray, "count"]) -> Float32[np.ndarray, "count"]:
    """Read a recorded note at any positions, round its loop, with a windowed sinc.

    Args:
        zone: The note.
        positions: In samples of `zone.samples`, from `MARGIN` on; they go on through the loop.

    Returns:
        The sound there; silence after the end of a note that has no loop.
    """
    if zone.loop_start is not None and zone.loop_stop is not None:
        length = zone.loop_stop - zone.loop_start
        beyond = positions >= zone.loop_stop
        wrapped = zone.loop_start + np.mod(positions - zone.loop_start, length)
        positions = np.where(beyond, wrapped, positions)
    else:
        positions = np.minimum(positions, len(zone.samples) - MARGIN - 1)
    table = _sinc_table()
    taps = table.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(zone.samples, taps)
    finest = np.round(positions * _PHASES).astype(np.int64)
    whole, phase = np.divmod(finest, _PHASES)
    first = whole - taps // 2 + 1
    result = np.empty(len(positions), dtype=np.float32)
    for start in range(0, len(positions), 65536):  # bounds the memory of the gathered windows
        part = slice(start, start + 65536)
        result[part] = np.einsum("ij,ij->i", windows[first[part]], table[phase[part]])
    return result


@lru_cache(maxsize=1)
def _sinc_table() -> Float32[np.ndarray, "phases taps"]:
    """Return a Kaiser-windowed sinc for each fraction of a sample; each row sums to one.

    Cut at 0.92 of the recording's Nyquist rate, 32 taps; the fraction is rounded to 1/4096.
    """
    taps = 2 * (MARGIN // 2)
    offsets = np.arange(taps) - taps // 2 + 1 - np.arange(_PHASES)[:, None] / _PHASES
    window = np.i0(9.0 * np.sqrt(np.clip(1 - (offsets / (taps / 2)) ** 2, 0, None))) / np.i0(9.0)
    table = np.sinc(_CUTOFF * offsets) * window
    return (table / table.sum(axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=1)
def _index() -> dict[str, Any]:
    path = SAMPLES_FOLDER / "index.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path}: {error}. Install the package again.") from error


def _prepare_zone(sound: np.ndarray, rate_hz: int, entry: dict[str, Any]) -> Zone:
    """Cut a zone out of its file and make its loop seamless."""
    samples = sound[entry["start"] : entry["stop"]].astype(np.float64)
    start, stop = entry["loop_start"], entry["loop_stop"]
    if start is None:
        after = np.zeros(MARGIN)
    else:
        # The wave before the loop's end turns into the wave before its start, and is just that for
        # the last MARGIN samples: a reader that jumps back finds the same on both sides.
        length = min(round(_CROSS_FADE_S * rate_hz), start)
        ramp = np.clip(np.arange(length) / (length - MARGIN), 0.0, 1.0)
        fade_in = np.sin(0.5 * np.pi * ramp) ** 2
        end, begin = samples[stop - length : stop], samples[start - length : start]
        likeness = float(end @ begin / np.sqrt((end @ end) * (begin @ begin) + 1e-20))
        # Waves that are alike add their amplitudes, others their powers: keep the level in between.
        power = fade_in**2 + (1 - fade_in) ** 2 + 2 * likeness * fade_in * (1 - fade_in)
        blended = (fade_in * begin + (1 - fade_in) * end) / np.sqrt(np.maximum(power, 0.25))
        samples = np.concatenate([samples[: stop - length], blended])
        after = samples[start : start + MARGIN]
        start, stop = start + MARGIN, stop + MARGIN
    return Zone(
        pitch=float(entry["pitch"]),
        samples=np.concatenate([np.zeros(MARGIN), samples, after]).astype(np.float32),
        loop_start=start,
        loop_stop=stop,
        attack_s=float(entry["attack_s"]),
    )
