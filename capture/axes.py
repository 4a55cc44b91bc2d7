"""Every axis conversion of the project.

World frame: right-handed, x front, y left, z up, metres (as SOFA, AmbiX and REP-103). Each
function takes points of shape (*batch, 3) in one frame and returns them in another; each pair is
a signed permutation, so directions convert as points do.

| frame | axes | from world (x, y, z) |
|---|---|---|
| depth or color camera | X right, Y down, Z forward | (−y, −z, x) |
| IMU of the Azure Kinect | as its sensor reports, see `level` | |
| network | x side, y stature, z facing | (−y, z, x) turned by the facing yaw |
| glTF, Godot, WebAudio, three.js | x right, y up, −z front | (−y, z, −x) |
| Unity | x right, y up, z front, left-handed | (−y, z, x) |
| Unreal | x front, y right, z up, left-handed, cm | 100·(x, −y, z) |
| ADM (Cartesian) | x right, y front, z up | (−y, x, z) |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

Points: TypeAlias = "Float[np.ndarray, '*batch 3']"


def identity(points: Points) -> Points:
    """Return points as they are, for AmbiX, SOFA and others whose axes are the world's."""
    return np.asarray(points)


def world_from_camera_axes(points: Points) -> Points:
    """Turn camera axes (X right, Y down, Z forward) to world axes; moves no origin."""
    return np.stack([points[..., 2], -points[..., 0], -points[..., 1]], axis=-1)


def camera_from_world_axes(points: Points) -> Points:
    """Turn world axes to camera axes (X right, Y down, Z forward)."""
    return np.stack([-points[..., 1], -points[..., 2], points[..., 0]], axis=-1)


def gltf_from_world(points: Points) -> Points:
    """Turn world axes to those of glTF, Godot, WebAudio and three.js."""
    return np.stack([-points[..., 1], points[..., 2], -points[..., 0]], axis=-1)


def world_from_gltf(points: Points) -> Points:
    """Turn the axes of glTF, Godot, WebAudio and three.js to world axes."""
    return np.stack([-points[..., 2], -points[..., 0], points[..., 1]], axis=-1)


def gltf_quaternion_from_world(
    quaternion_wxyz: Float[np.ndarray, "*batch 4"],
) -> Float[np.ndarray, "*batch 4"]:
    """Turn orientations of bodies with x front, y left, z up to those with −z front, y up (wxyz).

    Both axes of the world and of the body change in the same way, so that the vector part does.
    """
    return np.concatenate(
        [quaternion_wxyz[..., :1], gltf_from_world(quaternion_wxyz[..., 1:])], axis=-1
    )


def world_quaternion_from_gltf(
    quaternion_wxyz: Float[np.ndarray, "*batch 4"],
) -> Float[np.ndarray, "*batch 4"]:
    """Turn orientations in the axes of glTF back to those of the world (wxyz)."""
    return np.concatenate(
        [quaternion_wxyz[..., :1], world_from_gltf(quaternion_wxyz[..., 1:])], axis=-1
    )


def unity_from_world(points: Points) -> Points:
    """Turn world axes to Unity's (left-handed, y up, z front, metres)."""
    return np.stack([-points[..., 1], points[..., 2], points[..., 0]], axis=-1)


def unity_quaternion_from_world(
    quaternion_wxyz: Float[np.ndarray, "*batch 4"],
) -> Float[np.ndarray, "*batch 4"]:
    """Turn orientations of bodies with x front, y left, z up to Unity's, z front, y up (wxyz).

    Both axes of the world and of the body change in the same way. The change mirrors, which turns
    senses of rotation around: the vector part changes as points do, and its sign with it.
    """
    return np.concatenate(
        [quaternion_wxyz[..., :1], -unity_from_world(quaternion_wxyz[..., 1:])], axis=-1
    )


def world_from_unity(points: Points) -> Points:
    """Turn Unity's axes to world axes."""
    return np.stack([points[..., 2], -points[..., 0], points[..., 1]], axis=-1)


def unreal_from_world(points: Points) -> Points:
    """Turn world axes in metres to Unreal's in centimetres (left-handed, z up)."""
    return 100.0 * np.stack([points[..., 0], -points[..., 1], points[..., 2]], axis=-1)


def world_from_unreal(points: Points) -> Points:
    """Turn Unreal's axes in centimetres to world axes in metres."""
    return np.stack([points[..., 0], -points[..., 1], points[..., 2]], axis=-1) / 100.0


def adm_from_world(points: Points) -> Points:
    """Turn world axes to ADM's Cartesian ones (distances stay as they are)."""
    return np.stack([-points[..., 1], points[..., 0], points[..., 2]], axis=-1)


def world_from_adm(points: Points) -> Points:
    """Turn ADM's Cartesian axes to world axes."""
    return np.stack([points[..., 1], -points[..., 0], points[..., 2]], axis=-1)


def network_from_world(points: Points, facing_yaw_rad: float) -> Points:
    """Turn world axes to a performer's own: x side, y stature, z facing.

    Args:
        points: Points about any origin, in world axes.
        facing_yaw_rad: Where the performer's chest points, anticlockwise from +x.
    """
    cosine, sine = np.cos(facing_yaw_rad), np.sin(facing_yaw_rad)
    front = cosine * points[..., 0] + sine * points[..., 1]
    left = cosine * points[..., 1] - sine * points[..., 0]
    return np.stack([-left, points[..., 2], front], axis=-1)


def world_from_network(points: Points, facing_yaw_rad: float) -> Points:
    """Turn a performer's own axes (x side, y stature, z facing) to world axes."""
    cosine, sine = np.cos(facing_yaw_rad), np.sin(facing_yaw_rad)
    front, left = points[..., 2], -points[..., 0]
    return np.stack(
        [cosine * front - sine * left, sine * front + cosine * left, points[..., 1]], axis=-1
    )


def spherical_from_world(points: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return azimuth (anticlockwise from +x), elevation (up from the horizon) and distance.

    Returns:
        Three arrays of shape batch: radians in (−π, π], radians in [−π/2, π/2], metres.
    """
    points = np.asarray(points, dtype=np.float64)
    horizontal = np.hypot(points[..., 0], points[..., 1])
    return (
        np.arctan2(points[..., 1], points[..., 0]),
        np.arctan2(points[..., 2], horizontal),
        np.hypot(horizontal, points[..., 2]),
    )


def world_from_spherical(
    azimuth_rad: np.ndarray, elevation_rad: np.ndarray, distance_m: np.ndarray
) -> Points:
    """Return world points from azimuth, elevation and distance (shapes broadcast)."""
    azimuth, elevation, distance = np.broadcast_arrays(azimuth_rad, elevation_rad, distance_m)
    horizontal = distance * np.cos(elevation)
    return np.stack(
        [
            horizontal * np.cos(azimuth),
            horizontal * np.sin(azimuth),
            distance * np.sin(elevation),
        ],
        axis=-1,
    )
