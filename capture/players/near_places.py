"""What of an image is near places that a person named."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int32

from capture.players.divide import CLUTTER, DivideConfig, divide
from capture.players.segment import Components

PRESENT_M = 0.4
_HEAD_REACH_M = 0.25
_LEAST_M2 = 0.05
"""A hand and an arm; what is less is nobody."""


def divided(
    person: Components, places_m: Float64[np.ndarray, "parts 2"], voxel_m: float
) -> tuple[Int32[np.ndarray, "voxels"], Bool[np.ndarray, "parts"]]:
    """Divide the voxels of one label among places.

    Returns:
        The place of each voxel, and which places have something near.
    """
    centroids = person.centroids_m
    across = np.linalg.norm(centroids[:, None, :2] - places_m, axis=2)
    heights = np.where(across < _HEAD_REACH_M, centroids[:, 2:], -np.inf).max(axis=0)
    heights = np.where(np.isfinite(heights), heights, centroids[:, 2].max())
    heads = np.column_stack([places_m, heights + voxel_m / 2])
    parts = divide(person, heads, voxel_m, DivideConfig())
    parts = np.where(parts == CLUTTER, across.argmin(axis=1), parts)
    return parts.astype(np.int32), across.min(axis=0) <= PRESENT_M


def nobodys_near(
    image: Components,
    labels: Int16[np.ndarray, "voxels"],
    place_m: Float64[np.ndarray, "2"],
    within_m: float,
    voxel_m: float,
) -> Bool[np.ndarray, "voxels"]:
    """Return which voxels are nobody's and near a place, seen from above; none if they are few."""
    across = np.linalg.norm(image.centroids_m[:, :2] - place_m, axis=1)
    near = (labels == CLUTTER) & (across <= within_m)
    return near if np.count_nonzero(near) * voxel_m**2 >= _LEAST_M2 else np.zeros_like(near)
