"""Small rotation matrices for posing: frames from two directions, turns about an axis, limbs.

All matrices turn column vectors from the turned frame to the outer frame, float64 [3, 3].
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

Vector = Float64[np.ndarray, "3"]
Matrix = Float64[np.ndarray, "3 3"]


def unit(vector: np.ndarray) -> Vector:
    """Return the vector scaled to length 1 (a zero vector stays zero)."""
    length = float(np.sqrt(vector @ vector))
    return vector / length if length > 1e-12 else np.zeros(3)


def cross(a: np.ndarray, b: np.ndarray) -> Vector:
    """Return a × b; for single vectors ten times as fast as `numpy.cross`."""
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def frame(first: np.ndarray, second: np.ndarray) -> Matrix:
    """Return the frame whose x axis is `first` and whose y axis leans towards `second`."""
    x = unit(first)
    y = unit(second - x * (second @ x))
    return np.stack([x, y, cross(x, y)], axis=1)


def upright_frame(neck: np.ndarray, front: np.ndarray) -> Matrix:
    """Return the frame whose z axis is `neck` and whose y axis leans towards `front`."""
    z = unit(neck)
    y = unit(front - z * (front @ z))
    return np.stack([cross(y, z), y, z], axis=1)


def turn_about(axis: np.ndarray, angle_rad: float) -> Matrix:
    """Return the right-handed turn about an axis (Rodrigues' formula)."""
    x, y, z = unit(axis)
    sine, cosine = np.sin(angle_rad), np.cos(angle_rad)
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + sine * skew + (1 - cosine) * (skew @ skew)


def turn(yaw_rad: float = 0.0, pitch_rad: float = 0.0, roll_rad: float = 0.0) -> Matrix:
    """Return yaw about z after pitch about y (forward) after roll about x (to the right)."""
    cy, sy = np.cos(yaw_rad), np.sin(yaw_rad)
    cp, sp = np.cos(pitch_rad), np.sin(pitch_rad)
    cr, sr = np.cos(roll_rad), np.sin(roll_rad)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def twist_angle(rotation: Matrix, axis: np.ndarray) -> float:
    """Return the angle of the twist about `axis` in the swing-twist decomposition of a rotation."""
    vector = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    # The quaternion is (1 + trace, vector) up to scale.
    return float(2 * np.arctan2(vector @ unit(axis), 1 + np.trace(rotation)))


def bend_limb(
    start: Vector, target: Vector, upper_m: float, lower_m: float, pole: np.ndarray
) -> tuple[Vector, Vector]:
    """Two-bone inverse kinematics: middle joint and end of a limb that reaches for a target.

    The middle joint lies in the plane of start, target and `pole`, on the pole's side (law of
    cosines). A target out of reach gives a straight limb towards it.
    """
    along = target - start
    distance = float(np.linalg.norm(along))
    direction = unit(along)
    distance = float(np.clip(distance, abs(upper_m - lower_m) * 1.001 + 1e-6, upper_m + lower_m))
    cosine = (upper_m**2 + distance**2 - lower_m**2) / (2 * upper_m * distance)
    sine = float(np.sqrt(max(0.0, 1 - cosine**2)))
    side = unit(pole - direction * (pole @ direction))
    middle = start + upper_m * (cosine * direction + sine * side)
    return middle, start + direction * distance
