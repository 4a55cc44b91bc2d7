"""Who plays what in a phrase of a simulated score: the lead, the bass, accompaniments, rests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from capture.simulate.melody import Span, Stroke, draw_motif, melody
from capture.simulate.notes import RANGES
from capture.simulate.plan import Plan
from capture.simulate.texture import arpeggio, bass, guitar, harmonize, pad

# Where each instrument likes to play: accompaniment from the lower part of it, melody from all.
COMFORT = {
    "violin": (57, 88),
    "viola": (48, 76),
    "cello": (38, 67),
    "double_bass": (28, 52),
    "guitar": (45, 74),
    "saxophone": (51, 77),
    "flute": (62, 91),
    "clarinet": (52, 82),
    "trumpet": (55, 79),
    "oboe": (60, 82),
    "bassoon": (36, 65),
    "horn": (43, 72),
    "trombone": (42, 67),
    "tuba": (29, 53),
}
_LEAD_WEIGHT = {
    "violin": 3.0,
    "viola": 1.5,
    "cello": 1.5,
    "double_bass": 0.4,
    "guitar": 1.5,
    "saxophone": 3.0,
    "flute": 3.0,
    "clarinet": 2.5,
    "trumpet": 2.5,
    "oboe": 2.5,
    "bassoon": 1.0,
    "horn": 1.5,
    "trombone": 1.2,
    "tuba": 0.4,
}
_REST_SHARE = 0.3


@dataclass(slots=True)
class Arranged:
    """A player while the piece is being written."""

    instrument: str
    low: int
    high: int
    lag_s: float
    previous: float
    rested: int = 0
    led: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Strokes of one phrase with how they are played: share of the length held, dynamics."""

    strokes: list[Stroke]
    gate: float
    start_level: float
    stop_level: float


def arrange(
    rng: np.random.Generator, plan: Plan, players: list[Arranged], first_bar: int, bars: int
) -> list[Line | None]:
    """Write one phrase for everybody; None for those who rest."""
    span = plan.span(first_bar, bars)
    order = sorted(range(len(players)), key=lambda i: sum(RANGES[players[i].instrument]))
    weights = np.array([_LEAD_WEIGHT[p.instrument] / (1 + 1.5 * p.led) for p in players])
    leader = int(rng.choice(len(players), p=weights / weights.sum()))
    players[leader].led += 1
    followers = [i for i in order if i != leader]
    resting = _draw_resting(rng, plan, players, followers, bars)
    playing = [i for i in followers if i not in resting]
    texture = str(rng.choice(["song", "chorale", "canon", "dialogue"], p=[0.55, 0.15, 0.15, 0.15]))
    level = float(rng.choice([0.38, 0.5, 0.64, 0.8]))
    swell = float(rng.choice([-0.15, 0.0, 0.15]))

    written: dict[int, list[Stroke]] = {leader: _lead(rng, plan, span, players[leader], texture)}
    taken: dict[float, set[int]] = {}
    for rank, i in enumerate(playing):
        player = players[i]
        low, high = player.low, min(player.high, player.low + 24)
        if texture == "chorale":
            strokes = _in_rhythm(written[leader], span, taken, player, low, high)
        elif texture == "canon" and rank == len(playing) - 1 and bars > 1:
            strokes = _imitate(written[leader], span, player)
        elif texture == "dialogue" and rank == len(playing) - 1 and bars > 1:
            written[leader], strokes = _share(written[leader], rng, plan, span, player)
        elif rank == 0 and (player.high < 70 or len(playing) > 1):
            strokes = bass(rng, span, low, min(high, low + 19), min(player.previous, low + 12))
        else:
            strokes = _accompany(rng, plan, span, player, written[leader], taken)
        written[i] = strokes

    lines: list[Line | None] = []
    for i, player in enumerate(players):
        strokes = written.get(i, [])
        if not strokes:
            lines.append(None)
            continue
        player.previous = float(strokes[-1].pitch)
        own = level + (0.1 if i == leader else -0.08)
        gate = float(rng.choice([1.0, 0.92, 0.5], p=[0.5, 0.3, 0.2]))
        if i != leader and all(stroke.length >= 1.5 for stroke in strokes):
            gate = 1.0
        lines.append(Line(strokes, gate, own - swell, own + swell))
    return lines


