"""Where the view of the camera ends: found from all that was seen.

What is cut by the view's edge may be somebody whose head is outside. Directions are points of a
plane one metre before the camera: (y / x, (z − eye) / x). There the view of a depth camera is
convex, so the convex hull of all directions that ever measured something is the view, or less where
nothing is near enough to be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial import ConvexHull, QhullError

EYE_M = np.array([0.0, 0.0, 1.3])
"""About where the camera is."""
_POINTS = 20_000
_NEAREST_M = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the camera can see.

    Attributes:
        edges: Rows (a, b, c): inside, a·u + b·v + c is negative, minus the distance from the edge.
    """

    edges: Float64[np.ndarray, "edges 3"]

    def from_edge(self, points_m: Float[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points"]:
        """Return how far the directions of points are from the edge; 0.1 is some 5 degrees."""
        seen = _directions(np.asarray(points_m, np.float64))
        return -(seen @ self.edges[:, :2].T + self.edges[:, 2]).max(axis=1)


def find_view(clouds_m: Sequence[Float[np.ndarray, "points 3"]]) -> View | None:
    """Return the view from some images of a take, None where they show too little.

    Args:
        clouds_m: All points of some images, in the world frame.
    """
    share = max(1, sum(len(cloud) for cloud in clouds_m) // (_POINTS * len(clouds_m)))
    points = np.concatenate([cloud[::share] for cloud in clouds_m]).astype(np.float64)
    points = points[points[:, 0] > _NEAREST_M]
    if len(points) < 3:
        return None
    try:
        return View(edges=ConvexHull(_directions(points)).equations)
    except QhullError:  # all on one line
        return None


def _directions(points_m: Float64[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points 2"]:
    away = points_m - EYE_M
    return away[:, 1:] / np.maximum(away[:, :1], _NEAREST_M)
