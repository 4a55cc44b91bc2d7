"""Accompaniments of simulated scores: second voices, basses, inner voices, broken chords, guitars.

Every function returns strokes, as `melody.py` defines them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from capture.simulate.harmony import Chord, nearest
from capture.simulate.melody import EPSILON_BEATS, Span, Stroke, walk

_GUITAR_STRINGS = (40, 45, 50, 55, 59, 64)


def harmonize(strokes: Sequence[Stroke], span: Span, low: int, high: int) -> list[Stroke]:
    """Write a second voice in the rhythm of a line: the nearest chord or scale tone a third off.

    The line is moved by octaves into low … high first.
    """
    voice: list[Stroke] = []
    for stroke in strokes:
        ladder = span.chord_at(stroke.beat).ladder(low, high)
        target = stroke.pitch
        while target > high:
            target -= 12
        while target < low:
            target += 12
        step = -2 if target - 4 >= low else 2
        voice.append(Stroke(stroke.beat, stroke.length, walk(ladder, target, step), stroke.accent))
    return voice


def bass(
    rng: np.random.Generator, span: Span, low: int, high: int, previous: float
) -> list[Stroke]:
    """Write a bass line in one pattern: long roots, roots and fifths, walking, or a pulse."""
    pattern = str(rng.choice(["long", "fifths", "walking", "pulse"]))
    strokes: list[Stroke] = []
    pitch = previous
    for start in span.chord_starts():
        chord = span.chord_at(start)
        roots = [p for p in range(low, high + 1) if p % 12 == chord.root]
        root = nearest(roots, pitch)
        beats = max(1, round(span.chord_beats))
        if pattern == "long":
            strokes.append(Stroke(start, span.chord_beats, root, 0.04))
        elif pattern == "fifths":
            other = nearest([p for p in chord.tones(low, high) if p != root], root - 5)
            half = span.chord_beats / 2 if beats % 2 == 0 else float(beats - 1)
            strokes.append(Stroke(start, half, root, 0.04))
            strokes.append(Stroke(start + half, span.chord_beats - half, other))
        elif pattern == "walking":
            strokes.extend(_walking(rng, span, start, beats, root, low, high))
        else:
            step = 1 / span.division
            count = round(span.chord_beats / step)
            strokes.extend(
                Stroke(start + i * step, step, root, 0.05 if i % span.division == 0 else -0.04)
                for i in range(count)
            )
        pitch = strokes[-1].pitch
    return strokes


def _walking(
    rng: np.random.Generator, span: Span, start: float, beats: int, root: int, low: int, high: int
) -> list[Stroke]:
    """Walk from the root in beats, towards the next chord's root."""
    strokes = [Stroke(start, 1.0, root, 0.05)]
    goal = span.chord_at(start + beats).root
    pitch = root
    for i in range(1, beats):
        chord = span.chord_at(start + i)
        if i == beats - 1:
            targets = [p for p in range(low, high + 1) if p % 12 == goal]
            aim = nearest(targets, pitch)
            pitch = nearest(chord.ladder(low, high), aim + int(rng.choice([-2, 2])))
        else:
            pitch = walk(chord.ladder(low, high), pitch, int(rng.choice([-2, -1, 1, 2])))
        strokes.append(Stroke(start + i, 1.0, pitch))
    return strokes


def pad(
    rng: np.random.Generator,
    span: Span,
    low: int,
    high: int,
    previous: float,
    taken: dict[float, set[int]],
) -> list[Stroke]:
    """Write an inner voice: the nearest free chord tone, held, repeated, or off the beat.

    Args:
        rng: Random generator.
        span: Where.
        low: Lowest pitch.
        high: Highest pitch.
        previous: The pitch that the voice comes from.
        taken: Pitch classes that other voices hold, by the beat at which a chord begins; the
            voice adds its own.
    """
    pattern = str(rng.choice(["held", "repeated", "off beat", "rocking"], p=[0.4, 0.2, 0.2, 0.2]))
    step = 1 / span.division
    strokes: list[Stroke] = []
    pitch = previous
    for start in span.chord_starts():
        tones = span.chord_at(start).tones(low, high)
        used = taken.setdefault(start, set())
        free = [tone for tone in tones if tone % 12 not in used] or tones
        pitch = nearest(free, pitch)
        used.add(pitch % 12)
        count = round(span.chord_beats / step)
        if pattern == "held":
            strokes.append(Stroke(start, span.chord_beats, pitch))
        elif pattern == "repeated":
            strokes.extend(
                Stroke(start + i * step, step, pitch, 0.03 if i % span.division == 0 else -0.03)
                for i in range(count)
            )
        elif pattern == "off beat":
            strokes.extend(
                Stroke(start + i * step, step, pitch) for i in range(count) if i % span.division
            )
        else:
            others = [tone for tone in tones if tone != pitch]
            other = nearest(others, pitch + 3)
            strokes.extend(
                Stroke(start + i * step, step, other if i % 2 else pitch) for i in range(count)
            )
    return strokes


