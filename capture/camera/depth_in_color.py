"""The depth image as the color camera would have measured it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt16

from capture.camera.calibration import Calibration

_CONNECTED = 0.047
"""Neighbours whose depths differ by less than this share lie on one surface, as in the SDK."""


def depth_in_color(
    calibration: Calibration, depth_mm: UInt16[np.ndarray, "rows columns"]
) -> UInt16[np.ndarray, "color_rows color_columns"]:
    """Map a depth image onto the color image's pixels.

    Four neighbouring depth pixels on one surface make two triangles. Each is drawn on the color
    image, depth interpolated; where triangles cover one another the nearest counts.

    Returns:
        Millimetres along the color camera's Z, 0 where nothing is known.

    Raises:
        ValueError: Color is off, or the image has another size than the depth mode.
    """
    measured = calibration.measured_pixels(depth_mm)
    points_m = calibration.unproject(depth_mm)
    pixels = calibration.project_color(points_m)
    assert calibration.color is not None  # project_color has said so
    seen = np.isfinite(pixels[:, 0])
    corners = np.full((depth_mm.size, 3), np.nan, dtype=np.float32)
    corners[measured[seen], :2] = pixels[seen]
    in_color_m = calibration.color_from_depth.transform(points_m[seen])
    corners[measured[seen], 2] = in_color_m[:, 2] * 1000
    nearest = np.full(calibration.color.shape, np.inf, dtype=np.float32)
    _draw(_triangles(corners.reshape(*depth_mm.shape, 3)), nearest)
    return np.where(np.isfinite(nearest), np.rint(nearest), 0).astype(np.uint16)


def _triangles(
    corners: Float[np.ndarray, "rows columns 3"],
) -> Float[np.ndarray, "triangles 3 3"]:
    """Return the triangles between neighbouring pixels: corners of (u, v, depth)."""
    upper_left, upper_right = corners[:-1, :-1], corners[:-1, 1:]
    lower_left, lower_right = corners[1:, :-1], corners[1:, 1:]
    quads = np.stack([upper_left, upper_right, lower_left, lower_right], axis=2).reshape(-1, 4, 3)
    depths = quads[..., 2]
    low = depths.min(axis=1)  # NaN where a corner is missing, which no comparison lets through
    quads = quads[depths.max(axis=1) - low < _CONNECTED * low]
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [3, 2, 1]]])


def _draw(
    triangles: Float[np.ndarray, "triangles 3 3"], nearest: Float[np.ndarray, "rows columns"]
) -> None:
    """Draw the triangles onto an image of least depths.

    All triangles are drawn at once, one pixel of their bounding boxes after the other: the boxes
    measure few pixels.
    """
    rows, columns = nearest.shape
    a, b, c = np.moveaxis(triangles, 1, 0)
    first = np.ceil(triangles[..., :2].min(axis=1)).astype(np.int64)
    size = np.floor(triangles[..., :2].max(axis=1)).astype(np.int64) - first + 1
    ab, ac = b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    on_image = np.all((first < (columns, rows)) & (first + size > 0) & (size > 0), axis=1)
    on_image &= area != 0
    for down in range(int(size[on_image, 1].max(initial=0))):
        for right in range(int(size[on_image, 0].max(initial=0))):
            picked = np.flatnonzero(on_image & (size[:, 0] > right) & (size[:, 1] > down))
            pixel = first[picked] + (right, down)
            from_a = pixel - a[picked, :2]
            ab_share = from_a[:, 0] * ac[picked, 1] - from_a[:, 1] * ac[picked, 0]
            ac_share = ab[picked, 0] * from_a[:, 1] - ab[picked, 1] * from_a[:, 0]
            ab_share, ac_share = ab_share / area[picked], ac_share / area[picked]
            inside = (ab_share >= 0) & (ac_share >= 0) & (ab_share + ac_share <= 1)
            inside &= np.all((pixel >= 0) & (pixel < (columns, rows)), axis=1)
            picked, pixel = picked[inside], pixel[inside]
            depth = (
                a[picked, 2] + ab_share[inside] * ab[picked, 2] + ac_share[inside] * ac[picked, 2]
            )
            np.minimum.at(nearest, (pixel[:, 1], pixel[:, 0]), depth)
