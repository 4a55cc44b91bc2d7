"""Bows, in their own frame: origin at the frog on the stick, z to the tip, hair at −y."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from capture.simulate.solids import EBONY, Color, Mesh, box, join, tube

_HAIR: Color = (225, 220, 205)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bow:
    """A bow.

    Attributes:
        mesh: In the bow frame.
        hair_m: Length of the hair that can be played.
        gap_m: From the stick to the hair.
    """

    mesh: Mesh
    hair_m: float
    gap_m: float


# Length of the stick and of the playable hair.
_BOWS = {
    "violin": (0.73, 0.62),
    "viola": (0.73, 0.62),
    "cello": (0.71, 0.58),
    "double_bass": (0.69, 0.53),
}
HAIR_START_M = 0.045
"""From the origin to where the hair can be played."""


def make_bow(instrument: str) -> Bow:
    """Return the bow of a violin, viola, cello or double bass."""
    stick, hair = _BOWS[instrument]
    gap = 0.021 if stick > 0.715 else 0.027
    along = np.linspace(-0.03, stick - 0.03, 9)
    camber = -0.5 * gap * np.sin(np.pi * np.linspace(0, 1, 9))
    path = np.stack([np.zeros(9), camber, along], axis=1)
    end = HAIR_START_M + hair
    parts = [
        tube(path, np.linspace(0.0052, 0.0035, 9), (105, 55, 30), sides=6),
        box((0.013, gap + 0.006, 0.05), (0, -gap / 2, 0.02), EBONY),
        box((0.008, gap + 0.004, 0.014), (0, -gap / 2, end + 0.012), EBONY),
        box((0.010, 0.002, hair + 0.02), (0, -gap, HAIR_START_M + hair / 2), _HAIR),
    ]
    return Bow(mesh=join(parts), hair_m=hair, gap_m=gap)
