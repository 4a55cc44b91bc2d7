"""Find the world's frame: the floor point below the depth camera, z up, x where the camera looks.

Up comes from the inertial sensor at rest and from the floor in the point cloud; the camera's
height comes from the floor. The floor is searched for as the lowest large plane: for each
direction in a cone about the expected up, heights of the points along it are counted in bins, and
a floor stands out as one full bin with next to nothing below. A weighted least-squares fit to the
points near it then gives plane and tilt to a fraction of the sensor's noise.

All points and directions here are in the depth camera's frame: X right, Y down, Z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from capture.camera.calibration import Calibration
from capture.k4a_mkv import ImuSamples
from capture.pose import Pose, quaternion_from_rotation_matrix

UP_IN_CAMERA = np.array([0.0, -1.0, 0.0])
"""Up of a camera that is level."""

_GRAVITY_M_S2 = (8.8, 10.8)
_BIN_M = 0.03
_BELOW_FLOOR = 0.02
"""Share of the points that noise and mirror images may put below the floor."""
_LEAST_SHARE = 0.03
"""A floor covers at least this share of what is seen."""
_LEAST_SPREAD_M = 0.05
"""Standard deviation of floor points across their shorter side: the foot of a wall is thinner."""
_NEAREST_FLOOR_M = 0.15
_FIT_STEPS = 6
_WIDEST_TOLERANCE_M, _NARROWEST_TOLERANCE_M = 0.08, 0.012
_FLOOR_ERROR_M = 0.005
"""How far a real sensor's floor is from flat, systematically: more points do not average it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A plane below the camera.

    Attributes:
        up: Shape (3,), unit length.
        camera_height_m: Distance of the depth camera from the plane.
        share: Share of what is seen that lies on it, by area.
    """

    up: Float64[np.ndarray, "3"]
    camera_height_m: float
    share: float


def up_from_imu(samples: ImuSamples, calibration: Calibration) -> Float64[np.ndarray, "3"] | None:
    """Return the direction of up that the accelerometer shows.

    At rest it measures the force that holds it, which points up. The median over the samples keeps
    knocks out.

    Returns:
        A unit vector, or None where there is no accelerometer or what it shows is not gravity.
    """
    sensor_from_camera = calibration.accelerometer_from_depth
    if sensor_from_camera is None or len(samples.times_s) == 0:
        return None
    acceleration = np.median(samples.acceleration_m_s2.astype(np.float64), axis=0)
    length = float(np.linalg.norm(acceleration))
    if not _GRAVITY_M_S2[0] < length < _GRAVITY_M_S2[1]:
        return None
    return sensor_from_camera.rotation.T @ acceleration / length


def find_floor(
    points_m: Float[np.ndarray, "points 3"],
    up: Float64[np.ndarray, "3"] = UP_IN_CAMERA,
    *,
    cone_rad: float = np.radians(40.0),
) -> Floor | None:
    """Find the floor in a point cloud.

    Args:
        points_m: A few thousand points suffice; their order does not matter.
        up: The expected direction of up.
        cone_rad: How far from it the floor's normal may be.

    Returns:
        The floor, or None where no plane is large and low enough.
    """
    points = np.asarray(points_m, dtype=np.float64)
    if len(points) < 100:
        return None
    # A pixel covers an area that grows with the square of its distance.
    weights = np.einsum("ij,ij->i", points, points)
    weights /= weights.sum()
    best: Floor | None = None
    for direction in _cone(up, cone_rad):
        found = _lowest_plane(points @ direction, weights)
        if found is not None and (best is None or found[1] > best.share):
            best = Floor(up=direction, camera_height_m=found[0], share=found[1])
    return None if best is None else _refine(best, points, weights, up, cone_rad)


def world_from_camera_pose(up: Float64[np.ndarray, "3"], camera_height_m: float) -> Pose:
    """Return the pose of the depth camera in the world.

    Args:
        up: Unit vector, in the camera's frame.
        camera_height_m: Above the floor.
    """
    forward = np.array([0.0, 0.0, 1.0])
    front = forward - (forward @ up) * up
    if np.linalg.norm(front) < 0.1:
        # A camera that looks straight down: the top of its image is the front.
        front = -np.array([0.0, 1.0, 0.0]) * np.sign(-forward @ up)
        front -= (front @ up) * up
    front /= np.linalg.norm(front)
    rotation = np.stack([front, np.cross(up, front), up])
    return Pose(
        position_m=np.array([0.0, 0.0, camera_height_m]),
        orientation_wxyz=quaternion_from_rotation_matrix(rotation),
    )


def _cone(up: np.ndarray, cone_rad: float) -> np.ndarray:
    """Return unit vectors that fill a cone about `up`, at most 3° apart."""
    side = np.cross(up, [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.array([1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    front = np.cross(side, up)
    rings = int(np.ceil(cone_rad / np.radians(3.0)))
    directions = [up]
    for tilt in np.linspace(0, cone_rad, rings + 1)[1:]:
        count = int(np.ceil(2 * np.pi * np.sin(tilt) / np.radians(3.0)))
        around = np.arange(count) * (2 * np.pi / count)
        directions += [
            np.cos(tilt) * up + np.sin(tilt) * (np.cos(a) * side + np.sin(a) * front)
            for a in around
        ]
    return np.array(directions)


def _lowest_plane(heights: np.ndarray, weights: np.ndarray) -> tuple[float, float] | None:
    """Return the camera's height over the fullest low bin of heights, and the bin's share."""
    bins = np.floor(heights / _BIN_M).astype(np.int64)
    lowest = int(bins.min())
    filled = np.bincount(bins - lowest, weights=weights)
    # Two neighbours together: a plane may lie on their border.
    pairs = filled[:-1] + filled[1:]
    before = np.concatenate([[0.0], np.cumsum(filled)])[: len(pairs)]
    middles = (np.arange(len(pairs)) + lowest + 1) * _BIN_M
    allowed = (before <= _BELOW_FLOOR) & (middles <= -_NEAREST_FLOOR_M)
    if not allowed.any():
        return None
    index = int(np.argmax(np.where(allowed, pairs, -1.0)))
    return -float(middles[index]), float(pairs[index])


def _refine(
    floor: Floor, points: np.ndarray, weights: np.ndarray, up: np.ndarray, cone_rad: float
) -> Floor | None:
    """Fit the plane to the points near it, with the expected up as a prior of its tilt.

    A plane has slopes a and b along two axes across `up`: height + a x + b y + c = 0. With the
    mean of squared residuals over `_FLOOR_ERROR_M`² and of squared slopes over a third of the
    cone's angle, squared, the best slopes are the solution of three linear equations: a floor seen
    over metres decides its tilt, a strip of it leaves the tilt as expected.
    """
    across = np.linalg.svd(up[None, :])[2][1:]
    plane = np.column_stack([points @ across.T, np.ones(len(points))])
    heights = points @ up
    prior = np.diag([(3 * _FLOOR_ERROR_M / np.tan(cone_rad)) ** 2] * 2 + [0.0])
    normal, tolerance_m = floor.up, _WIDEST_TOLERANCE_M
    distances = points @ normal + floor.camera_height_m
    height_m, share = floor.camera_height_m, 0.0
    for _ in range(_FIT_STEPS):
        near = np.abs(distances) < tolerance_m
        share = float(weights[near].sum())
        if share < _LEAST_SHARE or np.count_nonzero(near) < 50:
            return None
        weighted = plane[near] * (weights[near] / share)[:, None]
        slopes = np.linalg.solve(weighted.T @ plane[near] + prior, -(weighted.T @ heights[near]))
        length = np.hypot(1.0, np.hypot(slopes[0], slopes[1]))
        normal = (up + slopes[:2] @ across) / length
        height_m = float(slopes[2] / length)
        distances = points @ normal + height_m
        # Three standard deviations of the noise: walls and feet that stand on the floor stay out.
        spread_m = 3 * 1.4826 * float(np.median(np.abs(distances[near])))
        tolerance_m = float(np.clip(spread_m, _NARROWEST_TOLERANCE_M, tolerance_m))
    across_m = plane[np.abs(distances) < tolerance_m, :2]
    if np.sqrt(np.linalg.eigvalsh(np.cov(across_m.T))[0]) < _LEAST_SPREAD_M:
        return None
    return Floor(up=normal, camera_height_m=height_m, share=share)
