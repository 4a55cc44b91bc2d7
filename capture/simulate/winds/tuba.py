"""The bass tuba: on the lap, the bell upwards on the player's left."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import join, rod
from capture.simulate.winds.bores import bore, rounded
from capture.simulate.winds.brass import SILVER, bell, draw_finish, flare, mouthpiece
from capture.simulate.winds.wind import Grip, Wind, fingertips

_TOP_M, _BOTTOM_M = 0.415, -0.500
"""The bell's rim and the middle of the lowest bow, over the mouthpiece."""
_RIM_M = 0.195
_LEFT_M, _RIGHT_M, _Y_M = -0.105, 0.150, 0.215
_VALVES_M = (-0.005, 0.036, 0.077)
_VALVE_Y_M = 0.285
_VALVE_TOP_M = -0.235


def make_tuba(rng: np.random.Generator, flare_share: float) -> Wind:
    """Return a tuba.

    Args:
        rng: Draws the bell and the finish.
        flare_share: Share by which the bell is wider than usual.
    """
    color = draw_finish(rng)
    rim = _RIM_M * (1 + flare_share) * rng.uniform(0.95, 1.08)
    large = rounded(
        [
            [0.060, _Y_M, -0.330],
            [0.060, _Y_M, -0.060],
            [_RIGHT_M, _Y_M, -0.060],
            [_RIGHT_M, _Y_M, _BOTTOM_M],
            [_LEFT_M, _Y_M, _BOTTOM_M],
            [_LEFT_M, _Y_M, _TOP_M],
        ],
        0.105,
    )
    lead = rounded(
        [
            [0, 0.07, 0],
            [0, 0.17, -0.005],
            [0.075, _Y_M + 0.035, -0.030],
            [0.115, _VALVE_Y_M, -0.120],
            [0.115, _VALVE_Y_M, -0.300],
            [_VALVES_M[-1], _VALVE_Y_M, -0.300],
        ],
        0.045,
    )
    last = rounded(
        [
            [_VALVES_M[0], _VALVE_Y_M, -0.350],
            [-0.060, _VALVE_Y_M - 0.01, -0.350],
            [-0.060, _Y_M + 0.02, -0.440],
            [0.060, _Y_M + 0.02, -0.440],
            [0.060, _Y_M, -0.320],
        ],
        0.03,
    )
    valves = []
    for x in _VALVES_M:
        casing = np.array([[x, _VALVE_Y_M, -0.420], [x, _VALVE_Y_M, _VALVE_TOP_M]])
        stem, button = (casing[1] + np.array([0.0, 0.0, high]) for high in (0.029, 0.036))
        valves += [
            bore(casing, ((0.0, 0.0190),), color, sides=12),
            rod(casing[1], stem, 0.004, SILVER),
            rod(stem, button, 0.011, SILVER),
        ]
    y = _VALVE_Y_M + 0.012
    slides = [
        bore(
            rounded([[x, y, -0.30], [x, y, low], [far, y, low], [far, y, -0.30]], 0.018),
            ((0.0, 0.0095),),
            color,
            sides=8,
        )
        for x, far, low in ((-0.005, -0.050, -0.46), (0.077, 0.122, -0.42))
    ]
    profile = [*flare(rim, 0.052, 0.70), (1.05, 0.047), (1.45, 0.034), (1.85, 0.021), (2.2, 0.014)]
    parts = {
        "mouthpiece": mouthpiece(0.0200, 0.0068, 0.085, SILVER),
        "leadpipe": bore(lead, ((0.0, 0.0105), (0.5, 0.0072)), color),
        "bell": bell(large, profile, color, open_m=0.30),
        "branches": bore(last, ((0.0, 0.0140), (0.4, 0.0105)), color),
        "valves": join(valves),
        "slides": join(slides),
    }
    return Wind(
        parts=parts,
        # The left arm goes round the bell's branch, the right hand lies on the valves.
        left=Grip(
            point_m=np.array([_LEFT_M - 0.045, _Y_M + 0.015, -0.330]),
            fingers=(0.20, 0.95, 0.10),
            palm=(0.95, -0.20, 0.0),
            elbow=(-0.1, 0.9, -0.6),
            curl_rad=0.6,
            forward=0.90,
            depth_m=0.016,
        ),
        right=fingertips(
            np.array([_VALVES_M[1], _VALVE_Y_M, _VALVE_TOP_M + 0.036]),
            fingers=(-0.80, 0.55, 0.10),
            palm=(-0.15, 0.0, -1.0),
            elbow=(-0.2, -0.9, -0.4),
        ),
        sound_m=np.array([_LEFT_M, _Y_M, _TOP_M]),
    )
