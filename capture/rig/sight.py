"""What cannot be: points of one camera where another looked through and saw what is behind.

Bare walls fit other walls, turned by a right angle; what then stands in the other camera's way
tells.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from capture.rig.surface import Surface

_BIN_RAD = np.radians(1.0)
_ROWS, _COLUMNS = 180, 360
_BEFORE_M = 0.15


class Sight:
    """How far a camera saw in each direction, at each time."""

    def __init__(self, seen: Surface, camera_m: Float64[np.ndarray, "3"]) -> None:
        """Measure.

        Args:
            seen: What it saw.
            camera_m: Where it stands, in the same frame.
        """
        self._camera_m = camera_m
        self._moments = int(seen.moments.max(initial=0)) + 1
        self._nearest_m = np.full(self._moments * _ROWS * _COLUMNS, np.inf)
        bins, away_m = self._look(seen)
        np.minimum.at(self._nearest_m, bins, away_m)

    def denies(self, other: Surface) -> float:
        """Return the share of points in view that stand before what was seen."""
        bins, away_m = self._look(other)
        seen_m = self._nearest_m[bins]
        in_view = np.isfinite(seen_m)
        if not in_view.any():
            return 0.0
        return float(np.mean(away_m[in_view] < seen_m[in_view] - _BEFORE_M))

    def _look(self, surface: Surface) -> tuple[np.ndarray, np.ndarray]:
        off = surface.points_m - self._camera_m
        away_m = np.maximum(np.linalg.norm(off, axis=1), 1e-9)
        rows = np.arcsin(np.clip(off[:, 2] / away_m, -1, 1)) / _BIN_RAD + _ROWS / 2
        columns = np.arctan2(off[:, 1], off[:, 0]) / _BIN_RAD + _COLUMNS / 2
        bins = np.clip(rows, 0, _ROWS - 1).astype(np.int64) * _COLUMNS
        bins += np.clip(columns, 0, _COLUMNS - 1).astype(np.int64)
        moments = np.minimum(surface.moments, self._moments - 1)
        return bins + moments * (_ROWS * _COLUMNS), away_m
