"""Calibration: an Azure Kinect's factory calibration in one depth mode and one color mode.

The depth camera's axes (X right, Y down, Z forward, metres, origin in the depth camera) are "the
camera frame" of every function here. `capture.take.level` takes points from there to the world.

The factory file (calibration.json in a recording) gives each camera 14 parameters in the order
cx, cy, fx, fy, k1 … k6, codx, cody, p2, p1, unitized to the whole sensor, and the pose that takes
points of the depth camera's frame to its own. A mode's intrinsics follow by scaling to the binned
sensor and taking off the crop, and half a pixel because the file counts from the pixel's corner.

Source: the Azure Kinect Sensor SDK (calibration.c, transformation.c).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8, UInt16

from capture.camera.k4a_modes import ImageMode, depth_image_mode, split_color_mode
from capture.camera.lens import CHUNK, CameraModel
from capture.camera.simulated_calibration import simulated_factory_json
from capture.errors import FileFormatError
from capture.pose import Pose, quaternion_from_rotation_matrix

_LENS_MODEL = "CALIBRATION_LensDistortionModelBrownConrady"
_DEFAULT_METRIC_RADIUS = 1.7
_ROTATION_ERROR = 1e-3
_GRID, _LEAST_RAYS = 8, 0.5
"""The wide mode's corners have no ray: its lens covers a circle, 78 % of the image."""

