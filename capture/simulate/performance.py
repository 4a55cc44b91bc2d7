"""From strokes to notes: micro-timing, articulation, dynamics, strums, no overlaps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from capture.simulate.arrangement import Arranged, Line
from capture.simulate.harmony import nearest
from capture.simulate.notes import POLYPHONIC, RANGES, Note, Part
from capture.simulate.plan import Plan

_SHORTEST_NOTE_S = 0.05
_PLAYED_SHARE = 0.55


def perform(
    rng: np.random.Generator, plan: Plan, player: Arranged, lines: list[Line], seconds: float
) -> tuple[Note, ...]:
    """Turn strokes into notes: micro-timing, articulation, dynamics, strums, no overlaps."""
    polyphonic = player.instrument in POLYPHONIC
    low, high = RANGES[player.instrument]
    notes: list[Note] = []
    for line in lines:
        begin, end = line.strokes[0].beat, line.strokes[-1].beat
        chord_position, last_beat, downward = 0, -1.0, False
        for stroke in line.strokes:
            if abs(stroke.beat - last_beat) < 1e-6:
                chord_position += 1
            else:
                chord_position, downward = 0, not downward
            last_beat = stroke.beat
            start = plan.seconds(stroke.beat) + player.lag_s + float(rng.normal(0, 0.005))
            start = max(0.0, start + 0.012 * chord_position)
            held = plan.seconds(stroke.beat + stroke.length) - plan.seconds(stroke.beat)
            gate = 1.0 if polyphonic else line.gate
            stop = min(start + max(_SHORTEST_NOTE_S, held * gate), seconds - 0.02 * min(1, seconds))
            along = (stroke.beat - begin) / max(end - begin, 1.0)
            level = line.start_level + along * (line.stop_level - line.start_level)
            velocity = float(np.clip(level + stroke.accent + rng.normal(0, 0.025), 0.15, 1.0))
            pitch = int(np.clip(stroke.pitch, low, high))
            if stop - start >= 0.5 * min(_SHORTEST_NOTE_S, 0.1 * seconds):
                notes.append(
                    Note(start_s=start, duration_s=stop - start, pitch=pitch, velocity=velocity)
                )
    notes.sort(key=lambda note: (note.start_s, note.pitch))
    if not polyphonic:
        notes = _without_overlaps(notes)
    notes = _enter_early(notes, plan, player, seconds)
    return tuple(_fill(notes, plan, player, seconds))


def _without_overlaps(notes: list[Note]) -> list[Note]:
    """Cut each note where the next begins; gaps under 20 ms close, which makes a slur."""
    kept: list[Note] = []
    for note in notes:
        if kept:
            gap = note.start_s - kept[-1].stop_s
            if gap < 0.02:
                until = note.start_s - kept[-1].start_s
                if until < 0.5 * _SHORTEST_NOTE_S:
                    continue
                kept[-1] = replace(kept[-1], duration_s=until)
        kept.append(note)
    return kept


def _enter_early(notes: list[Note], plan: Plan, player: Arranged, seconds: float) -> list[Note]:
    """Put held chord tones before a first note that comes so late that half could not be played."""
    first = notes[0]
    if first.start_s <= 0.4 * seconds:
        return notes
    early: list[Note] = []
    pitch, start, beat = first.pitch, plan.lead_in_s, 0.0
    while start < first.start_s - _SHORTEST_NOTE_S:
        stop = min(plan.seconds(beat + plan.chord_beats), first.start_s)
        tones = plan.chord_at(beat).tones(player.low, player.high)
        pitch = nearest(tones, pitch)
        early.append(
            Note(start_s=start, duration_s=stop - start, pitch=pitch, velocity=first.velocity)
        )
        start, beat = stop, beat + plan.chord_beats
    return early + notes


def _fill(notes: list[Note], plan: Plan, player: Arranged, seconds: float) -> list[Note]:
    """Lengthen notes, across breaths before across rests, until enough of the take is played."""
    filled = list(notes)
    while True:
        part = Part(instrument=player.instrument, notes=tuple(filled))
        missing_s = (_PLAYED_SHARE - part.played_share(seconds)) * seconds
        gaps = [after.start_s - note.stop_s for note, after in pairwise(filled)]
        gaps.append(0.97 * seconds - filled[-1].stop_s)
        short = [gap if gap <= plan.beat_s else 0.0 for gap in gaps]
        at = int(np.argmax(short if max(short) > 0.02 else gaps))
        if missing_s <= 0 or gaps[at] < 1e-3:
            return filled
        longer_s = min(gaps[at], max(missing_s, 0.5 * gaps[at]))
        filled[at] = replace(filled[at], duration_s=filled[at].duration_s + longer_s)
