"""A listener who moves and turns beyond what the scene says."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from capture.pose import (
    Pose,
    Trajectory,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_matrix_from_quaternion,
)

RESTING = Pose(position_m=np.zeros(3))


class LiveListener:
    """The head of a scene, and on top of it what a tracker or a keyboard says.

    Attributes:
        times_s: The times of the scene's keyframes.
        head: The pose of the head in the frame of the scene's listener (x front, y left, z up).
    """

    def __init__(self, trajectory: Trajectory) -> None:
        """Take the way of the scene's listener."""
        self._trajectory = trajectory
        self.times_s = trajectory.times_s
        self.head = RESTING
        self._times_s = np.zeros(0)
        self._head: Pose | None = None
        self._poses = np.zeros((0, 3)), np.zeros((0, 4)), np.zeros((0, 3, 3))

    def positions_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 3"]:
        """Return the middle of the head in the world at many times, in metres."""
        return self._at(times_s)[0]

    def orientations_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 4"]:
        """Return how the head is turned at many times."""
        return self._at(times_s)[1]

    def matrices_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 3 3"]:
        """Return the rotations from the world's frame to the head's at many times."""
        return self._at(times_s)[2]

    def _at(self, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return positions, orientations and rotations; the last ones are kept.

        All sources ask for the same times, one after the other.
        """
        head = self.head
        if head is not self._head or not np.array_equal(times_s, self._times_s):
            positions = self._trajectory.positions_at(times_s)
            turns = self._trajectory.orientations_at(times_s)
            positions = positions + rotation_matrix_from_quaternion(turns) @ head.position_m
            turns = quaternion_multiply(turns, np.broadcast_to(head.orientation_wxyz, turns.shape))
            matrices = rotation_matrix_from_quaternion(quaternion_conjugate(turns))
            self._poses = positions, turns, matrices
            self._times_s, self._head = np.array(times_s), head
        return self._poses
