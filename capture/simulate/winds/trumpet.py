"""The trumpet in B flat or C: one turn of tube round three valves."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import join, rod
from capture.simulate.winds.bores import bore, rounded
from capture.simulate.winds.brass import SILVER, bell, draw_finish, flare, mouthpiece
from capture.simulate.winds.wind import Grip, Wind, fingertips

_LENGTH_M = {"B flat": 0.535, "C": 0.500}
"""From the mouthpiece's rim to the bell's."""
_RIM_M = 0.0615
_TUBE_M = 0.0062
_VALVES_M = (0.225, 0.253, 0.281)
_VALVE_X_M = -0.016


def make_trumpet(rng: np.random.Generator, flare_share: float) -> Wind:
    """Return a trumpet.

    Args:
        rng: Draws the key that it is in, the bell and the finish.
        flare_share: Share by which the bell is wider than usual.
    """
    length = _LENGTH_M["C" if rng.random() < 0.25 else "B flat"]
    rim = _RIM_M * (1 + flare_share) * rng.uniform(0.97, 1.03)
    color = draw_finish(rng)
    front = 0.415 + (length - _LENGTH_M["B flat"])
    last, first = _VALVES_M[-1], _VALVES_M[0]
    tube = ((0.0, _TUBE_M),)
    lead = rounded(
        [
            [0, 0.055, 0],
            [0, front, 0],
            [0, front, -0.066],
            [0, last + 0.02, -0.066],
            [_VALVE_X_M, last, -0.066],
        ],
        0.033,
    )
    back = 0.118
    bell_x = -0.034
    bell_path = rounded(
        [
            [_VALVE_X_M, first, -0.088],
            [bell_x, first - 0.03, -0.088],
            [bell_x, back, -0.088],
            [bell_x, back, 0.0],
            [bell_x, length, 0.0],
        ],
        0.044,
    )
    valves = []
    for y in _VALVES_M:
        x = _VALVE_X_M
        valves += [
            bore(np.array([[x, y, -0.115], [x, y, 0.018]]), ((0.0, 0.0115),), color),
            rod((x, y, 0.016), (x, y, 0.042), 0.0025, SILVER),
            rod((x, y, 0.040), (x, y, 0.046), 0.0075, SILVER),
        ]
    slides = [
        # The third valve's slide goes forward, the first one's backward.
        bore(
            rounded(
                [[x, y, z], [x, y + far, z], [x, y + far, z - 0.026], [x, y, z - 0.026]], 0.013
            ),
            tube,
            color,
        )
        for x, y, z, far in (
            (_VALVE_X_M, last + 0.008, -0.018, 0.085),
            (_VALVE_X_M, first - 0.008, -0.018, -0.050),
        )
    ]
    parts = {
        "mouthpiece": mouthpiece(0.0135, 0.0048, 0.087, SILVER),
        "leadpipe": bore(lead, tube, color),
        "bell": bell(bell_path, [*flare(rim, 0.0075, 0.34), (0.5, _TUBE_M)], color, open_m=0.10),
        "valves": join(valves),
        "slides": join(slides),
    }
    middle = float(np.mean(_VALVES_M))
    return Wind(
        parts=parts,
        # The left hand holds the valve casings, the right one's fingertips lie on the buttons.
        left=Grip(
            point_m=np.array([bell_x - 0.004, middle + 0.005, -0.045]),
            fingers=(0.15, 0.85, 0.45),
            palm=(1.0, -0.1, 0.0),
            elbow=(0.0, 0.8, -0.8),
            curl_rad=1.0,
            forward=0.85,
            depth_m=0.016,
        ),
        right=fingertips(
            np.array([_VALVE_X_M - 0.008, middle - 0.006, 0.048]),
            fingers=(-0.70, 0.55, 0.35),
            palm=(-0.45, 0.0, -0.90),
            elbow=(0.0, -0.8, -0.8),
        ),
        sound_m=np.array([bell_x, length, 0.0]),
    )
