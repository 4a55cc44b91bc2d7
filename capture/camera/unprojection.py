"""Depth images to points, in one pass over the pixels."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def fill_points(
    depth_mm: np.ndarray, ray_x: np.ndarray, ray_y: np.ndarray, points: np.ndarray
) -> int:
    """Write the point of each pixel that measured something and has a ray; return their number.

    Args:
        depth_mm: Shape (pixels,), uint16, 0 where nothing was measured.
        ray_x: Shape (pixels,), float32: x of the ray (x, y, 1), NaN where there is none.
        ray_y: Shape (pixels,), float32.
        points: Shape (at least as many, 3), float32, filled from its first row, in metres.
    """
    count = 0
    for pixel in range(len(depth_mm)):
        if depth_mm[pixel] != 0:
            x = ray_x[pixel]
            if x == x:
                depth_m = np.float32(depth_mm[pixel]) * np.float32(1e-3)
                points[count, 0] = x * depth_m
                points[count, 1] = ray_y[pixel] * depth_m
                points[count, 2] = depth_m
                count += 1
    return count
