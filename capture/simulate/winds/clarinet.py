"""The soprano clarinet in B flat or A: a cylinder with a bell, straight down from the mouth."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import EBONY, Color, join, rod
from capture.simulate.winds.bores import bore, keywork
from capture.simulate.winds.reeds import straight_hands
from capture.simulate.winds.wind import Wind

_LENGTH_M = {"B flat": 0.665, "A": 0.705}
_METALS: tuple[Color, ...] = ((195, 195, 200), (205, 170, 95))


def make_clarinet(rng: np.random.Generator, flare: float) -> Wind:
    """Return a clarinet.

    Args:
        rng: Draws the key that it is in, and the color of its keys.
        flare: Share by which the bell is wider than usual.
    """
    length = _LENGTH_M["A" if rng.random() < 0.25 else "B flat"]
    longer = length / _LENGTH_M["B flat"]
    metal = _METALS[int(rng.random() < 0.15)]
    wood: Color = EBONY if rng.random() < 0.85 else (95, 52, 35)

    def at(down: float, away: float = 0.0, right: float = 0.0) -> list[float]:
        return [right, away, -down]

    upper, lower, bell = 0.125, 0.36 * longer, 0.595 * longer
    rim = 0.039 * (1 + flare)
    left_m, right_m = 0.255 * longer, 0.425 * longer
    cups = [*np.linspace(0.205, 0.315, 5), *np.linspace(0.385, 0.475, 4), 0.515, 0.55]
    rods = [
        rod(at(0.15 * longer, 0.012, x), at(0.34 * longer, 0.012, x), 0.003, metal)
        for x in (0.010, -0.010)
    ]
    rods.append(rod(at(0.38 * longer, 0.012, 0.011), at(0.57 * longer, 0.012, 0.011), 0.003, metal))
    parts = {
        "mouthpiece": bore(
            np.array([at(0.0), at(0.085)]),
            ((0.0, 0.0145), (0.04, 0.0135), (0.07, 0.008), (0.085, 0.004)),
            EBONY,
        ),
        "ligature": bore(np.array([at(0.044), at(0.064)]), ((0.0, 0.0142),), metal),
        "barrel": bore(
            np.array([at(0.072), at(upper)]),
            ((0.0, 0.0165), (0.03, 0.0150), (0.06, 0.0165)),
            wood,
        ),
        "upper joint": bore(np.array([at(upper), at(lower)]), ((0.0, 0.0145),), wood),
        "lower joint": bore(
            np.array([at(lower), at(bell)]), ((0.0, 0.0165), (0.20, 0.0148), (0.235, 0.0165)), wood
        ),
        "bell": bore(
            np.array([at(bell - 0.01), at(length)]),
            ((0.0, rim), (0.008, 0.88 * rim), (0.03, 0.027), (0.055, 0.021), (0.08, 0.019)),
            wood,
            sides=18,
            open_m=0.045,
        ),
        "keys": join(
            [
                keywork([at(x * longer, 0.014) for x in cups], (0, 1, 0), 0.0075, 0.005, metal),
                keywork([at(0.62 * length, 0.006, 0.016)], (1, 0.3, 0), 0.009, 0.005, metal),
                keywork([at(0.70 * length, 0.006, -0.016)], (-1, 0.3, 0), 0.010, 0.005, metal),
                *rods,
            ]
        ),
    }
    left, right = straight_hands(left_m, right_m, 0.016)
    return Wind(parts=parts, left=left, right=right, sound_m=np.array(at(0.75 * length)))
