"""Pan a sound between the loudspeakers around its direction (VBAP), with equal power everywhere.

The loudspeakers span triangles. Where they leave the sphere open (below the floor, mostly), an
imaginary loudspeaker closes it, and another stands in the middle of each face with more than three
corners, so that no arbitrary diagonal breaks a symmetry. The signal of an imaginary loudspeaker
goes in equal parts to its neighbours.

Source: Pulkki 1997, "Virtual sound source positioning using vector base amplitude panning",
J. Audio Eng. Soc. 45; Zotter and Frank 2012 for imaginary loudspeakers (see
`loudspeaker_decoding`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial import ConvexHull

# An axis of the listener that is farther than 75° from any loudspeaker gets an imaginary one; so
# does the middle of a hole of that radius.
_NEAREST_PLANE = np.cos(np.radians(75.0))
_AXES = np.array([[0, 0, -1], [0, 0, 1], [-1, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0]], np.float64)


class Panner:
    """Gains of loudspeakers for any direction."""

    def __init__(self, loudspeakers: Float64[np.ndarray, "L 3"]) -> None:
        """Close the sphere around at least two loudspeakers in different directions."""
        self._count = len(loudspeakers)
        points = _closed(loudspeakers)
        corners = np.asarray(ConvexHull(points).simplices)
        self._corners = corners
        self._gains_from_direction = np.linalg.inv(np.swapaxes(points[corners], 1, 2))
        self._shares = np.eye(self._count, len(points))
        for imaginary in range(self._count, len(points)):
            around = np.unique(corners[np.any(corners == imaginary, axis=1)])
            around = around[around < self._count]
            heard = around if len(around) else np.arange(self._count)
            self._shares[heard, imaginary] = len(heard) ** -0.5

    def gains(self, directions: Float[np.ndarray, "P 3"]) -> Float64[np.ndarray, "P L"]:
        """Return the gains for sounds from some directions; their squares sum to 1.

        Args:
            directions: Unit vectors from the listener.
        """
        directions = np.asarray(directions, dtype=np.float64)
        parts = np.einsum("tij,pj->pti", self._gains_from_direction, directions)
        triangle = parts.min(axis=2).argmax(axis=1)
        places = np.arange(len(directions))
        inside = np.clip(parts[places, triangle], 0.0, None)
        inside /= np.linalg.norm(inside, axis=1, keepdims=True)
        gains = np.zeros((len(directions), self._shares.shape[1]))
        gains[places[:, None], self._corners[triangle]] = inside
        gains = gains @ self._shares.T
        return gains / np.linalg.norm(gains, axis=1, keepdims=True)


def _closed(loudspeakers: Float64[np.ndarray, "L 3"]) -> Float64[np.ndarray, "L+K 3"]:
    """Append imaginary loudspeakers, until all round are triangles of moderate size."""
    points = loudspeakers
    for axis in _AXES:
        if np.max(points @ axis) < _NEAREST_PLANE:
            points = np.concatenate([points, axis[None]])
    # All in a plane have no inside: then there are two more above and below it.
    while np.linalg.matrix_rank(points - points.mean(axis=0), tol=1e-3) < 3:
        normal = np.linalg.svd(points - points.mean(axis=0))[2][-1]
        points = np.concatenate([points, [normal, -normal]])
    # The plane of a face is as far from the middle as the cosine of its radius says.
    while (planes := ConvexHull(points).equations)[:, 3].max() > -_NEAREST_PLANE:
        middle = planes[np.argmax(planes[:, 3]), :3]
        points = np.concatenate([points, middle[None]])
    hull = ConvexHull(points)
    faces: dict[tuple[float, ...], set[int]] = {}
    for plane, corners in zip(np.round(hull.equations, 6) + 0.0, hull.simplices, strict=True):
        faces.setdefault(tuple(plane), set()).update(corners.tolist())
    middles = [np.array(plane[:3]) for plane, corners in faces.items() if len(corners) > 3]
    if not middles:
        return points
    return np.concatenate([points, middles / np.linalg.norm(middles, axis=1, keepdims=True)])