def _draw_resting(
    rng: np.random.Generator, plan: Plan, players: list[Arranged], followers: list[int], bars: int
) -> set[int]:
    """Draw who rests in a phrase; nobody rests more than `_REST_SHARE` of the piece."""
    resting: set[int] = set()
    for i in followers:
        allowed = players[i].rested + bars <= _REST_SHARE * plan.bars
        if allowed and rng.random() < 0.3 and len(resting) + 1 < max(2, len(followers)):
            players[i].rested += bars
            resting.add(i)
    return resting


def _lead(
    rng: np.random.Generator, plan: Plan, span: Span, player: Arranged, texture: str
) -> list[Stroke]:
    """Write the leading line: plain motifs in a chorale, otherwise the piece's motifs."""
    motifs = plan.motifs
    if texture == "chorale":
        motifs = tuple(draw_motif(rng, plan.beats, plan.division, -0.3) for _ in range(2))
    middle = (player.low + player.high) / 2
    start = 0.5 * player.previous + 0.5 * (middle + 4)
    return melody(rng, span, motifs, player.low, player.high, start)


def _in_rhythm(
    lead: list[Stroke],
    span: Span,
    taken: dict[float, set[int]],
    player: Arranged,
    low: int,
    high: int,
) -> list[Stroke]:
    """Write a chorale voice: the leader's rhythm, each chord tone as near and as free as can be."""
    strokes: list[Stroke] = []
    pitch = player.previous
    for stroke in lead:
        tones = span.chord_at(stroke.beat).tones(low, high)
        used = taken.setdefault(stroke.beat, {stroke.pitch % 12})
        free = [tone for tone in tones if tone % 12 not in used] or tones
        near = min(free, key=lambda tone: abs(tone - pitch))
        used.add(near % 12)
        strokes.append(replace(stroke, pitch=near))
        pitch = near
    return strokes


def _imitate(lead: list[Stroke], span: Span, player: Arranged) -> list[Stroke]:
    """Answer the leader one bar later, moved to the player's register and the chords there."""
    middle = (player.low + player.high) / 2
    centre = float(np.mean([stroke.pitch for stroke in lead]))
    shift = 12 * round((middle - centre) / 12)
    strokes: list[Stroke] = []
    for stroke in lead:
        beat = stroke.beat + span.beats
        if beat >= span.start + span.length - 1e-6:
            break
        ladder = span.chord_at(beat).ladder(player.low, player.high)
        pitch = min(ladder, key=lambda p: abs(p - stroke.pitch - shift))
        length = min(stroke.length, span.start + span.length - beat)
        strokes.append(replace(stroke, beat=beat, length=length, pitch=pitch))
    return strokes


def _share(
    lead: list[Stroke], rng: np.random.Generator, plan: Plan, span: Span, player: Arranged
) -> tuple[list[Stroke], list[Stroke]]:
    """Split a phrase into question and answer; each holds a long note while the other speaks."""
    turn = span.start + (span.bars // 2) * span.beats
    question = [stroke for stroke in lead if stroke.beat < turn]
    last = question[-1]
    question[-1] = replace(last, length=last.length + span.beats)
    answer_span = replace(span, start=turn, bars=span.bars - span.bars // 2)
    answer = melody(rng, answer_span, plan.motifs, player.low, player.high, player.previous)
    return question, answer


def _accompany(
    rng: np.random.Generator,
    plan: Plan,
    span: Span,
    player: Arranged,
    lead: list[Stroke],
    taken: dict[float, set[int]],
) -> list[Stroke]:
    """Write an accompaniment that suits the instrument."""
    if player.instrument == "guitar" and rng.random() < 0.85:
        return guitar(rng, span)
    low, high = player.low + 2, min(player.high, player.low + 22)
    kind = str(rng.choice(["pad", "arpeggio", "third", "counter"], p=[0.45, 0.2, 0.15, 0.2]))
    if kind == "pad":
        return pad(rng, span, low, high, min(player.previous, high - 3), taken)
    if kind == "arpeggio":
        return arpeggio(rng, span, low, high, player.previous)
    if kind == "third":
        return harmonize(lead, span, player.low, player.high)
    slow = tuple(draw_motif(rng, plan.beats, plan.division, -0.5) for _ in range(2))
    return melody(rng, span, slow, low, high, player.previous)
