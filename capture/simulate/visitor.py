"""Somebody who plays nothing: walks in, stops, turns a page, and walks off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from capture.pose import Pose, quaternion_from_yaw
from capture.simulate.bodies import BONE, dress, load_body, skin
from capture.simulate.postures import HandGoal, draw_manner
from capture.simulate.skeleton import Skeleton

WALKING_M_S = 1.2
_STRIDE_M = 1.3
"""Both steps together."""
_STEP_M = 0.32
_TURN_S = 0.5
"""How long before and after a corner the walker turns."""
_REACH_S = 0.6


class Visitor:
    """A walker on the stage.

    Attributes:
        faces: Shape (F, 3); they index the vertices of every time.
        colors: Shape (V, 3).
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        body_id: int,
        path: Float64[np.ndarray, "places 3"],
        reach_s: tuple[float, float] | None = None,
        look_rad: float = np.pi,
    ) -> None:
        """Draw a visitor.

        Args:
            rng: Draws clothes and gait.
            body_id: Which body.
            path: Rows (time in seconds, x, y), times increasing. Between them the visitor walks
                straight on; two rows at one place are a stop.
            reach_s: From when to when an arm reaches forward, as for a page.
            look_rad: Where the visitor faces while standing.
        """
        self._body = load_body(body_id)
        self._dressed, colors = dress(self._body, rng)
        self.colors: UInt8[np.ndarray, "V 3"] = colors
        self.faces: Int32[np.ndarray, "F 3"] = self._body.faces
        self._manner = draw_manner(self._body, "saxophone", False, rng)
        self._skeleton = Skeleton(self._body)
        self._path = np.asarray(path, np.float64)
        self._reach_s = reach_s
        self._look_rad = look_rad
        self._phase = rng.uniform(0, 2 * np.pi)

    def place_at(self, time_s: float) -> Float64[np.ndarray, "2"]:
        """Return where on the floor the visitor is."""
        times, x, y = self._path.T
        return np.array([np.interp(time_s, times, x), np.interp(time_s, times, y)])

    def vertices_at(self, time_s: float) -> Float32[np.ndarray, "V 3"]:
        """Return the body at a time, in the world frame."""
        speed = np.linalg.norm(self.place_at(time_s + 0.1) - self.place_at(time_s - 0.1)) / 0.2
        stride = 2 * np.pi * self._walked_m(time_s) / _STRIDE_M + self._phase
        swing = min(1.0, float(speed) / WALKING_M_S) * np.sin(stride)
        skeleton = self._skeleton
        step = np.array([[_STEP_M * swing, 0.0], [-_STEP_M * swing, 0.0]]) / 0.6
        manner = replace(self._manner, feet_m=step)
        reach = self._reach_at(time_s)
        skeleton.pose_trunk(
            manner, np.array([0.0, 0.05 + 0.2 * reach, 0.0]), np.array([0.0, 0.1, 0.0])
        )
        skeleton.pose_legs(manner)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            forward = reach if side == "right" else 0.0
            skeleton.pose_arm(side, self._hand(side, sign, -sign * swing, forward))
        place = Pose(
            position_m=np.array([*self.place_at(time_s), 0.0]),
            orientation_wxyz=quaternion_from_yaw(self._yaw_at(time_s)),
        )
        body = skin(self._dressed, self._body, skeleton.rotations, skeleton.positions_m)
        return place.transform(body)

    def _walked_m(self, time_s: float) -> float:
        steps = np.linalg.norm(np.diff(self._path[:, 1:], axis=0), axis=1)
        return float(np.interp(time_s, self._path[:, 0], np.append(0.0, np.cumsum(steps))))

    def _reach_at(self, time_s: float) -> float:
        if self._reach_s is None:
            return 0.0
        start, stop = self._reach_s
        return float(np.clip(min(time_s - start, stop - time_s) / _REACH_S, 0.0, 1.0))

    def _yaw_at(self, time_s: float) -> float:
        """Return the way of walking; corners and stops are turned into within half a second."""
        moments = time_s + np.linspace(-_TURN_S, _TURN_S, 9)
        way = np.zeros(2)
        for moment in moments:
            step = self.place_at(moment + 0.05) - self.place_at(moment - 0.05)
            length = float(np.linalg.norm(step))
            standing = np.array([np.cos(self._look_rad), np.sin(self._look_rad)])
            way += step / length if length > 1e-3 else standing
        return float(np.arctan2(way[1], way[0]))

    def _hand(self, side: str, sign: float, swing: float, reach: float) -> HandGoal:
        body = self._body
        shoulder = self._skeleton.positions_m[BONE[f"upper_arm_{side}"]]
        arm = body.length(f"upper_arm_{side}", f"forearm_{side}")
        arm += body.length(f"forearm_{side}", f"hand_{side}")
        hanging = np.array([0.18 * swing, 0.10 * sign, -0.97 * arm])
        ahead = np.array([0.85 * arm, 0.05 * sign, -0.25 * arm])
        return HandGoal(
            grip_m=shoulder + (1 - reach) * hanging + reach * ahead,
            fingers=np.array([reach, 0.0, reach - 1.0 + 1e-3]),
            palm=np.array([0.0, -sign, -0.01]),
            curl_rad=0.4,
            elbow=np.array([-1.0, 0.4 * sign, -0.3]),
            follow=0.8,
        )
