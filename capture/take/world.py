"""The camera's pose in the world, from a take's images and its inertial sensor."""

from __future__ import annotations

import os

import numpy as np
from jaxtyping import Float64

from capture.errors import AuralizeError, DataError, FileFormatError
from capture.pose import Pose
from capture.take.images import TakeImages
from capture.take.level import UP_IN_CAMERA, find_floor, world_from_camera_pose

_SAMPLED_IMAGES = 5
_SAMPLED_POINTS = 4000
_IMU_CONE_RAD = np.radians(4.0)
"""The accelerometer's bias tilts up by at most this much."""
_BLIND_CONE_RAD = np.radians(40.0)
_ASSUMED_HEIGHT_M = 1.2


def find_world(images: TakeImages, name: str | os.PathLike[str]) -> tuple[Pose, str | None]:
    """Find the pose of the depth camera in the world.

    Args:
        images: Some of them, spread over the take, are looked at.
        name: What messages call the take.

    Returns:
        The pose, and a sentence if its height had to be assumed.

    Raises:
        DataError: The images measured nothing at all.
    """
    points = _sample_points(images, name)
    up = images.up()
    floor = find_floor(
        points,
        UP_IN_CAMERA if up is None else up,
        cone_rad=_BLIND_CONE_RAD if up is None else _IMU_CONE_RAD,
    )
    if floor is not None:
        return world_from_camera_pose(floor.up, floor.camera_height_m), None
    level = "taken to be level and" if up is None else "levelled by its inertial sensor and"
    warning = (
        f"{name}: no floor is seen: the camera is {level} taken to be {_ASSUMED_HEIGHT_M} m above "
        "it. State world_from_camera in a take.json if it is not."
    )
    return world_from_camera_pose(UP_IN_CAMERA if up is None else up, _ASSUMED_HEIGHT_M), warning


def _sample_points(
    images: TakeImages, name: str | os.PathLike[str]
) -> Float64[np.ndarray, "points 3"]:
    """Return some thousand points, spread over the images of the take."""
    count = len(images.camera_times_s)
    indices = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED_IMAGES)).round())
    clouds: list[np.ndarray] = []
    broken: AuralizeError | None = None
    for index in indices.astype(int):
        try:
            points = images.cloud(int(index), color=False).positions_m
        except (DataError, FileFormatError) as error:
            broken = error  # one damaged image does not take the others' world away
            continue
        clouds.append(points[:: max(1, len(points) // _SAMPLED_POINTS)])
    if broken is not None and not clouds:
        raise broken
    points = np.concatenate(clouds).astype(np.float64)
    if len(points) == 0:
        raise DataError(
            f"{name}: the images hold no measurement (every pixel of {len(clouds)} of them is 0). "
            "Check that nothing covers the sensor and that the players are within its range, and "
            "record again."
        )
    return points
