"""A panel: points, lines and words on a piece of an image, in metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

INK = (200, 205, 212)
FAINT = (52, 56, 64)
GROUND = (18, 20, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Where a part of the world is drawn.

    Attributes:
        left: Of the panel, pixels.
        top: Of the panel, pixels.
        width: Pixels.
        height: Pixels.
        low_m: World coordinate across, and of the one upward, at the lower left corner.
        scale: Pixels a metre.
    """

    left: int
    top: int
    width: int
    height: int
    low_m: tuple[float, float]
    scale: float

    def place(self, points_m: Float[np.ndarray, "points 2"]) -> np.ndarray:
        """Return pixels (x, y) of points (across, upward)."""
        points = np.asarray(points_m, np.float64).reshape(-1, 2)
        across = self.left + (points[:, 0] - self.low_m[0]) * self.scale
        down = self.top + self.height - (points[:, 1] - self.low_m[1]) * self.scale
        return np.stack([across, down], axis=1)

    def paint(
        self,
        image: UInt8[np.ndarray, "rows columns 3"],
        points_m: Float[np.ndarray, "points 2"],
        nearness: Float[np.ndarray, "points"],
        colors: UInt8[np.ndarray, "points 3"],
    ) -> None:
        """Draw points, each two pixels wide, the nearest last."""
        order = np.argsort(nearness, kind="stable")
        place = np.floor(self.place(points_m)[order]).astype(np.int64)
        colors = colors[order]
        for right, down in ((1, 1), (1, 0), (0, 1), (0, 0)):
            x, y = place[:, 0] + right, place[:, 1] + down
            inside = (x >= self.left) & (x < self.left + self.width)
            inside &= (y >= self.top) & (y < self.top + self.height)
            image[y[inside], x[inside]] = colors[inside]

    def grid(self, draw: Any) -> None:
        """Draw a line for each metre."""
        for axis, length in ((0, self.width), (1, self.height)):
            low = self.low_m[axis]
            for metre in range(int(np.ceil(low)), int(low + length / self.scale) + 1):
                ends = np.zeros((2, 2))
                ends[:, axis] = metre
                ends[:, 1 - axis] = (
                    self.low_m[1 - axis],
                    self.low_m[1 - axis] + (self.height, self.width)[axis] / self.scale,
                )
                draw.line([tuple(end) for end in self.place(ends)], fill=FAINT)
