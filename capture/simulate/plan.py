"""The plan of a simulated score: meter, tempo, phrases, chords, motifs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from capture.simulate.harmony import Chord, choose_key, draw_progression
from capture.simulate.melody import Motif, Span, draw_motif

_TEMPO_BPM = (60.0, 140.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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


def draw_plan(rng: np.random.Generator, seconds: float) -> Plan:
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
    return Plan(
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