_NFOV_OUTLINE = np.array(
    [(152, 0), (514, 0), (640, 230), (640, 366), (523, 576), (142, 576), (0, 331), (0, 274)]
)
"""Corners (u, v) of what the NFOV illuminator lights, at 640×576: a hexagon cut by the sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Lens models and extrinsics of one sensor.

    Attributes:
        factory_json: The factory file, as recordings attach it.
        depth_mode: Such as "NFOV_UNBINNED".
        color_mode: Such as "MJPG_720P", or None where color is off.
        depth: The depth camera (and the infrared one: they are the same).
        color: The color camera in `color_mode`, or None.
        color_from_depth: Takes points of the camera frame to the color camera's.
        accelerometer_from_depth: Takes points of the camera frame to the accelerometer's, or None
            where the file holds no accelerometer.
        gyroscope_from_depth: The same for the gyroscope.
    """

    factory_json: str
    depth_mode: str
    color_mode: str | None
    depth: CameraModel
    color: CameraModel | None
    # Poses hold arrays, which have no truth value to compare; the factory file decides them.
    color_from_depth: Pose = field(compare=False)
    accelerometer_from_depth: Pose | None = field(compare=False)
    gyroscope_from_depth: Pose | None = field(compare=False)

    @classmethod
    def from_json(cls, text: str, *, depth_mode: str, color_mode: str | None = None) -> Calibration:
        """Read a factory file for one pair of modes.

        Raises:
            FileFormatError: The text is no factory calibration.
            ValueError: A mode is unknown.
        """
        depth_image = depth_image_mode(depth_mode)
        color_image = None if color_mode is None else split_color_mode(color_mode)[1]
        try:
            information = json.loads(text)["CalibrationInformation"]
            cameras = {
                camera["Location"].rpartition("_")[2]: camera for camera in information["Cameras"]
            }
            sensors = {
                sensor["SensorType"].rpartition("_")[2]: sensor
                for sensor in information.get("InertialSensors", ())
            }
            depth_from_itself = _pose(cameras["CameraLocationD0"])
            return cls(
                factory_json=text,
                depth_mode=depth_mode,
                color_mode=color_mode,
                depth=_camera_model(cameras["CameraLocationD0"], depth_image),
                color=None
                if color_image is None
                else _camera_model(cameras["CameraLocationPV0"], color_image),
                color_from_depth=_pose(cameras["CameraLocationPV0"]).compose(
                    depth_from_itself.inverse()
                ),
                accelerometer_from_depth=_sensor_pose(sensors, "Accelerometer"),
                gyroscope_from_depth=_sensor_pose(sensors, "Gyro"),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise FileFormatError(
                f"the factory calibration is not readable ({type(error).__name__}: {error}); it "
                "must be the calibration.json that Azure Kinect recordings attach."
            ) from error

    @classmethod
    def simulated(
        cls, *, depth_mode: str = "NFOV_UNBINNED", color_mode: str | None = "MJPG_720P"
    ) -> Calibration:
        """Return the calibration of a plausible sensor that never existed."""
        return cls.from_json(simulated_factory_json(), depth_mode=depth_mode, color_mode=color_mode)

    def depth_rays(self) -> Float32[np.ndarray, "rows columns 3"]:
        """Return each depth pixel's ray (x, y, 1) in the camera frame, NaN outside the lens."""
        return self.depth.rays()

    def color_rays(self) -> Float32[np.ndarray, "rows columns 3"]:
        """Return the ray (x, y, 1) of each color pixel in the color camera's own axes.

        Raises:
            ValueError: Color is off.
        """
        return self._color_camera().rays()

    def lit_pixels(self) -> Bool[np.ndarray, "rows columns"]:
        """Return which depth pixels can measure: lit by the illuminator and inside the lens.

        NFOV lights a hexagon (82 % of the image), WFOV all that the lens covers.
        """
        lit = np.isfinite(self.depth_rays()[..., 0])
        if self.depth_mode.startswith("NFOV"):
            rows, columns = np.indices(self.depth.shape) + 0.5
            outline = _NFOV_OUTLINE * (self.depth.width_px / 640)
            for start, stop in zip(outline, np.roll(outline, -1, axis=0), strict=True):
                along = stop - start
                lit &= along[0] * (rows - start[1]) - along[1] * (columns - start[0]) >= 0
        return lit

    def measured_pixels(self, depth_mm: UInt16[np.ndarray, "rows columns"]) -> np.ndarray:
        """Return the flat indices of the pixels that measured something and have a ray.

        Raises:
            ValueError: The image has another size than the depth mode.
        """
        measured = np.flatnonzero(self._checked(depth_mm))
        if np.isfinite(self.depth_rays()[..., 0]).all():
            return measured
        return measured[np.isfinite(self.depth_rays().reshape(-1, 3)[measured, 0])]

    def unproject(
        self, depth_mm: UInt16[np.ndarray, "rows columns"]
    ) -> Float32[np.ndarray, "points 3"]:
        """Return the points of a depth image in the camera frame, in metres.

        Points come in the order of `measured_pixels`.

        Raises:
            ValueError: The image has another size than the depth mode.
        """
        from capture.camera.unprojection import fill_points  # numba takes a while to import

        depth_mm = self._checked(depth_mm)
        x, y = _ray_columns(self.depth)
        points = np.empty((np.count_nonzero(depth_mm), 3), dtype=np.float32)
        count = fill_points(depth_mm.ravel(), x, y, points)
        return points[:count]

    def project_depth(
        self, points_m: Float[np.ndarray, "points 3"]
    ) -> Float[np.ndarray, "points 2"]:
        """Return the depth pixels (u, v) of points of the camera frame, NaN where there is none."""
        return self.depth.project(points_m)

    def project_color(
        self, points_m: Float[np.ndarray, "points 3"]
    ) -> Float[np.ndarray, "points 2"]:
        """Return the color pixels (u, v) of points of the camera frame, NaN where there is none.

        Raises:
            ValueError: Color is off.
        """
        return self._color_camera().project(self.color_from_depth.transform(points_m))

    def sample_colors(
        self,
        image: UInt8[np.ndarray, "color_rows color_columns 3"],
        points_m: Float[np.ndarray, "points 3"],
    ) -> UInt8[np.ndarray, "points 3"]:
        """Return the color of each point of the camera frame, by its nearest color pixel.

        Points that the color image does not show come out black. Parallax is not resolved: a
        point hidden from the color camera takes the color of what hides it, as in the SDK.

        Raises:
            ValueError: Color is off, or the image has another size than the color mode.
        """
        camera = self._color_camera()
        if image.shape != (*camera.shape, 3):
            raise ValueError(
                f"a {self.color_mode} image has shape {(*camera.shape, 3)}, got {image.shape}."
            )
        colors = np.empty((len(points_m), 3), dtype=np.uint8)
        pixels_of_image = image.reshape(-1, 3)
        for start in range(0, len(points_m), CHUNK):
            pixels = self.project_color(points_m[start : start + CHUNK])
            # Row numbers, not a mask: assigning to few rows by number is ten times as fast.
            unseen = np.flatnonzero(~camera.inside(pixels))
            pixels[unseen] = 0
            columns, rows = np.rint(pixels.T).astype(np.int32)
            chunk = pixels_of_image.take(rows * camera.width_px + columns, axis=0)
            chunk[unseen] = 0
            colors[start : start + CHUNK] = chunk
        return colors

    def _checked(
        self, depth_mm: UInt16[np.ndarray, "rows columns"]
    ) -> UInt16[np.ndarray, "rows columns"]:
        depth_mm = np.asarray(depth_mm)
        if depth_mm.shape != self.depth.shape:
            raise ValueError(
                f"a {self.depth_mode} image has shape {self.depth.shape}, got {depth_mm.shape}."
            )
        return depth_mm

    def _color_camera(self) -> CameraModel:
        if self.color is None:
            raise ValueError("color is off: this calibration has no color mode.")
        return self.color


@lru_cache(maxsize=8)
def _ray_columns(
    camera: CameraModel,
) -> tuple[Float32[np.ndarray, "pixels"], Float32[np.ndarray, "pixels"]]:
    """Return x and y of all rays, each on its own: gathered three times as fast as triples."""
    rays = camera.rays().reshape(-1, 3)
    return np.ascontiguousarray(rays[:, 0]), np.ascontiguousarray(rays[:, 1])


def _camera_model(camera: dict[str, Any], mode: ImageMode) -> CameraModel:
    intrinsics = camera["Intrinsics"]
    if intrinsics["ModelType"] != _LENS_MODEL:
        raise ValueError(f"lens model {intrinsics['ModelType']!r} is not {_LENS_MODEL!r}")
    parameters = [float(value) for value in intrinsics["ModelParameters"]]
    cx, cy, fx, fy, k1, k2, k3, k4, k5, k6, codx, cody, p2, p1 = parameters
    if codx or cody:
        raise ValueError(f"the center of distortion ({codx}, {cody}) is not (0, 0)")
    if not np.isfinite(parameters).all():
        raise ValueError("a lens parameter is not finite")
    radius = float(camera.get("MetricRadius", 0.0))
    model = CameraModel(
        width_px=mode.width_px,
        height_px=mode.height_px,
        cx_px=cx * mode.binned_width_px - mode.crop_left_px - 0.5,
        cy_px=cy * mode.binned_height_px - mode.crop_top_px - 0.5,
        fx_px=fx * mode.binned_width_px,
        fy_px=fy * mode.binned_height_px,
        radial=(k1, k2, k3, k4, k5, k6),
        tangential=(p1, p2),
        metric_radius=radius if radius > 1e-4 else _DEFAULT_METRIC_RADIUS,
    )
    if not _can_be_inverted(model):
        raise ValueError("the lens model cannot be inverted: most pixels have no ray")
    return model


def _can_be_inverted(model: CameraModel) -> bool:
    """Return whether most pixels of a coarse grid have a ray."""
    across = (np.arange(_GRID) + 0.5) / _GRID
    u, v = np.meshgrid(across * model.width_px, across * model.height_px)
    with np.errstate(all="ignore"):
        rays = model.unproject(np.stack([u.ravel(), v.ravel()], axis=1))
    return float(np.isfinite(rays[:, 0]).mean()) > _LEAST_RAYS


def _pose(device: dict[str, Any]) -> Pose:
    """Return the pose that takes points of the file's common frame to a camera's or sensor's."""
    rotation = np.array(device["Rt"]["Rotation"], dtype=np.float64).reshape(3, 3)
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=_ROTATION_ERROR):
        raise ValueError(f"{rotation.ravel().tolist()} is no rotation")
    return Pose(
        position_m=np.array(device["Rt"]["Translation"], dtype=np.float64),
        orientation_wxyz=quaternion_from_rotation_matrix(rotation),
    )


def _sensor_pose(sensors: dict[str, dict[str, Any]], kind: str) -> Pose | None:
    sensor = sensors.get(kind)
    return None if sensor is None else _pose(sensor)
