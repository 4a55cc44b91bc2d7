"""Where a player faces, from the shape of the cloud.

A player's arms, hands and instrument are in front of the trunk, and the head is above it: the
facing is the way from the axis of head and hips to what reaches out at the height of the arms.
A camera sees the near side of a player only, which pulls this towards the camera, and a violin
reaches out to the left: expect some 25 degrees of error.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_HEAD_M = 0.20
_REACH = (0.45, 0.9)


def facing_yaw_rad(points_m: Float[np.ndarray, "points 3"]) -> tuple[float, float]:
    """Estimate the facing of one player from one cloud.

    Args:
        points_m: The player's points, world frame, floor at z = 0.

    Returns:
        Yaw in radians, anticlockwise from +x, and a confidence in 0…1. Where the cloud says
        nothing, the player is taken to face the camera, with confidence 0.
    """
    points = np.asarray(points_m, dtype=np.float64)
    towards_camera = np.pi + np.arctan2(*points[:, 1::-1].mean(axis=0)) if len(points) else np.pi
    fallback = float(np.arctan2(np.sin(towards_camera), np.cos(towards_camera)))
    if len(points) < 200:
        return fallback, 0.0
    top = _head_top(points)
    head = points[(points[:, 2] > top - _HEAD_M) & (points[:, 2] <= top)]
    if len(head) < 20:
        return fallback, 0.0
    centre = np.median(head[:, :2], axis=0)
    low, high = _REACH
    band = points[(points[:, 2] > low * top) & (points[:, 2] < high * top)]
    if len(band) < 50:
        return fallback, 0.0
    reach = band[:, :2] - centre
    distance = np.linalg.norm(reach, axis=1)
    # What reaches out far says more than the trunk, which surrounds the axis.
    way = (reach * distance[:, None]).sum(axis=0) / max(float(distance.sum()), 1e-9)
    length = float(np.linalg.norm(way))
    confidence = float(np.clip(length / 0.25, 0.0, 1.0))
    # The camera's side is where a player of an ensemble that is recorded mostly looks.
    prior = np.array([np.cos(fallback), np.sin(fallback)])
    mixed = way / max(length, 1e-9) * confidence + prior * 0.5
    return float(np.arctan2(mixed[1], mixed[0])), confidence


def _head_top(points: Float[np.ndarray, "points 3"]) -> float:
    """Return the height of the head's top: the highest place that is as wide as a head.

    A bow or a scroll may reach higher, but is thin.
    """
    heights = points[:, 2]
    layers = np.floor(heights / 0.05).astype(int)
    for layer in range(int(layers.max()), int(layers.min()), -1):
        across = points[layers == layer, :2]
        if len(across) < 15:
            continue
        spread = np.ptp(np.percentile(across, [10, 90], axis=0), axis=0)
        if float(np.max(spread)) >= 0.08 and len(across) >= 0.004 * len(points):
            return (layer + 1) * 0.05
    return float(heights.max())