def arpeggio(
    rng: np.random.Generator, span: Span, low: int, high: int, previous: float
) -> list[Stroke]:
    """Write broken chords: four or more chord tones up, down, or up and down."""
    step = 1 / span.division if rng.random() < 0.7 or span.division == 3 else 0.25
    shape = str(rng.choice(["up", "down", "wave", "alberti"]))
    strokes: list[Stroke] = []
    for start in span.chord_starts():
        tones = span.chord_at(start).tones(low, high)
        bottom = tones.index(nearest(tones[: max(1, len(tones) - 3)], previous - 5))
        run = tones[bottom : bottom + 4]
        order = {
            "up": run,
            "down": run[::-1],
            "wave": run + run[-2:0:-1],
            "alberti": [run[0], run[min(2, len(run) - 1)], run[min(1, len(run) - 1)], *run[2:3]],
        }[shape]
        for i in range(round(span.chord_beats / step)):
            accent = 0.05 if i == 0 else -0.02
            strokes.append(Stroke(start + i * step, step, order[i % len(order)], accent))
    return strokes


def guitar_voicing(chord: Chord, fret: int) -> list[int]:
    """Return a playable voicing: rising, at most one pitch a string, from `fret` to four above.

    The lowest string that offers the root carries it, and no string below it sounds. Five frets
    on the three lowest strings cover more than an octave, so that there is one.
    """
    pitches: list[int] = []
    for string in _GUITAR_STRINGS:
        offered = [string + f for f in range(fret, fret + 5)]
        if pitches:
            offered = [p for p in offered if p > pitches[-1] and p % 12 in chord.pitch_classes]
        else:
            offered = [p for p in offered if p % 12 == chord.root]
        pitches += offered[:1]
    return pitches


def guitar(rng: np.random.Generator, span: Span) -> list[Stroke]:
    """Write a guitar accompaniment: strummed, picked, or bass and chord in turn.

    Picked notes ring until the chord changes or their string is played again.
    """
    pattern = str(rng.choice(["strum", "pick", "bass and chord", "held"], p=[0.25, 0.4, 0.2, 0.15]))
    fret = int(rng.choice([0, 2, 4, 5]))
    step = 1 / span.division
    order = rng.permutation(4)
    strum = rng.random(64) < 0.6
    strokes: list[Stroke] = []
    for start in span.chord_starts():
        voicing = guitar_voicing(span.chord_at(start), fret)
        count = max(1, round(span.chord_beats / step))
        end = start + span.chord_beats
        if pattern == "pick":
            upper = voicing[1:]
            for i in range(count):
                pitch = voicing[0] if i == 0 else upper[int(order[i % 4]) % len(upper)]
                again = EPSILON_BEATS + step * len(upper)
                at = start + i * step
                ring = end - at if i == 0 else min(end - at, again)
                strokes.append(Stroke(at, ring, pitch, 0.05 if i == 0 else -0.03))
            continue
        if pattern == "held":
            hits = [0]
        elif pattern == "strum":
            hits = [i for i in range(count) if i == 0 or strum[i % 64]]
        else:
            hits = list(range(0, count, span.division))
        for hit, following in zip(hits, [*hits[1:], count], strict=True):
            at, length = start + hit * step, (following - hit) * step
            chosen = voicing
            if pattern == "bass and chord":
                chosen = voicing[:1] if (hit // span.division) % 2 == 0 else voicing[1:]
            accent = 0.05 if hit == 0 else -0.02
            strokes.extend(Stroke(at, length, pitch, accent) for pitch in chosen)
    return strokes
