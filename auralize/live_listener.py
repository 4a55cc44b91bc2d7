"""A listener who moves and turns beyond what the scene says."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from capture.pose import (
    Pose,
    Trajectory,
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

    def positions_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 3"]:
        """Return the middle of the head in the world at many times, in metres."""
        positions = self._trajectory.positions_at(times_s)
        if not self.head.position_m.any():
            return positions
        turns = rotation_matrix_from_quaternion(self._trajectory.orientations_at(times_s))
        return positions + turns @ self.head.position_m

    def orientations_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 4"]:
        """Return how the head is turned at many times."""
        turns = self._trajectory.orientations_at(times_s)
        return quaternion_multiply(turns, np.broadcast_to(self.head.orientation_wxyz, turns.shape))
