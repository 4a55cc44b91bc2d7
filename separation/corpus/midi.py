"""Write a part as a standard MIDI file, in seconds, with what players do between the notes.

Ticks last exactly one millisecond (120 beats a minute, 500 ticks a beat), so times are rounded to
1 ms. Everything is on channel 0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capture.simulate.score import Note

_TICKS_A_BEAT = 500
_BEND_RANGE_SEMITONES = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How a part is played.

    Attributes:
        program: General MIDI program, counted from 0.
        detune_semitones: Constant offset of the pitch, within ±1.
        vibrato_semitones: Half the pitch swing on notes longer than a quarter of a second.
        vibrato_hz: Its rate.
        swell: Depth of the loudness contour over long notes, 0 to 1.
        shift_semitones: The part is written this much lower and slower; who plays the result
            faster by 2**(shift/12) hears the written pitch with the formants shifted up.
    """

    program: int
    detune_semitones: float = 0.0
    vibrato_semitones: float = 0.0
    vibrato_hz: float = 5.5
    swell: float = 0.0
    shift_semitones: int = 0

    @property
    def slowdown(self) -> float:
        """Factor on all times."""
        return 2.0 ** (self.shift_semitones / 12.0)


def midi_events(
    notes: Sequence[Note], performance: Performance, start_s: float
) -> list[tuple[int, int, bytes]]:
    """Return (tick, rank, message) of a part that starts at `start_s` of the file.

    Rank orders messages of one tick: controls first, then note-offs, then note-ons.
    """
    slow = performance.slowdown
    tick0 = round(start_s * 1000)
    events = [(tick0, 0, bytes([0xC0, performance.program]))]
    events.append((tick0, 0, bytes([0xB0, 11, 110])))
    events.append((tick0, 0, _bend(performance.detune_semitones)))
    for note in notes:
        key = note.pitch - performance.shift_semitones
        if not 0 <= key <= 127:
            continue
        on = tick0 + round(note.start_s * slow * 1000)
        length = max(20, round(note.duration_s * slow * 1000))
        events.append((on, 2, bytes([0x90, key, int(np.clip(round(127 * note.velocity), 1, 127))])))
        events.append((on + length, 1, bytes([0x80, key, 0])))
        if length > 250:
            events += _gestures(on, length, performance)
    return events


def _gestures(on: int, length: int, performance: Performance) -> list[tuple[int, int, bytes]]:
    """Vibrato that sets in after the attack, and a swell, every 25 ms."""
    ticks = np.arange(0, length, 25)
    events = []
    if performance.vibrato_semitones > 0:
        onset = np.clip((ticks - 120) / 200.0, 0.0, 1.0)
        phase = 2 * np.pi * performance.vibrato_hz / performance.slowdown * ticks / 1000.0
        bends = performance.detune_semitones + (
            performance.vibrato_semitones * onset * np.sin(phase)
        )
        events += [(on + int(t), 0, _bend(float(b))) for t, b in zip(ticks, bends, strict=True)]
    if performance.swell > 0:
        contour = 1.0 - performance.swell * (1.0 - np.sin(np.pi * ticks / length))
        events += [
            (on + int(t), 0, bytes([0xB0, 11, int(np.clip(round(40 + 80 * c), 0, 127))]))
            for t, c in zip(ticks, contour, strict=True)
        ]
    return events


def _bend(semitones: float) -> bytes:
    value = int(np.clip(round(8192 + 8191 * semitones / _BEND_RANGE_SEMITONES), 0, 16383))
    return bytes([0xE0, value & 0x7F, value >> 7])


def midi_file(events: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Return the bytes of a type-0 MIDI file."""
    body = bytearray()
    now = 0
    for tick, _, message in sorted(events, key=lambda e: e[:2]):
        body += _variable_length(tick - now) + message
        now = tick
    body += _variable_length(0) + b"\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS_A_BEAT)
    return header + b"MTrk" + struct.pack(">I", len(body)) + bytes(body)


def _variable_length(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    return bytes(reversed(groups))
