"""The tenor trombone: a slide ahead, the bell over the left shoulder."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import join, rod
from capture.simulate.winds.bores import bore, rounded
from capture.simulate.winds.brass import SILVER, bell, draw_finish, flare, mouthpiece
from capture.simulate.winds.wind import Grip, Wind

_FRONT_M = 0.765
"""The slide's crook in first position."""
_BACK_M = -0.330
_BELL_Y_M = 0.585
_APART_M = 0.085
"""Between the tubes of the slide."""
_HANDLE_M = 0.205
_NECK_X_M, _BELL_X_M = -0.098, -0.208
_RIMS_M = (0.1025, 0.1090)
"""Without and with a valve to F."""


def make_trombone(rng: np.random.Generator, flare_share: float) -> Wind:
    """Return a trombone in first position.

    Args:
        rng: Draws whether it has a valve to F, and the finish.
        flare_share: Share by which the bell is wider than usual.
    """
    valve = rng.random() < 0.5
    color = draw_finish(rng)
    rim = _RIMS_M[int(valve)] * (1 + flare_share)
    low = -_APART_M
    inner, outer = ((0.0, 0.0066),), ((0.0, 0.0078),)
    crook = rounded(
        [
            [0, _HANDLE_M - 0.03, 0],
            [0, _FRONT_M, 0],
            [0, _FRONT_M, low],
            [0, _HANDLE_M - 0.03, low],
        ],
        0.0424,
    )
    neck = rounded(
        [
            [0, 0.150, low],
            [0, 0.075, low],
            [_NECK_X_M, 0.030, low + 0.010],
            [_NECK_X_M, _BACK_M, low + 0.015],
            [_BELL_X_M, _BACK_M, -0.045],
            [_BELL_X_M, _BELL_Y_M, -0.045],
        ],
        0.058,
    )
    bell_section = [bell(neck, [*flare(rim, 0.0115, 0.50), (0.9, 0.0078)], color, open_m=0.16)]
    bell_section.append(rod((_NECK_X_M, -0.06, -0.072), (_BELL_X_M, -0.06, -0.045), 0.004, color))
    bell_section.append(rod((_NECK_X_M, 0.02, -0.072), (_BELL_X_M, 0.02, -0.045), 0.004, color))
    if valve:
        wound = rounded(
            [
                [_NECK_X_M, 0.0, -0.075],
                [_NECK_X_M - 0.025, -0.20, -0.060],
                [_NECK_X_M - 0.060, -0.20, -0.055],
                [_NECK_X_M - 0.060, 0.01, -0.055],
                [_NECK_X_M - 0.020, 0.01, -0.075],
            ],
            0.02,
        )
        bell_section.append(bore(wound, ((0.0, 0.0072),), color))
        bell_section.append(rod((_NECK_X_M, 0.0, -0.09), (_NECK_X_M, 0.0, -0.055), 0.022, color))
    parts = {
        "mouthpiece": mouthpiece(0.0195, 0.0060, 0.082, SILVER),
        "stockings": join(
            [
                bore(np.array([[0, 0.055, 0], [0, 0.70, 0]], np.float64), inner, SILVER),
                bore(np.array([[0, 0.100, low], [0, 0.70, low]], np.float64), inner, SILVER),
                rod((0, 0.115, 0), (0, 0.115, low), 0.006, color),
            ]
        ),
        "bell": join(bell_section),
        "slide": join(
            [bore(crook, outer, color), rod((0, _HANDLE_M, 0), (0, _HANDLE_M, low), 0.006, color)]
        ),
    }
    return Wind(
        parts=parts,
        left=Grip(
            point_m=np.array([-0.014, 0.115, 0.5 * low]),
            fingers=(0.15, 0.80, 0.55),
            palm=(1.0, -0.15, -0.10),
            elbow=(0.0, 0.8, -0.8),
            curl_rad=0.9,
            forward=0.90,
            depth_m=0.016,
        ),
        right=Grip(
            point_m=np.array([0.010, _HANDLE_M, 0.55 * low]),
            fingers=(-0.10, 1.0, 0.20),
            palm=(-0.95, 0.0, 0.25),
            elbow=(0.0, -0.8, -0.8),
            curl_rad=0.7,
            follow=0.5,
            forward=1.0,
            depth_m=0.020,
        ),
        sound_m=np.array([_BELL_X_M, _BELL_Y_M, -0.045]),
        slide="slide",
    )
