"""Sizes of stringed instruments in metres: standard models, as makers' tables give them.

Violin 4/4, viola 16 inches, cello 4/4, double bass 3/4, classical guitar.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StringSizes:
    """Sizes of a stringed instrument, in metres.

    Attributes:
        body: Length of the body.
        lower: Half width of the lower bout; the outline gives the rest.
        rib: Height of the ribs.
        arch: How far the plates bulge.
        neck: From the body's edge to the nut.
        string: Vibrating length, nut to bridge.
        bridge: Height of the strings at the bridge over the top plate.
        nut: y of the strings at the nut.
        scroll: Length beyond the nut.
        spread: Half the distance of the outer strings at the bridge.
        radius: Radius of the bridge's curve (0: flat).
        open_pitches: MIDI numbers, low to high.
    """

    body: float
    lower: float
    rib: float
    arch: float
    neck: float
    string: float
    bridge: float
    nut: float
    scroll: float
    spread: float
    radius: float
    open_pitches: tuple[int, ...]


STRING_SIZES: dict[str, StringSizes] = {
    "violin": StringSizes(
        body=0.355, lower=0.104, rib=0.031, arch=0.015, neck=0.130,
        string=0.325, bridge=0.033, nut=0.021, scroll=0.105, spread=0.0165, radius=0.042,
        open_pitches=(55, 62, 69, 76),
    ),
    "viola": StringSizes(
        body=0.410, lower=0.121, rib=0.037, arch=0.018, neck=0.150,
        string=0.375, bridge=0.038, nut=0.024, scroll=0.120, spread=0.0185, radius=0.048,
        open_pitches=(48, 55, 62, 69),
    ),
    "cello": StringSizes(
        body=0.755, lower=0.220, rib=0.117, arch=0.025, neck=0.280,
        string=0.690, bridge=0.085, nut=0.079, scroll=0.190, spread=0.0235, radius=0.062,
        open_pitches=(36, 43, 50, 57),
    ),
    "double_bass": StringSizes(
        body=1.110, lower=0.335, rib=0.195, arch=0.040, neck=0.440,
        string=1.060, bridge=0.160, nut=0.112, scroll=0.270, spread=0.045, radius=0.085,
        open_pitches=(28, 33, 38, 43),
    ),
    "guitar": StringSizes(
        body=0.490, lower=0.184, rib=0.096, arch=0.003, neck=0.325,
        string=0.650, bridge=0.010, nut=0.056, scroll=0.185, spread=0.029, radius=0.0,
        open_pitches=(40, 45, 50, 55, 59, 64),
    ),
}  # fmt: skip


def scaled(sizes: StringSizes, scale: float) -> StringSizes:
    """Return the sizes of an instrument `scale` times as large."""
    values = {
        field: getattr(sizes, field) * scale
        for field in StringSizes.__slots__
        if field != "open_pitches"
    }
    return StringSizes(**values, open_pitches=sizes.open_pitches)
