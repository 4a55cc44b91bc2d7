"""Which notes of FluidR3 each recorded player is made of; see `capture.simulate.make_samples`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is cut for one player.

    Attributes:
        instrument: Canonical name.
        variant: Name of the player.
        program: General MIDI program, counted from 0.
        side: Stereo channel.
        keys: The MIDI keys at which FluidR3 holds recordings.
        sustained: Bowed or blown (looped), or plucked (rings out).
        seconds: How much of a sustained note is kept at most.
    """

    instrument: str
    variant: str
    program: int
    side: int
    keys: tuple[int, ...]
    sustained: bool
    seconds: float = 2.4


_VIOLIN = (56, 59, 62, 65, 68, 74, 77, 80, 83, 86, 89, 92, 95)
_VIOLA = (49, 52, 55, 58, 61, 64, 67, 70, 73, 76, 79, 82, 85)
_CELLO = (37, 40, 43, 46, 49, 52, 55, 58, 61, 64, 67, 70, 73, 76)
_DOUBLE_BASS = (29, 32, 35, 38, 41, 44, 47, 50, 56)
_ALTO = (50, 52, 54, 56, 58, 60, 62, 64, 67, 68, 70, 72, 74, 76, 78, 80)
_TENOR = (47, 49, 51, 52, 55, 56, 58, 60, 62, 65, 66, 69, 71, 73, 75)
_GUITAR = (40, 45, 50, 55, 59, 64, 69, 71, 76)

RECIPES = tuple(
    Recipe(
        instrument=instrument,
        variant=variant,
        program=program,
        side=side,
        keys=keys,
        sustained=sustained,
    )
    for instrument, variant, program, side, keys, sustained in (
        ("violin", "left", 40, 0, _VIOLIN, True),
        ("violin", "right", 40, 1, _VIOLIN, True),
        ("viola", "left", 41, 0, _VIOLA, True),
        ("viola", "right", 41, 1, _VIOLA, True),
        ("cello", "left", 42, 0, _CELLO, True),
        ("cello", "right", 42, 1, _CELLO, True),
        ("double_bass", "left", 43, 0, _DOUBLE_BASS, True),
        ("double_bass", "right", 43, 1, _DOUBLE_BASS, True),
        ("guitar", "nylon", 24, 0, _GUITAR, False),
        ("guitar", "steel", 25, 0, _GUITAR, False),
        ("saxophone", "alto", 65, 0, _ALTO, True),
        ("saxophone", "tenor", 66, 0, _TENOR, True),
    )
) + tuple(
    # One player each, of few and short notes: at most 150 kB.
    Recipe(
        instrument=instrument,
        variant="solo",
        program=program,
        side=0,
        keys=keys,
        sustained=True,
        seconds=1.6,
    )
    for instrument, program, keys in (
        ("flute", 73, (61, 67, 74, 80, 84, 90)),
        ("clarinet", 71, (52, 59, 65, 72, 78, 84)),
        ("trumpet", 56, (57, 64, 72, 79)),
        ("oboe", 68, (60, 67, 74, 82)),
        ("bassoon", 70, (37, 43, 49, 55, 61, 67)),
        ("horn", 60, (45, 51, 57, 63, 69, 75)),
        ("trombone", 57, (43, 51, 58, 65, 70)),
        ("tuba", 58, (29, 34, 39, 44, 49, 54)),
    )
)
