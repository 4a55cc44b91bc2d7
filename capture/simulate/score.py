"""Scores of the simulated takes, composed from scratch: no piece of anybody else's is played.

A score has a key, a meter, a tempo, chords with cadences, motifs that come back varied, and
textures that change from phrase to phrase: who leads, who plays the bass, who accompanies and how,
who rests. Times are seconds from the start of the take, pitches are sounding MIDI numbers
(60 = C4, 261.63 Hz), velocities go from 0 (silence) to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from capture.instruments import canonical_instrument
from capture.simulate.harmony import Chord, choose_key, draw_progression, nearest
from capture.simulate.texture import (
    Motif,
    Span,
    Stroke,
    arpeggio,
    bass,
    draw_motif,
    guitar,
    harmonize,
    melody,
    pad,
)

RANGES: dict[str, tuple[int, int]] = {
    "violin": (55, 96),
    "viola": (48, 84),
    "cello": (36, 76),
    "double_bass": (28, 60),
    "guitar": (40, 79),
    "saxophone": (49, 80),
}
"""Lowest and highest sounding pitch of each instrument (saxophone: the alto)."""

POLYPHONIC = frozenset({"guitar"})
"""Instruments whose notes may overlap."""

# Where each instrument likes to play: accompaniment from the lower part of it, melody from all.
_COMFORT = {
    "violin": (57, 88),
    "viola": (48, 76),
    "cello": (38, 67),
    "double_bass": (28, 52),
    "guitar": (45, 74),
    "saxophone": (51, 77),
}
_LEAD_WEIGHT = {
    "violin": 3.0,
    "viola": 1.5,
    "cello": 1.5,
    "double_bass": 0.4,
    "guitar": 1.5,
    "saxophone": 3.0,
}
_TEMPO_BPM = (60.0, 140.0)
_SHORTEST_NOTE_S = 0.05
_REST_SHARE = 0.3
_PLAYED_SHARE = 0.55


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note.

    Attributes:
        start_s: When it begins.
        duration_s: How long it is held; its release comes after.
        pitch: Sounding MIDI number.
        velocity: 0 … 1.
    """

    start_s: float
    duration_s: float
    pitch: int
    velocity: float

    @property
    def stop_s(self) -> float:
        """When it is let go."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one player plays.

    Attributes:
        instrument: Canonical name.
        notes: In order of their start. Only a guitar's notes overlap; a note that starts within
            20 ms of the end of the one before is meant legato.
    """

    instrument: str
    notes: tuple[Note, ...]

    def played_share(self, seconds: float) -> float:
        """Return the share of `seconds` in which at least one note is held."""
        held, until = 0.0, 0.0
        for note in self.notes:
            held += max(0.0, note.stop_s - max(note.start_s, until))
            until = max(until, note.stop_s)
        return held / seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The frame of a piece: times in beats, chords by index, phrases as (first bar, bars)."""

    beats: int
    division: int
    bars: int
    beat_s: float
    lead_in_s: float
    swing: float
    chord_beats: float
    chords: tuple[Chord, ...]
    phrases: tuple[tuple[int, int], ...]
    motifs: tuple[Motif, ...]

    def chord_at(self, beat: float) -> Chord:
        """Return the chord that sounds at a beat (the last one after the end)."""
        return self.chords[min(int(beat / self.chord_beats + 1e-6), len(self.chords) - 1)]

    def span(self, first_bar: int, bars: int) -> Span:
        """Return a stretch of the piece."""
        return Span(
            start=float(first_bar * self.beats),
            bars=bars,
            beats=self.beats,
            division=self.division,
            chord_at=self.chord_at,
            chord_beats=self.chord_beats,
        )

    def seconds(self, beat: float) -> float:
        """Return the time of a beat; with swing, the second half of a beat comes late."""
        whole = math.floor(beat + 1e-6)
        part = max(0.0, beat - whole)
        if self.swing != 0.5:
            bent = part / 0.5 * self.swing
            if part > 0.5:
                bent = self.swing + (part - 0.5) / 0.5 * (1 - self.swing)
            part = bent
        return self.lead_in_s + (whole + part) * self.beat_s


@dataclass(slots=True)
class _Player:
    """A player while the piece is being written."""

    instrument: str
    low: int
    high: int
    lag_s: float
    previous: float
    rested: int = 0
    led: int = 0


@dataclass(frozen=True, slots=True)
class _Line:
    """Strokes of one phrase with how they are played: share of the length held, dynamics."""

    strokes: list[Stroke]
    gate: float
    start_level: float
    stop_level: float


def compose(instruments: Sequence[str], seconds: float, seed: int) -> tuple[Part, ...]:
    """Compose a piece for any ensemble.

    Every player plays at least half of the time, and rests now and then.

    Args:
        instruments: One name a player; an instrument may occur more than once.
        seconds: Length of the take.
        seed: The piece: another seed gives other music, the same seed the same notes.

    Returns:
        One part a player, in the order of `instruments`.

    Raises:
        ValueError: No instrument, an unknown one, or a length that is not positive.
    """
    names = [canonical_instrument(name) for name in instruments]
    if not names:
        raise ValueError("instruments is empty: name at least one player's instrument.")
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"seconds must be a positive number, got {seconds}.")
    rng = np.random.default_rng(seed)
    plan = _draw_plan(rng, seconds)
    players = []
    for name in names:
        low, high = _COMFORT[name]
        previous = float(rng.uniform(low + 5, high - 5))
        players.append(_Player(name, low, high, float(rng.normal(0, 0.006)), previous))
    lines: list[list[_Line]] = [[] for _ in players]
    for index, (first_bar, bars) in enumerate(plan.phrases):
        for player, line in zip(lines, _arrange(rng, plan, players, first_bar, bars), strict=True):
            if line is not None:
                player.append(line)
        if index == 0 and len(plan.phrases) > 2 and rng.random() < 0.5:
            plan = replace(plan, motifs=plan.motifs[::-1])
    return tuple(
        Part(instrument=player.instrument, notes=_perform(rng, plan, player, own, seconds))
        for player, own in zip(players, lines, strict=True)
    )


def _draw_plan(rng: np.random.Generator, seconds: float) -> _Plan:
    """Draw tempo, meter, form, chords and motifs such that whole bars fill the take."""
    beats, division = [(4, 2), (3, 2), (2, 2), (2, 3), (4, 3)][
        int(rng.choice(5, p=[0.4, 0.22, 0.1, 0.16, 0.12]))
    ]
    lead_in_s = min(0.25, 0.02 * seconds)
    music_s = seconds - lead_in_s - min(0.6, 0.04 * seconds)
    slowest, fastest = _TEMPO_BPM
    tempo = float(np.exp(rng.uniform(np.log(slowest), np.log(fastest))))
    bars = max(1, round(music_s * tempo / 60 / beats))
    tempo = float(np.clip(bars * beats * 60 / music_s, slowest, fastest))
    bars = max(1, math.ceil(music_s * tempo / 60 / beats - 1e-6))
    phrase_bars = int(rng.choice([2, 4], p=[0.35, 0.65])) if bars < 24 else 4
    starts = list(range(0, bars, phrase_bars))
    if len(starts) > 1 and bars - starts[-1] < 2:
        starts.pop()  # a last phrase of one bar joins the one before
    phrases = tuple(
        (start, stop - start) for start, stop in zip(starts, [*starts[1:], bars], strict=True)
    )
    halves = beats == 4 and tempo < 105 and rng.random() < 0.6
    key = choose_key(rng)
    chords: list[Chord] = []
    for i, (_, length) in enumerate(phrases):
        opening = 0 if i == 0 else int(rng.choice([0, 5, 3, 1], p=[0.5, 0.2, 0.2, 0.1]))
        final = i == len(phrases) - 1
        count = length * (2 if halves else 1)
        chords.extend(draw_progression(rng, key, count, opening=opening, final=final))
    liveliness = float(np.clip(rng.normal(1.7 - tempo / 110, 0.5), 0.0, 2.0))
    motifs = tuple(
        draw_motif(rng, beats, division, liveliness + float(rng.normal(0, 0.3))) for _ in range(3)
    )
    return _Plan(
        beats=beats,
        division=division,
        bars=bars,
        beat_s=60 / tempo,
        lead_in_s=lead_in_s,
        swing=float(rng.uniform(0.55, 0.66)) if division == 2 and rng.random() < 0.25 else 0.5,
        chord_beats=beats / 2 if halves else float(beats),
        chords=tuple(chords),
        phrases=phrases,
        motifs=motifs,
    )


def _arrange(
    rng: np.random.Generator, plan: _Plan, players: list[_Player], first_bar: int, bars: int
) -> list[_Line | None]:
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

    lines: list[_Line | None] = []
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
        lines.append(_Line(strokes, gate, own - swell, own + swell))
    return lines


def _draw_resting(
    rng: np.random.Generator, plan: _Plan, players: list[_Player], followers: list[int], bars: int
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
    rng: np.random.Generator, plan: _Plan, span: Span, player: _Player, texture: str
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
    player: _Player,
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


def _imitate(lead: list[Stroke], span: Span, player: _Player) -> list[Stroke]:
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
    lead: list[Stroke], rng: np.random.Generator, plan: _Plan, span: Span, player: _Player
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
    plan: _Plan,
    span: Span,
    player: _Player,
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


def _perform(
    rng: np.random.Generator, plan: _Plan, player: _Player, lines: list[_Line], seconds: float
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


def _enter_early(notes: list[Note], plan: _Plan, player: _Player, seconds: float) -> list[Note]:
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


def _fill(notes: list[Note], plan: _Plan, player: _Player, seconds: float) -> list[Note]:
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
