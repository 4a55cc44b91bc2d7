"""The bassoon: a tube that goes down to the boot and up again, and a bocal to the mouth.

Its long axis runs along z here; the player holds it leaning.
"""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import Color, join, rod
from capture.simulate.winds.bores import bore, keywork, rounded
from capture.simulate.winds.reeds import REED, straight_hands
from capture.simulate.winds.wind import Wind

# Heights over the reed's tip: the ends of boot, wing joint, long joint and bell.
_BOTTOM_M, _BOOT_M, _WING_M, _LONG_M, _TOP_M = -0.855, -0.415, -0.010, 0.145, 0.485
_X_M, _Y_M = -0.100, 0.200
"""Where the wing joint stands beside the reed's tip."""
_APART_M = 0.038
"""Between the wing joint and the long joint."""


def make_bassoon(rng: np.random.Generator, flare: float) -> Wind:
    """Return a bassoon.

    Args:
        rng: Draws the varnish and the rim.
        flare: Share by which the bell is wider than usual.
    """
    woods: tuple[Color, ...] = ((96, 34, 24), (120, 56, 30), (52, 28, 24))
    wood = woods[int(rng.choice(3, p=[0.6, 0.25, 0.15]))]
    metal: Color = (195, 195, 200)
    rim_color: Color = (235, 228, 210) if rng.random() < 0.6 else metal
    long_x = _X_M - _APART_M

    def upright(x: float, start: float, stop: float) -> np.ndarray:
        return np.array([[x, _Y_M, start], [x, _Y_M, stop]])

    bocal = rounded(
        [
            [0.0, 0.045, 0.0],
            [-0.01, 0.10, 0.0],
            [_X_M, _Y_M - 0.03, 0.055],
            [_X_M, _Y_M, 0.060],
            [_X_M, _Y_M, -0.05],
        ],
        0.035,
    )
    bell = 0.0250 * (1 + flare)
    wing_keys = [[_X_M, _Y_M + 0.016, z] for z in np.linspace(-0.10, -0.36, 7)]
    boot_keys = [[_X_M, _Y_M + 0.022, z] for z in np.linspace(-0.45, -0.80, 8)]
    long_keys = [[long_x, _Y_M - 0.018, z] for z in np.linspace(0.10, -0.36, 6)]
    rods = [
        rod((_X_M + 0.012, _Y_M + 0.020, start), (_X_M + 0.012, _Y_M + 0.020, stop), 0.003, metal)
        for start, stop in ((-0.06, -0.40), (-0.44, -0.82))
    ]
    rods.append(rod((long_x, _Y_M + 0.021, 0.12), (long_x, _Y_M + 0.021, -0.40), 0.003, metal))
    parts = {
        "reed": bore(
            np.array([[0.0, 0.0, 0.0], [0.0, 0.055, 0.0]]),
            ((0.0, 0.0040), (0.030, 0.0055), (0.055, 0.0075)),
            REED,
            sides=8,
        ),
        "bocal": bore(bocal, ((0.0, 0.0050), (0.30, 0.0028)), metal, sides=8),
        "wing joint": bore(
            upright(_X_M, _WING_M, _BOOT_M - 0.02), ((0.0, 0.017), (0.40, 0.0145)), wood
        ),
        "boot": join(
            [
                bore(
                    upright(x, _BOOT_M, _BOTTOM_M), ((0.0, 0.0235), (0.44, 0.0225)), wood, sides=12
                )
                for x in (_X_M, long_x)
            ]
        ),
        "long joint": bore(
            upright(long_x, _BOOT_M - 0.02, _LONG_M), ((0.0, 0.0185), (0.55, 0.0195)), wood
        ),
        "bell": bore(
            upright(long_x, _LONG_M - 0.01, _TOP_M),
            ((0.0, 0.95 * bell), (0.09, bell), (0.20, 0.0210), (0.31, 0.0235), (0.35, 0.0220)),
            wood,
            sides=14,
            open_m=0.06,
        ),
        "rim": bore(
            upright(long_x, _TOP_M - 0.035, _TOP_M - 0.002), ((0.0, bell + 0.001),), rim_color
        ),
        "keys": join(
            [
                keywork(wing_keys, (0, 1, 0), 0.009, 0.007, metal),
                keywork(boot_keys, (0, 1, 0), 0.012, 0.007, metal),
                keywork(long_keys, (0, -1, 0), 0.011, 0.007, metal),
                *rods,
            ]
        ),
    }
    left, right = straight_hands(0.215, 0.600, 0.020)
    return Wind(
        parts=parts,
        left=left.shifted(np.array([long_x, _Y_M, 0.0])),
        right=right.shifted(np.array([_X_M + 0.003, _Y_M, 0.0])),
        sound_m=np.array([long_x, _Y_M, 0.0]),
    )
