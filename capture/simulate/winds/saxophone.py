"""The alto and tenor saxophone: a conical tube swept from the mouthpiece to the bell, and keys."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import EBONY, Color, Mesh, box, join, rod, tube
from capture.simulate.winds.wind import Grip, Wind

_TENOR_SIZE = 1.18


def make_saxophone(scale: float, rng: np.random.Generator) -> Wind:
    """Return a saxophone.

    Args:
        scale: Beside the standard size.
        rng: Draws whether it is an alto or a tenor, and the color.
    """
    size = scale * (_TENOR_SIZE if rng.random() < 0.4 else 1.0)
    left, right = (
        Grip(
            point_m=np.array([0, 0.188, down_m]) * size + np.array([sign * 0.030, 0.012, 0.0]),
            fingers=(-0.1 * sign, 1.0, -0.15),
            palm=(-sign, 0.0, 0.0),
            elbow=(-0.2, -0.75 * sign, -0.7),
        )
        for sign, down_m in ((-1.0, -0.17), (1.0, -0.37))
    )
    return Wind(
        parts={name: part.resized(size) for name, part in _parts(rng).items()},
        left=left,
        right=right,
        sound_m=np.array([0.0, 0.345, -0.28]) * size,
        size=size,
    )


def _parts(rng: np.random.Generator) -> dict[str, Mesh]:
    lacquer: Color = (205, 165, 70) if rng.random() < 0.75 else (180, 180, 185)
    mouthpiece = np.array([[0, 0, 0], [0, 0.045, 0.006], [0, 0.085, 0.012]])
    neck = np.array(
        [[0, 0.075, 0.010], [0, 0.115, 0.020], [0, 0.150, 0.018], [0, 0.175, 0.000],
         [0, 0.186, -0.030], [0, 0.188, -0.060]]
    )  # fmt: skip
    straight = np.linspace([0, 0.188, -0.06], [0, 0.188, -0.53], 14)
    half = np.linspace(0, np.pi, 11)
    elbow = np.stack(
        [np.zeros(11), 0.188 + 0.058 * (1 - np.cos(half)), -0.53 - 0.058 * np.sin(half)], axis=1
    )
    rise = np.linspace(0, 1, 12)
    bell = np.stack([np.zeros(12), 0.304 + 0.045 * rise**2, -0.53 + 0.27 * rise], axis=1)
    path = np.concatenate([straight, elbow[1:], bell[1:]])
    conical = np.linspace(0.0125, 0.040, len(path) - 5)
    flare = 0.040 + 0.022 * np.linspace(0.2, 1, 5) ** 2
    keys: list[Mesh] = []
    for index, z in enumerate(np.linspace(-0.10, -0.50, 13)):
        lean = 0.022 * np.sin(1.7 * index)
        radius = 0.010 + 0.0006 * index
        keys.append(rod((lean, 0.195, z), (lean * 1.4, 0.226 + 0.0012 * index, z), radius, lacquer))
    for x in (0.034, -0.034):
        keys.append(rod((x, 0.196, -0.09), (x * 1.15, 0.200, -0.50), 0.005, lacquer))
    keys.append(box((0.004, 0.05, 0.09), (0.066, 0.30, -0.42), lacquer))
    keys.append(box((0.004, 0.05, 0.09), (-0.066, 0.30, -0.36), lacquer))
    return {
        "mouthpiece": tube(mouthpiece, np.array([0.006, 0.011, 0.012]), EBONY),
        "neck": tube(neck, np.linspace(0.0085, 0.013, 6), lacquer),
        "body": tube(path, np.concatenate([conical, flare]), lacquer, sides=16),
        "keys": join(keys),
    }
