"""Pose and Trajectory: where something is and how it is turned, at one time or over time.

Quaternions are wxyz, unit length, and turn vectors from the body's frame to the world's.
World frame: x front, y left, z up, metres; yaw is anticlockwise seen from above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

IDENTITY_WXYZ = (1.0, 0.0, 0.0, 0.0)


def quaternion_from_yaw(yaw_rad: float) -> Float64[np.ndarray, "4"]:
    """Return the turn by `yaw_rad` about +z (anticlockwise seen from above)."""
    return np.array([np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2)])


def quaternion_from_euler(
    yaw_rad: float, pitch_rad: float, roll_rad: float
) -> Float64[np.ndarray, "4"]:
    """Return yaw about z, then pitch about the turned y, then roll about the turned x.

    A positive pitch looks down (right-handed about y, which points left); a positive roll leans
    to the right.
    """
    pitch = np.array([np.cos(pitch_rad / 2), 0.0, np.sin(pitch_rad / 2), 0.0])
    roll = np.array([np.cos(roll_rad / 2), np.sin(roll_rad / 2), 0.0, 0.0])
    return quaternion_multiply(quaternion_multiply(quaternion_from_yaw(yaw_rad), pitch), roll)


def yaw_from_quaternion(quaternion_wxyz: Float[np.ndarray, "*batch 4"]) -> np.ndarray:
    """Return the yaw of the turned x axis, in radians (shape: batch)."""
    w, x, y, z = np.moveaxis(np.asarray(quaternion_wxyz, dtype=np.float64), -1, 0)
    return np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def quaternion_multiply(
    left_wxyz: Float[np.ndarray, "*batch 4"], right_wxyz: Float[np.ndarray, "*batch 4"]
) -> Float64[np.ndarray, "*batch 4"]:
    """Return the Hamilton product: the turn by `right_wxyz`, then by `left_wxyz`."""
    a, b, c, d = np.moveaxis(np.asarray(left_wxyz, dtype=np.float64), -1, 0)
    e, f, g, h = np.moveaxis(np.asarray(right_wxyz, dtype=np.float64), -1, 0)
    return np.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        axis=-1,
    )


def quaternion_conjugate(quaternion_wxyz: Float[np.ndarray, "*batch 4"]) -> np.ndarray:
    """Return the inverse turn of a unit quaternion."""
    return np.asarray(quaternion_wxyz, dtype=np.float64) * np.array([1.0, -1.0, -1.0, -1.0])


def rotation_matrix_from_quaternion(
    quaternion_wxyz: Float[np.ndarray, "*batch 4"],
) -> Float64[np.ndarray, "*batch 3 3"]:
    """Return the rotation matrix of a unit quaternion."""
    w, x, y, z = np.moveaxis(np.asarray(quaternion_wxyz, dtype=np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion_from_rotation_matrix(
    matrix: Float[np.ndarray, "3 3"],
) -> Float64[np.ndarray, "4"]:
    """Return the unit quaternion (w ≥ 0) of a rotation matrix.

    Source: Bar-Itzhack 2000, the eigenvector of the symmetric 4×4 matrix, which has no branch.
    """
    m = np.asarray(matrix, dtype=np.float64)
    symmetric = np.array(
        [
            [m[0, 0] + m[1, 1] + m[2, 2], 0.0, 0.0, 0.0],
            [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], 0.0, 0.0],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], 0.0],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 0.0],
        ]
    )
    symmetric[3, 3] = m[2, 2] - m[0, 0] - m[1, 1]
    quaternion = np.linalg.eigh(symmetric, UPLO="L")[1][:, -1]
    return quaternion if quaternion[0] >= 0 else -quaternion


def slerp(
    start_wxyz: Float[np.ndarray, "*batch 4"],
    stop_wxyz: Float[np.ndarray, "*batch 4"],
    fraction: Float[np.ndarray, "*batch"],
) -> Float64[np.ndarray, "*batch 4"]:
    """Interpolate between unit quaternions along the shorter great arc.

    Source: Shoemake 1985.
    """
    start = np.asarray(start_wxyz, dtype=np.float64)
    stop = np.asarray(stop_wxyz, dtype=np.float64)
    fraction = np.asarray(fraction, dtype=np.float64)[..., None]
    cosine = np.sum(start * stop, axis=-1, keepdims=True)
    stop = np.where(cosine < 0, -stop, stop)
    angle = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    sine = np.sin(angle)
    # Below 1e-6 rad the arc is its chord to double precision, and the division would be 0/0.
    tiny = sine < 1e-6
    safe = np.where(tiny, 1.0, sine)
    weight_start = np.where(tiny, 1 - fraction, np.sin((1 - fraction) * angle) / safe)
    weight_stop = np.where(tiny, fraction, np.sin(fraction * angle) / safe)
    mixed = weight_start * start + weight_stop * stop
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """A position and an orientation: a rigid transform from the body's frame to the world's.

    Attributes:
        position_m: Shape (3,).
        orientation_wxyz: Shape (4,), unit length.
    """

    position_m: Float64[np.ndarray, "3"]
    orientation_wxyz: Float64[np.ndarray, "4"] = field(
        default_factory=lambda: np.array(IDENTITY_WXYZ)
    )

    def __post_init__(self) -> None:
        position = np.asarray(self.position_m, dtype=np.float64)
        orientation = np.asarray(self.orientation_wxyz, dtype=np.float64)
        if position.shape != (3,) or orientation.shape != (4,):
            raise ValueError(
                "a pose needs position_m of shape (3,) and orientation_wxyz of shape (4,), got "
                f"{position.shape} and {orientation.shape}."
            )
        norm = float(np.linalg.norm(orientation))
        if not np.isfinite(position).all() or not np.isfinite(norm) or norm == 0.0:
            raise ValueError(f"a pose must be finite, got {position} and {orientation}.")
        object.__setattr__(self, "position_m", position)
        object.__setattr__(self, "orientation_wxyz", orientation / norm)

    @property
    def rotation(self) -> Float64[np.ndarray, "3 3"]:
        """The rotation matrix from the body's frame to the world's."""
        return rotation_matrix_from_quaternion(self.orientation_wxyz)

    @property
    def yaw_rad(self) -> float:
        """The heading of the body's x axis."""
        return float(yaw_from_quaternion(self.orientation_wxyz))

    def transform(self, points_m: Float[np.ndarray, "points 3"]) -> np.ndarray:
        """Move points from the body's frame to the world's; keeps their dtype."""
        points = np.asarray(points_m)
        moved = points @ self.rotation.T.astype(points.dtype) + self.position_m.astype(points.dtype)
        return moved.astype(points.dtype, copy=False)

    def compose(self, inner: Pose) -> Pose:
        """Return the transform that applies `inner` first: world_from_a.compose(a_from_b)."""
        return Pose(
            position_m=self.rotation @ inner.position_m + self.position_m,
            orientation_wxyz=quaternion_multiply(self.orientation_wxyz, inner.orientation_wxyz),
        )

    def inverse(self) -> Pose:
        """Return the transform from the world's frame to the body's."""
        return Pose(
            position_m=-(self.rotation.T @ self.position_m),
            orientation_wxyz=quaternion_conjugate(self.orientation_wxyz),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Poses over time: linear between positions, great arcs between orientations.

    Before the first and after the last time the end poses hold.

    Attributes:
        times_s: Shape (T,), strictly increasing, T ≥ 1.
        positions_m: Shape (T, 3).
        orientations_wxyz: Shape (T, 4), unit length.
    """

    times_s: Float64[np.ndarray, "T"]
    positions_m: Float64[np.ndarray, "T 3"]
    orientations_wxyz: Float64[np.ndarray, "T 4"]

    def __post_init__(self) -> None:
        times = np.asarray(self.times_s, dtype=np.float64)
        positions = np.asarray(self.positions_m, dtype=np.float64)
        orientations = np.asarray(self.orientations_wxyz, dtype=np.float64)
        count = len(times)
        if count == 0 or positions.shape != (count, 3) or orientations.shape != (count, 4):
            raise ValueError(
                "a trajectory needs times (T,), positions (T, 3) and orientations (T, 4), got "
                f"{times.shape}, {positions.shape} and {orientations.shape}."
            )
        if np.any(np.diff(times) <= 0):
            raise ValueError("the times of a trajectory must increase.")
        if not (np.isfinite(times).all() and np.isfinite(positions).all()):
            raise ValueError("the times and positions of a trajectory must be finite.")
        norms = np.linalg.norm(orientations, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or np.any(norms == 0):
            raise ValueError("the orientations of a trajectory must be finite quaternions.")
        object.__setattr__(self, "times_s", times)
        object.__setattr__(self, "positions_m", positions)
        object.__setattr__(self, "orientations_wxyz", orientations / norms)

    @property
    def mean_position_m(self) -> Float64[np.ndarray, "3"]:
        """The mean over the given times."""
        return self.positions_m.mean(axis=0)

    def at(self, time_s: float) -> Pose:
        """Return the pose at one time."""
        return Pose(
            position_m=self.positions_at(np.array([time_s]))[0],
            orientation_wxyz=self.orientations_at(np.array([time_s]))[0],
        )

    def positions_at(self, times_s: Float[np.ndarray, "N"]) -> Float64[np.ndarray, "N 3"]:
        """Return the positions at many times."""
        if len(self.times_s) == 1:
            return np.tile(self.positions_m, (len(times_s), 1))
        axes = [np.interp(times_s, self.times_s, self.positions_m[:, axis]) for axis in range(3)]
        return np.stack(axes, axis=1)

    def orientations_at(self, times_s: Float[np.ndarray, "N"]) -> Float64[np.ndarray, "N 4"]:
        """Return the orientations at many times."""
        if len(self.times_s) == 1:
            return np.tile(self.orientations_wxyz, (len(times_s), 1))
        place = np.interp(times_s, self.times_s, np.arange(len(self.times_s), dtype=np.float64))
        before = np.floor(place).astype(np.int64)
        after = np.minimum(before + 1, len(self.times_s) - 1)
        return slerp(self.orientations_wxyz[before], self.orientations_wxyz[after], place - before)
