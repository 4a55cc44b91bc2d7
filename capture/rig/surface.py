"""Surfaces: points with normals, of several images that are kept apart by their time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.spatial import KDTree

from capture.pose import Pose

_NEIGHBORS = 14
_WIDEST_M = 0.08
_FLATTEST = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Points of surfaces.

    Attributes:
        points_m: Positions.
        normals: Unit length, toward the camera that saw them.
        moments: Which of several times each was seen at; only points of one time are the same.
    """

    points_m: Float64[np.ndarray, "points 3"]
    normals: Float64[np.ndarray, "points 3"]
    moments: Int64[np.ndarray, "points"]

    def moved(self, pose: Pose) -> Surface:
        """Return the surface moved from the pose's frame."""
        return Surface(
            points_m=pose.transform(self.points_m),
            normals=self.normals @ pose.rotation.T,
            moments=self.moments,
        )

    def joined(self, other: Surface) -> Surface:
        """Return both as one."""
        return Surface(
            points_m=np.concatenate([self.points_m, other.points_m]),
            normals=np.concatenate([self.normals, other.normals]),
            moments=np.concatenate([self.moments, other.moments]),
        )

    def thinned(self, most: int, rng: np.random.Generator) -> Surface:
        """Return some of the points, at most so many."""
        if len(self.points_m) <= most:
            return self
        rows = rng.choice(len(self.points_m), most, replace=False)
        return Surface(
            points_m=self.points_m[rows], normals=self.normals[rows], moments=self.moments[rows]
        )


def surface_of(
    points_m: Float[np.ndarray, "points 3"], camera_m: Float64[np.ndarray, "3"], moment: int
) -> Surface:
    """Return the surface of a cloud: flat neighbourhoods, each with its normal.

    Args:
        points_m: Thinned evenly, in any frame.
        camera_m: From where they were seen, in the same frame.
        moment: When.
    """
    points = np.asarray(points_m, np.float64)
    if len(points) < _NEIGHBORS:
        points = np.zeros((0, 3))
        return Surface(points_m=points, normals=points, moments=np.zeros(0, np.int64))
    away, near = KDTree(points).query(points, k=_NEIGHBORS)
    patches = points[near] - points[near].mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(np.einsum("pki,pkj->pij", patches, patches))
    normals = vectors[:, :, 0]
    normals *= np.where(np.einsum("pi,pi->p", normals, camera_m - points) < 0, -1.0, 1.0)[:, None]
    flat = (away[:, -1] < _WIDEST_M) & (values[:, 0] < _FLATTEST * values[:, 1])
    return Surface(
        points_m=points[flat],
        normals=normals[flat],
        moments=np.full(np.count_nonzero(flat), moment, np.int64),
    )
