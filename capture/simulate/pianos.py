"""Pianos that stand on the stage: large, dark, and higher than a player's knees."""

from __future__ import annotations

import numpy as np

from capture.simulate.rotations import turn
from capture.simulate.solids import Color, Mesh, box, join, loft, rod

_LACQUER: Color = (26, 24, 24)
_KEYS: Color = (230, 228, 220)


def make_piano(rng: np.random.Generator) -> Mesh:
    """Return a grand or an upright piano with its bench, the keyboard towards −x at the origin."""
    return _grand(rng) if rng.random() < 0.5 else _upright(rng)


def _upright(rng: np.random.Generator) -> Mesh:
    width, height, depth = 1.5, rng.uniform(1.12, 1.28), rng.uniform(0.32, 0.40)
    parts = [
        box((depth, width, height), (0.2 + depth / 2, 0, height / 2), _LACQUER),
        box((0.30, width, 0.14), (0.05, 0, 0.68), _LACQUER),
        box((0.14, width - 0.12, 0.02), (-0.02, 0, 0.76), _KEYS),
    ]
    parts += [rod((-0.06, y, 0), (-0.06, y, 0.62), 0.03, _LACQUER) for y in (-0.66, 0.66)]
    return join([*parts, _bench(rng)])


def _grand(rng: np.random.Generator) -> Mesh:
    width, length = 1.5, rng.uniform(1.5, 1.9)
    outline = np.array(
        [
            (0.0, -width / 2),
            (length * 0.55, -width / 2 + 0.02),
            (length * 0.72, -0.45),
            (length * 0.86, -0.12),
            (length, 0.15),
            (length * 0.99, width / 2 - 0.15),
            (length * 0.93, width / 2),
            (0.0, width / 2),
        ]
    )
    parts = [
        _slab(outline, 0.66, 0.98),
        box((0.24, width, 0.16), (-0.12, 0, 0.72), _LACQUER),
        box((0.14, width - 0.2, 0.02), (-0.14, 0, 0.81), _KEYS),
    ]
    parts += [
        rod((x, y, 0), (x, y, 0.68), 0.05, _LACQUER)
        for x, y in ((0.1, -0.6), (0.1, 0.6), (length - 0.3, 0.3))
    ]
    if rng.random() < 0.6:  # the lid is open, hinged at the straight side
        angle = rng.uniform(0.35, 0.7)
        hinge = np.array([0.0, width / 2, 0.98])
        lid = _slab(outline - hinge[:2], 0.0, 0.02)
        parts.append(lid.moved(turn(0.0, 0.0, -angle), hinge))
    return join([*parts, _bench(rng)])


def _bench(rng: np.random.Generator) -> Mesh:
    x = -0.55 - rng.uniform(0, 0.1)
    top = box((0.34, 0.60, 0.07), (x, 0, 0.47), _LACQUER)
    legs = [
        rod((x + a, b, 0), (x + a, b, 0.45), 0.022, _LACQUER)
        for a in (-0.14, 0.14)
        for b in (-0.26, 0.26)
    ]
    return join([top, *legs])


def _slab(outline_m: np.ndarray, low_m: float, high_m: float) -> Mesh:
    """Return an upright solid over an outline that runs anticlockwise seen from above."""
    rings = [np.column_stack([outline_m, np.full(len(outline_m), z)]) for z in (low_m, high_m)]
    return loft(np.array(rings), _LACQUER)
