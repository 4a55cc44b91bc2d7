"""How both hands hold a straight woodwind: one below the other, thumbs behind, fingers before."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import Color
from capture.simulate.winds.wind import Grip

REED: Color = (205, 180, 120)


def straight_hands(left_m: float, right_m: float, radius_m: float) -> tuple[Grip, Grip]:
    """Return the left and the right hand on a tube that runs down along −z.

    Args:
        left_m: Middle of the left hand's keys, from the mouthpiece.
        right_m: Middle of the right hand's.
        radius_m: Of the tube.
    """
    grips = [
        Grip(
            point_m=np.array([sign * radius_m, 0.008, -down]),
            fingers=(-0.25 * sign, 1.0, 0.10),
            palm=(-1.0 * sign, -0.25, 0.0),
            elbow=(-0.1, -0.75 * sign, -0.8),
            curl_rad=0.85,
            depth_m=0.014,
        )
        for sign, down in ((-1.0, left_m), (1.0, right_m))
    ]
    return grips[0], grips[1]
