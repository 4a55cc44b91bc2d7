"""The instruments that the simulator plays, and those of them that the shipped network knows."""

from __future__ import annotations

INSTRUMENTS: tuple[str, ...] = (
    "violin",
    "viola",
    "cello",
    "double_bass",
    "guitar",
    "saxophone",
)
"""What the shipped network tells apart, in the order in which networks number them.

Whatever draws players at random draws from these.
"""

OTHER_INSTRUMENTS: tuple[str, ...] = (
    "flute",
    "clarinet",
    "trumpet",
    "oboe",
    "bassoon",
    "horn",
    "trombone",
    "tuba",
)
"""What the simulator plays besides, where it is asked for by name."""

PLAYED_INSTRUMENTS: tuple[str, ...] = INSTRUMENTS + OTHER_INSTRUMENTS
"""Canonical names of all that the simulator plays."""

_ALIASES = {
    "contrabass": "double_bass",
    "bass": "double_bass",
    "violoncello": "cello",
    "sax": "saxophone",
    "french_horn": "horn",
}


def canonical_instrument(name: str) -> str:
    """Return the canonical name of an instrument.

    Args:
        name: Any spelling: "Double Bass", "double-bass", "sax".

    Raises:
        ValueError: The instrument is not one of `PLAYED_INSTRUMENTS`.
    """
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    key = _ALIASES.get(key, key)
    if key not in PLAYED_INSTRUMENTS:
        raise ValueError(
            f"unknown instrument {name!r}: choose from {', '.join(PLAYED_INSTRUMENTS)}."
        )
    return key
