"""The oboe: a narrow cone below a double reed."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import EBONY, Color, join, rod
from capture.simulate.winds.bores import bore, keywork
from capture.simulate.winds.reeds import REED, straight_hands
from capture.simulate.winds.wind import Wind

_LENGTH_M = 0.648
_REED_M = 0.052
"""How far the reed stands out of the top joint."""


def make_oboe(rng: np.random.Generator, flare: float) -> Wind:
    """Return an oboe.

    Args:
        rng: Draws the wood and the keys.
        flare: Share by which the bell is wider than usual.
    """
    wood: Color = EBONY if rng.random() < 0.8 else (85, 40, 30)
    metal: Color = (195, 195, 200) if rng.random() < 0.85 else (205, 170, 95)
    upper, lower, bell = _REED_M, 0.300, 0.525
    rim = 0.0290 * (1 + flare)

    def down(start: float, stop: float) -> np.ndarray:
        return np.array([[0.0, 0.0, -start], [0.0, 0.0, -stop]])

    cups = [*np.linspace(0.150, 0.285, 7), *np.linspace(0.325, 0.440, 6), 0.475, 0.505]
    rods = [
        rod((x, 0.011, -start), (x, 0.011, -stop), 0.0028, metal)
        for x, start, stop in (
            (0.009, 0.09, 0.29),
            (-0.009, 0.12, 0.29),
            (0.009, 0.31, 0.51),
            (-0.009, 0.31, 0.57),
        )
    ]
    parts = {
        "reed": bore(
            down(0.0, upper + 0.005), ((0.0, 0.0035), (0.030, 0.0030), (0.057, 0.0036)), REED
        ),
        "upper joint": bore(
            down(upper, lower),
            ((0.0, 0.0130), (0.02, 0.0115), (0.20, 0.0105), (0.245, 0.0125)),
            wood,
        ),
        "lower joint": bore(
            down(lower, bell),
            ((0.0, 0.0155), (0.02, 0.0135), (0.20, 0.0125), (0.225, 0.0145)),
            wood,
        ),
        "bell": bore(
            down(bell, _LENGTH_M),
            ((0.0, 0.94 * rim), (0.012, rim), (0.035, 0.85 * rim), (0.080, 0.018), (0.123, 0.0160)),
            wood,
            sides=16,
            open_m=0.040,
        ),
        "keys": join(
            [keywork([[0.0, 0.011, -z] for z in cups], (0, 1, 0), 0.0065, 0.006, metal), *rods]
        ),
    }
    left, right = straight_hands(0.225, 0.395, 0.013)
    return Wind(parts=parts, left=left, right=right, sound_m=np.array([0.0, 0.0, -0.45]))
