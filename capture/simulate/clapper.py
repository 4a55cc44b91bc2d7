"""Somebody who claps, as players do before they start, so that sound and images can be lined up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int32

from capture.pose import Pose, quaternion_from_yaw
from capture.simulate.bodies import dress, load_body, skin
from capture.simulate.postures import HandGoal, draw_manner
from capture.simulate.skeleton import SIDES, Skeleton

_CLOSING_S, _TOUCHING_S, _OPENING_S = 0.2, 0.05, 0.3
_HALF_PALM_M = 0.025


class Clapper:
    """A standing body whose hands meet at given times.

    Attributes:
        claps_s: When the hands meet.
        faces: Shape (F, 3); they index the vertices of every time.
        colors: Shape (V, 3).
    """

    def __init__(
        self,
        claps_s: Sequence[float],
        rng: np.random.Generator,
        *,
        body_id: int = 3,
        position_m: Sequence[float] = (2.4, 0.0),
        yaw_rad: float = np.pi,
        apart_m: float = 0.4,
    ) -> None:
        """Draw clothes and set up the claps.

        Args:
            claps_s: When the hands meet, at least 0.6 s apart.
            rng: Draws clothes and manner.
            body_id: Which body.
            position_m: x and y of the place.
            yaw_rad: Where the chest points; π faces the camera.
            apart_m: Between the palms of open hands.
        """
        self.claps_s = tuple(claps_s)
        self._apart_m = apart_m
        self._body = load_body(body_id)
        self._dressed, self.colors = dress(self._body, rng)
        self.faces: Int32[np.ndarray, "F 3"] = self._body.faces
        self._manner = draw_manner(self._body, "violin", False, rng)
        self._skeleton = Skeleton(self._body)
        self._place = Pose(
            position_m=np.array([*position_m, 0.0]), orientation_wxyz=quaternion_from_yaw(yaw_rad)
        )

    def gap_m(self, time_s: float) -> float:
        """Return the way between the palms: closing ever faster, touching, opening again."""
        gap = self._apart_m
        for clap_s in self.claps_s:
            since = time_s - clap_s
            if -_CLOSING_S <= since < 0:
                gap = min(gap, self._apart_m * (1 - (1 + since / _CLOSING_S) ** 2))
            elif 0 <= since < _TOUCHING_S:
                gap = 0.0
            elif _TOUCHING_S <= since < _TOUCHING_S + _OPENING_S:
                share = (since - _TOUCHING_S) / _OPENING_S
                gap = min(gap, self._apart_m * (1 - np.cos(np.pi * share)) / 2)
        return float(gap)

    def hands_m(self) -> Float64[np.ndarray, "3"]:
        """Return where the hands meet, in the world."""
        return self._place.transform(self._meeting()[None])[0]

    def vertices_at(self, time_s: float) -> Float32[np.ndarray, "V 3"]:
        """Return the body's vertices in the world."""
        skeleton = self._skeleton
        skeleton.pose_trunk(self._manner, np.zeros(3), np.zeros(3))
        skeleton.pose_legs(self._manner)
        middle = self._meeting()
        for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
            aside = sign * (self.gap_m(time_s) / 2 + _HALF_PALM_M)
            skeleton.pose_arm(
                side,
                HandGoal(
                    grip_m=middle + np.array([0.0, aside, 0.0]),
                    fingers=np.array([0.6, 0.0, 0.8]),
                    palm=np.array([0.0, -sign, 0.0]),
                    curl_rad=0.1,
                    elbow=np.array([-0.2, 0.5 * sign, -1.0]),
                    follow=0.2,
                ),
            )
        moved = skin(self._dressed, self._body, skeleton.rotations, skeleton.positions_m)
        return self._place.transform(moved)

    def _meeting(self) -> np.ndarray:
        self._skeleton.pose_trunk(self._manner, np.zeros(3), np.zeros(3))
        return self._skeleton.trunk().landmarks_m["sternum"] + np.array([0.33, 0.0, -0.05])
