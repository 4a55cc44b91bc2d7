"""The double horn: a coil whose bell looks back to the player's right, with the hand in it."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import join, rod
from capture.simulate.winds.bores import bore, rounded
from capture.simulate.winds.brass import SILVER, bell, draw_finish, flare, mouthpiece
from capture.simulate.winds.wind import Grip, Wind

_RIM_M = 0.155
_COIL_M = 0.135
"""Radius of the outer turn."""
_RIGHT = np.array([0.862, -0.507, 0.0])
"""The bell's direction: to the right and back, in the plane of the coil."""
_OUT = np.array([0.507, 0.862, 0.0])
"""Out of the coil's plane, away from the player."""
_BELL_M = np.array([0.250, 0.125, -0.350])
"""Middle of the bell's rim."""
_BELL_LENGTH_M = 0.215
"""From the lowest point of the coil to the rim."""


def make_horn(rng: np.random.Generator, flare_share: float) -> Wind:
    """Return a horn.

    Args:
        rng: Draws the bell and the finish.
        flare_share: Share by which the bell is wider than usual.
    """
    color = draw_finish(rng)
    rim = _RIM_M * (1 + flare_share) * rng.uniform(0.98, 1.02)
    up = np.array([0.0, 0.0, 1.0])
    middle = _BELL_M - _BELL_LENGTH_M * _RIGHT + _COIL_M * up

    def at(angle: float, radius: float, out: float) -> np.ndarray:
        """Return a point of the coil: the angle goes from the bell's side over the top."""
        turned = np.cos(angle) * _RIGHT + np.sin(angle) * up
        return middle + radius * turned + out * _OUT

    around = np.linspace(np.radians(20), np.radians(270), 16)
    bell_path = np.array([*(at(a, _COIL_M, 0.0) for a in around), _BELL_M])
    inner = np.linspace(np.radians(160), np.radians(160 + 400), 24)
    turns = np.array([at(a, _COIL_M - 0.028 - 0.00004 * i, 0.024) for i, a in enumerate(inner)])
    start = np.array([0.0, 0.055, 0.0])
    lead = rounded(
        [
            start,
            start + np.array([0.0, 0.07, -0.01]),
            at(np.radians(118), _COIL_M + 0.012, 0.02),
            turns[0],
            turns[2],
        ],
        0.06,
    )
    valves = []
    for number in range(4):
        place = middle + (-0.055 + 0.036 * number) * _RIGHT - 0.005 * up + 0.012 * _OUT
        valves.append(rod(place - 0.028 * _OUT, place + 0.030 * _OUT, 0.0165, color))
    levers = []
    for number in range(3):
        hinge = at(np.radians(172), _COIL_M - 0.05, 0.03 - 0.018 * number)
        tip = at(np.radians(150), _COIL_M + 0.030, 0.03 - 0.018 * number)
        levers += [
            rod(hinge, tip, 0.003, SILVER),
            rod(tip - 0.012 * up, tip + 0.012 * up, 0.007, SILVER),
        ]
    slides = [
        bore(
            rounded(
                [
                    middle + u * _RIGHT + 0.02 * up - 0.018 * _OUT,
                    middle + u * _RIGHT + high * up - 0.018 * _OUT,
                    middle + (u + 0.03) * _RIGHT + high * up - 0.018 * _OUT,
                    middle + (u + 0.03) * _RIGHT + 0.02 * up - 0.018 * _OUT,
                ],
                0.015,
            ),
            ((0.0, 0.0068),),
            color,
            sides=8,
        )
        for u, high in (
            (-0.085, 0.075),
            (-0.035, 0.095),
            (0.02, 0.08),
            (-0.06, -0.075),
            (0.0, -0.085),
        )
    ]
    profile = [*flare(rim, 0.018, 0.36), (0.60, 0.0095), (0.9, 0.0068)]
    parts = {
        "mouthpiece": mouthpiece(0.0125, 0.0042, 0.068, SILVER),
        "leadpipe": bore(lead, ((0.0, 0.0062), (0.45, 0.0048)), color),
        "coil": bore(turns, ((0.0, 0.0068),), color),
        "bell": bell(bell_path, profile, color, open_m=0.14),
        "valves": join([*valves, *levers]),
        "slides": join(slides),
    }
    return Wind(
        parts=parts,
        left=Grip(
            point_m=at(np.radians(165), _COIL_M + 0.006, 0.01),
            fingers=(0.30, -0.10, 0.90),
            palm=(0.85, -0.45, -0.25),
            elbow=(0.0, 0.8, -0.9),
            curl_rad=0.8,
            forward=0.9,
            depth_m=0.02,
        ),
        # The fingers lie inside the bell, the palm looks to the player.
        right=Grip(
            point_m=_BELL_M - 0.062 * _RIGHT + 0.048 * _OUT,
            fingers=(-0.86, 0.50, 0.08),
            palm=(-0.50, -0.86, 0.0),
            elbow=(-0.5, -0.8, -0.2),
            curl_rad=0.9,
            forward=1.15,
            depth_m=0.010,
        ),
        sound_m=_BELL_M.copy(),
    )
