"""Chairs and music stands, in the player frame (x front, y left, z up, metres)."""

from __future__ import annotations

import numpy as np

from capture.simulate.rotations import turn
from capture.simulate.solids import Color, Mesh, box, join, rod

_COLORS: tuple[Color, ...] = ((40, 40, 44), (120, 85, 55), (90, 92, 98), (60, 70, 90))
_STAND: Color = (30, 30, 32)


def make_chair(seat_m: float, back_m: float, rng: np.random.Generator) -> Mesh:
    """Return a chair for a player who sits over the origin.

    Args:
        seat_m: Height of the seat.
        back_m: x of the front of the backrest (negative: behind the player).
        rng: Draws the form and the color.
    """
    color = _COLORS[rng.integers(len(_COLORS))]
    width = rng.uniform(0.38, 0.46)
    front = back_m + rng.uniform(0.40, 0.46)
    center = (front + back_m) / 2
    legs = width / 2 - 0.025
    parts = [box((front - back_m, width, 0.035), (center, 0, seat_m - 0.0175), color)]
    for x in (front - 0.03, back_m + 0.01):
        for y in (-legs, legs):
            parts.append(rod((x, y, 0.0), (x, y, seat_m - 0.03), 0.012, color))
    if rng.random() < 0.75:
        height = rng.uniform(0.30, 0.42)
        for y in (-legs, legs):
            parts.append(
                rod((back_m, y, seat_m - 0.02), (back_m - 0.05, y, seat_m + height), 0.011, color)
            )
        parts.append(
            box((0.02, width - 0.04, 0.16), (back_m - 0.045, 0, seat_m + height - 0.08), color)
        )
    return join(parts)


def make_stand(height_m: float, rng: np.random.Generator) -> Mesh:
    """Return a music stand at the origin whose desk looks towards −x."""
    width, depth = rng.uniform(0.42, 0.50), rng.uniform(0.24, 0.33)
    lean = rng.uniform(0.5, 0.9)
    desk = box((0.006, width, depth), (0, 0, depth / 2), _STAND)
    paper = box((0.004, 0.42, min(0.297, depth - 0.01)), (-0.006, 0, depth / 2), (235, 235, 230))
    parts = [
        join([desk, paper]).moved(turn(0, lean, 0), np.array([0, 0, height_m])),
        rod((0, 0, 0.12), (0, 0, height_m + 0.05), 0.011, _STAND),
    ]
    start = rng.uniform(0, 2)
    for leg in range(3):
        angle = start + leg * 2 * np.pi / 3
        foot = (0.24 * np.cos(angle), 0.24 * np.sin(angle), 0.006)
        parts.append(rod((0, 0, 0.22), foot, 0.008, _STAND))
    return join(parts)
