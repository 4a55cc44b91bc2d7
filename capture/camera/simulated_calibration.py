"""The factory file of a plausible Azure Kinect that never existed, for simulated takes.

Its numbers are ours: within what real units show, equal to none of them. The color camera sits
32 mm to the right of the depth camera, which looks 5.3° further down than it. The inertial sensor
reports in its own axes: x to the back, y to the left, z down.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

_RADIANS = np.pi / 180

_DEPTH_LENS = (
    0.5073, 0.5141, 0.4917, 0.4918,  # cx cy fx fy
    0.6213, 0.0094, -0.0024, 0.9627, 0.1342, -0.0117,  # k1 … k6
    0.0, 0.0, -4.9e-5, 3.7e-5,  # codx cody p2 p1
)  # fmt: skip
_COLOR_LENS = (
    0.4987, 0.5052, 0.4763, 0.6351,
    0.4412, -2.5371, 1.4726, 0.3204, -2.3568, 1.3984,
    0.0, 0.0, -2.1e-4, 3.1e-4,
)  # fmt: skip
_CAMERA_FROM_BODY = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Inertial axes (x back, y left, z down) of a camera-like body (X right, Y down, Z forward)."""


@cache
def simulated_factory_json() -> str:
    """Return the factory file as text, in the layout that the sensor's own has."""
    inertial = _CAMERA_FROM_BODY @ _turn_about_x(-6.1)
    document = {
        "CalibrationInformation": {
            "Cameras": [
                _camera("D0", "Depth", _DEPTH_LENS, 1.74, (1024, 1024), np.eye(3), (0, 0, 0)),
                _camera(
                    "PV0",
                    "PhotoVideo",
                    _COLOR_LENS,
                    0,
                    (4096, 3072),
                    _turn_about_z(-0.06) @ _turn_about_y(0.04) @ _turn_about_x(-5.3),
                    (-0.0320, -0.0020, 0.0040),
                ),
            ],
            "InertialSensors": [
                _sensor("Gyro", 16, inertial, (0, 0, 0)),
                _sensor("Accelerometer", 56, inertial, (-0.0509, 0.0034, 0.0014)),
            ],
            "Metadata": {
                "SerialId": "000000000000",
                "FactoryCalDate": "1/1/2024 12:00:00 PM GMT",
                "Version": {"Major": 1, "Minor": 2},
                "DeviceName": "AzureKinect-PV",
                "Notes": "simulated",
            },
        }
    }
    return json.dumps(document, separators=(",", ":"))


def _camera(
    location: str,
    purpose: str,
    lens: tuple[float, ...],
    metric_radius: float,
    sensor_size: tuple[int, int],
    rotation: np.ndarray,
    translation_m: tuple[float, float, float],
) -> dict[str, Any]:
    return {
        "Intrinsics": {
            "ModelParameterCount": len(lens),
            "ModelParameters": list(lens),
            "ModelType": "CALIBRATION_LensDistortionModelBrownConrady",
        },
        "Location": f"CALIBRATION_CameraLocation{location}",
        "Purpose": f"CALIBRATION_CameraPurpose{purpose}",
        "MetricRadius": metric_radius,
        "Rt": _transform(rotation, translation_m),
        "SensorHeight": sensor_size[1],
        "SensorWidth": sensor_size[0],
        "Shutter": "CALIBRATION_ShutterTypeUndefined",
        "ThermalAdjustmentParams": {"Params": [0] * 12},
    }


def _sensor(
    kind: str, model_mask: int, rotation: np.ndarray, translation_m: tuple[float, float, float]
) -> dict[str, Any]:
    # Each of the nine mixing terms and three biases is a cubic in the temperature: constant here.
    mixing = [value for term in np.eye(3).ravel().tolist() for value in (term, 0, 0, 0)]
    return {
        "BiasTemperatureModel": [0] * 12,
        "BiasUncertainty": [1e-4] * 3,
        "Id": "CALIBRATION_InertialSensorId_LSM6DSM",
        "MixingMatrixTemperatureModel": mixing,
        "ModelTypeMask": model_mask,
        "Noise": [1e-3, 1e-3, 1e-3, 0, 0, 0],
        "Rt": _transform(rotation, translation_m),
        "SecondOrderScaling": [0] * 9,
        "SensorType": f"CALIBRATION_InertialSensorType_{kind}",
        "TemperatureBounds": [5, 60],
        "TemperatureC": 0,
    }


def _transform(
    rotation: np.ndarray, translation_m: tuple[float, float, float]
) -> dict[str, list[float]]:
    return {"Rotation": rotation.ravel().tolist(), "Translation": list(translation_m)}


def _turn_about_x(angle_deg: float) -> np.ndarray:
    cosine, sine = np.cos(angle_deg * _RADIANS), np.sin(angle_deg * _RADIANS)
    return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])


def _turn_about_y(angle_deg: float) -> np.ndarray:
    cosine, sine = np.cos(angle_deg * _RADIANS), np.sin(angle_deg * _RADIANS)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def _turn_about_z(angle_deg: float) -> np.ndarray:
    cosine, sine = np.cos(angle_deg * _RADIANS), np.sin(angle_deg * _RADIANS)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
