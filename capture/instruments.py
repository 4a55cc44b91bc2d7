"""The instruments that the simulator plays and the shipped network tells apart."""

from __future__ import annotations

INSTRUMENTS: tuple[str, ...] = (
    "violin",
    "viola",
    "cello",
    "double_bass",
    "guitar",
    "saxophone",
)
"""Canonical names, in the order in which networks number them."""

_ALIASES = {
    "contrabass": "double_bass",
    "bass": "double_bass",
    "violoncello": "cello",
    "sax": "saxophone",
}


def canonical_instrument(name: str) -> str:
    """Return the canonical name of an instrument.

    Args:
        name: Any spelling: "Double Bass", "double-bass", "sax".

    Raises:
        ValueError: The instrument is not one of `INSTRUMENTS`.
    """
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    key = _ALIASES.get(key, key)
    if key not in INSTRUMENTS:
        raise ValueError(f"unknown instrument {name!r}: choose from {', '.join(INSTRUMENTS)}.")
    return key
