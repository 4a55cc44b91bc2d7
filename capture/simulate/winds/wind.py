"""What a wind instrument is to its player: named parts, two grips, and where it sounds.

Instrument frame: origin where the lips touch, y away from the player, z up, x to the player's
right. Straight woodwinds run down along −z, the flute along +x, brass forward along +y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from capture.simulate.solids import Mesh, join


@dataclass(frozen=True, slots=True, kw_only=True)
class Grip:
    """How a hand holds, in the instrument frame.

    Attributes:
        point_m: Where the hand holds.
        fingers: Direction from the wrist to the knuckles.
        palm: Direction out of the palm.
        elbow: Direction in which the elbow points, in the player frame.
        curl_rad: Bend of the knuckles of resting fingers.
        follow: How far the fingers' direction gives way to the forearm's, 0 to 1.
        forward: From the wrist to the point, in lengths of the palm.
        depth_m: The point below the palm.
    """

    point_m: np.ndarray
    fingers: tuple[float, float, float]
    palm: tuple[float, float, float]
    elbow: tuple[float, float, float]
    curl_rad: float = 0.8
    follow: float = 0.3
    forward: float = 0.95
    depth_m: float = 0.018

    def shifted(self, by_m: np.ndarray) -> Grip:
        """Return the same hand at another place."""
        return replace(self, point_m=self.point_m + by_m)


def fingertips(
    point_m: np.ndarray,
    *,
    fingers: tuple[float, float, float],
    palm: tuple[float, float, float],
    elbow: tuple[float, float, float],
) -> Grip:
    """Return a hand whose slightly bent fingers touch a point with their tips, as on valves."""
    # With knuckles bent by 0.4 rad the tips of our bodies are there, to within 8 mm.
    return Grip(
        point_m=point_m,
        fingers=fingers,
        palm=palm,
        elbow=elbow,
        curl_rad=0.4,
        follow=0.2,
        forward=1.37,
        depth_m=0.066,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wind:
    """A wind instrument.

    Attributes:
        parts: Meshes in the instrument frame by name.
        left: The left hand.
        right: The right hand.
        sound_m: Where most of the sound leaves: the bell, or the middle of the open holes.
        size: Beside the standard instrument of its kind.
        slide: The part that the right hand moves along +y, of a trombone.
    """

    parts: Mapping[str, Mesh]
    left: Grip
    right: Grip
    sound_m: np.ndarray
    size: float = 1.0
    slide: str | None = None

    @property
    def mesh(self) -> Mesh:
        """All parts as one."""
        return join(list(self.parts.values()))

    @property
    def slide_vertices(self) -> slice:
        """Which vertices of the mesh the slide has; none without one."""
        before = 0
        for name, part in self.parts.items():
            if name == self.slide:
                return slice(before, before + len(part.vertices_m))
            before += len(part.vertices_m)
        return slice(0, 0)

    def scaled(self, size: float) -> Wind:
        """Return an instrument `size` times as large."""
        return Wind(
            parts={name: part.resized(size) for name, part in self.parts.items()},
            left=self.left.shifted((size - 1) * self.left.point_m),
            right=self.right.shifted((size - 1) * self.right.point_m),
            sound_m=self.sound_m * size,
            size=self.size * size,
            slide=self.slide,
        )
