"""CameraModel: one pinhole camera with the Azure Kinect's lens distortion.

Camera axes: X right, Y down, Z forward. Pixel (0, 0) is the center of the upper left pixel, u runs
to the right, v down. A ray is a point with Z = 1.

The distortion is Brown and Conrady's with a rational radial part of six terms. With
r² = x² + y² of the ray (x, y, 1):

    d  = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶)
    x' = x d + 2 p1 x y + p2 (r² + 2 x²)
    y' = y d + 2 p2 x y + p1 (r² + 2 y²)
    u  = fx x' + cx,  v = fy y' + cy

Rays with r above the metric radius are outside the calibrated lens and come out as NaN.

Source: the Azure Kinect Sensor SDK's intrinsic transformation
(`K4A_CALIBRATION_LENS_DISTORTION_MODEL_BROWN_CONRADY`); D. C. Brown 1966.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

_NEWTON_STEPS = 20
_SQUARED_PIXEL_ERROR = 1e-6
"""Above this a found ray does not project onto its pixel: the lens folds over itself there."""
CHUNK = 1 << 14
"""Points handled at once, so that the intermediate arrays stay in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraModel:
    """Intrinsics of one camera in one of its modes.

    Attributes:
        width_px: Pixels in a row.
        height_px: Rows.
        cx_px: Column of the principal point.
        cy_px: Row of the principal point.
        fx_px: Focal length in pixels along a row.
        fy_px: Focal length in pixels along a column.
        radial: k1 … k6.
        tangential: p1, p2.
        metric_radius: Largest radius at Z = 1 that the calibration covers.
    """

    width_px: int
    height_px: int
    cx_px: float
    cy_px: float
    fx_px: float
    fy_px: float
    radial: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    tangential: tuple[float, float] = (0.0, 0.0)
    metric_radius: float = 1.7

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0:
            raise ValueError(f"an image of {self.width_px}×{self.height_px} pixels has no pixel.")
        if not (self.fx_px > 0 and self.fy_px > 0 and self.metric_radius > 0):
            raise ValueError("focal lengths and the metric radius must be positive.")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as an image array has them."""
        return self.height_px, self.width_px

    def project(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 2"]:
        """Return where points in front of the camera fall on the image.

        Args:
            points: Shape (points, 3), in this camera's axes, in any one unit.

        Returns:
            Shape (points, 2): u and v, in float32 for float32 points and float64 otherwise; NaN
            for points behind the camera or outside the calibrated lens. A pixel can lie outside
            the image.
        """
        points = np.asarray(points)
        dtype = np.float32 if points.dtype == np.float32 else np.float64
        pixels = np.empty((len(points), 2), dtype=dtype)
        limit = self.metric_radius**2
        for start in range(0, len(points), CHUNK):
            x, y, z = np.ascontiguousarray(points[start : start + CHUNK].T, dtype=dtype)
            # Behind the camera and far outside the lens the numbers mean nothing, and overflow,
            # before they are thrown away.
            with np.errstate(all="ignore"):
                inverse_z = 1 / z
                u, v, radius_squared = self._distort(x * inverse_z, y * inverse_z)
                outside = ~((radius_squared <= limit) & (z > 0))
            u[outside] = np.nan
            v[outside] = np.nan
            pixels[start : start + CHUNK, 0] = u
            pixels[start : start + CHUNK, 1] = v
        return pixels

    def unproject(self, pixels: Float[np.ndarray, "pixels 2"]) -> Float64[np.ndarray, "pixels 3"]:
        """Return the ray (x, y, 1) of each pixel, NaN outside the calibrated lens.

        The distortion has no closed inverse: Newton's method starts at its approximate inverse.
        As in the sensor's SDK a pixel is invalid as soon as an iterate leaves the metric radius.

        Args:
            pixels: Shape (pixels, 2): u and v; need not be whole numbers.
        """
        pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        rays = np.full((len(pixels), 3), np.nan)
        for start in range(0, len(pixels), CHUNK):
            rays[start : start + CHUNK] = self._unproject_chunk(pixels[start : start + CHUNK])
        return rays

    def rays(self) -> Float32[np.ndarray, "rows columns 3"]:
        """Return the ray (x, y, 1) of every pixel; read-only, computed once for each camera."""
        return _ray_table(self)

    def inside(self, pixels: Float[np.ndarray, "pixels 2"]) -> Bool[np.ndarray, "pixels"]:
        """Return which pixels lie on the image (NaN does not)."""
        u, v = pixels[:, 0], pixels[:, 1]
        right, bottom = self.width_px - 0.5, self.height_px - 0.5
        return (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)

    def _distort(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return u, v and the squared radius of rays (x, y, 1)."""
        k1, k2, k3, k4, k5, k6 = self.radial
        p1, p2 = self.tangential
        xx, yy = x * x, y * y
        rr = xx + yy
        scale = (1 + rr * (k1 + rr * (k2 + rr * k3))) / (1 + rr * (k4 + rr * (k5 + rr * k6)))
        twice_xy = 2 * x * y
        u = x * scale + p1 * twice_xy + p2 * (rr + 2 * xx)
        v = y * scale + p2 * twice_xy + p1 * (rr + 2 * yy)
        return u * self.fx_px + self.cx_px, v * self.fy_px + self.cy_px, rr

    def _jacobian(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return du/dx, du/dy, dv/dx and dv/dy."""
        k1, k2, k3, k4, k5, k6 = self.radial
        p1, p2 = self.tangential
        rr = x * x + y * y
        a = 1 + rr * (k1 + rr * (k2 + rr * k3))
        b = 1 + rr * (k4 + rr * (k5 + rr * k6))
        slope_a = k1 + rr * (2 * k2 + rr * 3 * k3)
        slope_b = k4 + rr * (2 * k5 + rr * 3 * k6)
        scale = a / b
        slope = 2 * (slope_a * b - a * slope_b) / (b * b)  # d scale / d x = slope · x
        across = x * y * slope + 2 * (p1 * x + p2 * y)
        return (
            self.fx_px * (scale + x * x * slope + 2 * p1 * y + 6 * p2 * x),
            self.fx_px * across,
            self.fy_px * across,
            self.fy_px * (scale + y * y * slope + 2 * p2 * x + 6 * p1 * y),
        )

    def _first_guess(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the approximate inverse: the radial part read backwards, then the tangential."""
        k1, k2, k3, k4, k5, k6 = self.radial
        p1, p2 = self.tangential
        x = (u - self.cx_px) / self.fx_px
        y = (v - self.cy_px) / self.fy_px
        rr = x * x + y * y
        a = 1 + rr * (k1 + rr * (k2 + rr * k3))
        b = 1 + rr * (k4 + rr * (k5 + rr * k6))
        inverse_scale = b / np.where(a == 0, 1.0, a)
        x, y = x * inverse_scale, y * inverse_scale
        xx, yy, twice_xy = x * x, y * y, 2 * x * y
        return (
            x - ((yy + 3 * xx) * p2 + twice_xy * p1),
            y - ((xx + 3 * yy) * p1 + twice_xy * p2),
        )

    def _unproject_chunk(self, pixels: np.ndarray) -> np.ndarray:
        u, v = pixels.T
        limit = self.metric_radius**2
        x, y = self._first_guess(u, v)
        best_x, best_y = x.copy(), y.copy()
        best = np.full(len(u), np.inf)
        valid = np.ones(len(u), dtype=bool)
        active = np.arange(len(u))
        for _ in range(_NEWTON_STEPS):
            at_u, at_v, rr = self._distort(x, y)
            error_u, error_v = u[active] - at_u, v[active] - at_v
            error = error_u**2 + error_v**2
            outside = ~(rr <= limit)
            valid[active[outside]] = False
            better = ~outside & (error < best[active])
            kept = active[better]
            best_x[kept], best_y[kept], best[kept] = x[better], y[better], error[better]
            going = better & (error >= 1e-22)
            if not going.any():
                break
            active, x, y = active[going], x[going], y[going]
            error_u, error_v = error_u[going], error_v[going]
            xx, xy, yx, yy = self._jacobian(x, y)
            determinant = xx * yy - xy * yx
            x = x + (yy * error_u - xy * error_v) / determinant
            y = y + (xx * error_v - yx * error_u) / determinant
        valid &= best <= _SQUARED_PIXEL_ERROR
        rays = np.stack([best_x, best_y, np.ones_like(best_x)], axis=1)
        rays[~valid] = np.nan
        return rays


@lru_cache(maxsize=8)
def _ray_table(camera: CameraModel) -> Float32[np.ndarray, "rows columns 3"]:
    rows, columns = np.indices(camera.shape)
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    table = camera.unproject(pixels).astype(np.float32).reshape(*camera.shape, 3)
    table.flags.writeable = False
    return table
