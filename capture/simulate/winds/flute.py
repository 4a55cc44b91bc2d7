"""The concert flute: a cylinder across the mouth, with a foot to C or B."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import Color, join, rod
from capture.simulate.winds.bores import bore, keywork
from capture.simulate.winds.wind import Grip, Wind

# Along the tube from the middle of the embouchure hole.
_CROWN_M, _HEAD_M, _BODY_M = -0.064, 0.165, 0.510
_FOOT_C_M, _FOOT_B_M = 0.605, 0.647
_RADIUS_M = 0.0099
# The tube's middle, seen from where the lips touch the plate.
_AXIS_Y_M, _AXIS_Z_M = 0.012, -0.010


def make_flute(rng: np.random.Generator, flare: float) -> Wind:
    """Return a flute.

    Args:
        rng: Draws the foot and the color.
        flare: Share by which the lip plate is larger than usual.
    """
    foot = _FOOT_B_M if rng.random() < 0.4 else _FOOT_C_M
    metals: tuple[Color, ...] = ((200, 200, 205), (205, 170, 95), (60, 38, 30))
    tube = metals[int(rng.choice(3, p=[0.75, 0.15, 0.1]))]
    silver = metals[0]

    def at(x: float, up: float = 0.0, away: float = 0.0) -> list[float]:
        return [x, _AXIS_Y_M + away, _AXIS_Z_M + up]

    def straight(start: float, stop: float) -> np.ndarray:
        return np.array([at(start), at(stop)])

    plate = 0.0135 * (1 + flare)
    cups = [*np.linspace(0.205, 0.335, 6), *np.linspace(0.362, 0.485, 6), 0.535, 0.56, 0.585]
    parts = {
        # The crown is slimmer than the body.
        "head joint": bore(straight(_CROWN_M, _HEAD_M), ((0.0, _RADIUS_M), (0.229, 0.0087)), tube),
        "lip plate": bore(
            straight(-0.030, 0.030),
            ((0.0, 0.0100), (0.012, plate), (0.048, plate), (0.06, 0.0100)),
            tube,
            sides=14,
        ),
        "body": bore(straight(_HEAD_M - 0.02, _BODY_M), ((0.0, 0.0104), (0.345, 0.0108)), tube),
        "foot joint": bore(straight(_BODY_M, foot), ((0.0, _RADIUS_M), (0.08, 0.0106)), tube),
        "keys": join(
            [
                keywork([at(x, up=0.010) for x in cups], (0, 0.2, 1), 0.0085, 0.005, silver),
                rod(at(0.19, 0.008, 0.012), at(0.49, 0.008, 0.012), 0.0025, silver),
                rod(at(0.515, 0.008, 0.012), at(0.595, 0.008, 0.012), 0.0025, silver),
            ]
        ),
    }
    return Wind(
        parts=parts,
        # The left palm looks at the player, its fingers reach over the tube from beyond.
        left=Grip(
            point_m=np.array(at(0.262, up=-0.002, away=0.010)),
            fingers=(0.25, -0.20, 1.0),
            palm=(-0.1, -1.0, -0.1),
            elbow=(0.25, 0.5, -1.0),
            curl_rad=0.95,
            depth_m=0.016,
        ),
        right=Grip(
            point_m=np.array(at(0.412, up=-0.004, away=-0.010)),
            fingers=(-0.20, 0.60, 0.80),
            palm=(-0.05, 0.80, -0.60),
            elbow=(-0.3, -0.8, -0.7),
            curl_rad=0.9,
            depth_m=0.016,
        ),
        sound_m=np.array(at(0.25)),
    )
