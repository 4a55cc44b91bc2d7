"""How the sampler plays each instrument: how notes begin, run into each other, sway and end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an instrument is played.

    Attributes:
        release_s: Time in which a note that is let go falls by 20 dB.
        slur_s: Cross-fade of a slur.
        longest_attack_s: A recording's slower attack is entered later.
        vibrato_cents: Largest deviation, before a player's own taste.
        vibrato_delay_s: When it sets in.
        level_db: Added to every note: an instrument that sounds several at once plays each softer.
    """

    release_s: float
    slur_s: float
    longest_attack_s: float
    vibrato_cents: float
    vibrato_delay_s: float
    level_db: float = 0.0


MANNERS: dict[str, Manner] = {
    "violin": Manner(
        release_s=0.12,
        slur_s=0.045,
        longest_attack_s=0.08,
        vibrato_cents=14.0,
        vibrato_delay_s=0.25,
    ),
    "viola": Manner(
        release_s=0.13,
        slur_s=0.05,
        longest_attack_s=0.09,
        vibrato_cents=13.0,
        vibrato_delay_s=0.28,
    ),
    "cello": Manner(
        release_s=0.16,
        slur_s=0.055,
        longest_attack_s=0.1,
        vibrato_cents=12.0,
        vibrato_delay_s=0.3,
    ),
    "double_bass": Manner(
        release_s=0.22,
        slur_s=0.06,
        longest_attack_s=0.11,
        vibrato_cents=7.0,
        vibrato_delay_s=0.35,
    ),
    "guitar": Manner(
        release_s=0.15,
        slur_s=0.0,
        longest_attack_s=1.0,
        vibrato_cents=0.0,
        vibrato_delay_s=0.0,
        level_db=-8.0,
    ),
    "saxophone": Manner(
        release_s=0.07,
        slur_s=0.03,
        longest_attack_s=0.06,
        vibrato_cents=7.0,
        vibrato_delay_s=0.4,
    ),
    "flute": Manner(
        release_s=0.08,
        slur_s=0.035,
        longest_attack_s=0.06,
        vibrato_cents=9.0,
        vibrato_delay_s=0.3,
    ),
    # Clarinets and brass play without vibrato, or with next to none.
    "clarinet": Manner(
        release_s=0.07,
        slur_s=0.03,
        longest_attack_s=0.05,
        vibrato_cents=1.5,
        vibrato_delay_s=0.4,
    ),
    "trumpet": Manner(
        release_s=0.07,
        slur_s=0.03,
        longest_attack_s=0.05,
        vibrato_cents=3.0,
        vibrato_delay_s=0.4,
    ),
    "oboe": Manner(
        release_s=0.07,
        slur_s=0.03,
        longest_attack_s=0.05,
        vibrato_cents=7.0,
        vibrato_delay_s=0.35,
    ),
    "bassoon": Manner(
        release_s=0.08,
        slur_s=0.035,
        longest_attack_s=0.06,
        vibrato_cents=5.0,
        vibrato_delay_s=0.35,
    ),
    "horn": Manner(
        release_s=0.09,
        slur_s=0.04,
        longest_attack_s=0.06,
        vibrato_cents=1.5,
        vibrato_delay_s=0.4,
    ),
    "trombone": Manner(
        release_s=0.08,
        slur_s=0.045,
        longest_attack_s=0.06,
        vibrato_cents=3.0,
        vibrato_delay_s=0.4,
    ),
    "tuba": Manner(
        release_s=0.10,
        slur_s=0.045,
        longest_attack_s=0.07,
        vibrato_cents=1.5,
        vibrato_delay_s=0.4,
    ),
}
