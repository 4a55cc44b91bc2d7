"""Scores of the simulated takes, composed from scratch: no piece of anybody else's is played.

A score has a key, a meter, a tempo, chords with cadences, motifs that come back varied, and
textures that change from phrase to phrase: who leads, who plays the bass, who accompanies and how,
who rests. Times are seconds from the start of the take, pitches are sounding MIDI numbers
(60 = C4, 261.63 Hz), velocities go from 0 (silence) to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from capture.instruments import canonical_instrument
from capture.simulate.arrangement import COMFORT, Arranged, Line, arrange
from capture.simulate.notes import POLYPHONIC, RANGES, Note, Part
from capture.simulate.performance import perform
from capture.simulate.plan import draw_plan

__all__ = ["POLYPHONIC", "RANGES", "Note", "Part", "compose"]


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
    plan = draw_plan(rng, seconds)
    players = []
    for name in names:
        low, high = COMFORT[name]
        previous = float(rng.uniform(low + 5, high - 5))
        players.append(Arranged(name, low, high, float(rng.normal(0, 0.006)), previous))
    lines: list[list[Line]] = [[] for _ in players]
    for index, (first_bar, bars) in enumerate(plan.phrases):
        for player, line in zip(lines, arrange(rng, plan, players, first_bar, bars), strict=True):
            if line is not None:
                player.append(line)
        if index == 0 and len(plan.phrases) > 2 and rng.random() < 0.5:
            plan = replace(plan, motifs=plan.motifs[::-1])
    return tuple(
        Part(instrument=player.instrument, notes=perform(rng, plan, player, own, seconds))
        for player, own in zip(players, lines, strict=True)
    )
