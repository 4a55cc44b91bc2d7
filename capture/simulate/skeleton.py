"""Posing a skeleton: trunk by angles, legs and arms by two-bone inverse kinematics.

Player frame: x front, y left, z up. A bone's turn is its rotation from rest in that frame.
"""

from __future__ import annotations

import numpy as np

from capture.simulate.bodies import BONE, PARENTS, SIDES, Body
from capture.simulate.postures import HandGoal, Manner, Trunk
from capture.simulate.rotations import (
    Matrix,
    bend_limb,
    cross,
    frame,
    turn,
    turn_about,
    twist_angle,
    unit,
)

_FRONT = np.array([1.0, 0.0, 0.0])
_WRIST_LIMIT_RAD = 1.0
_CLAVICLE_LIMIT_RAD = 0.40


class Skeleton:
    """The bones of one body, posed step by step: `pose_trunk`, `pose_legs`, `pose_arm`.

    Attributes:
        rotations: Turn of each bone from rest, shape (bones, 3, 3).
        positions_m: Where each joint is, shape (bones, 3).
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.rotations = np.tile(np.eye(3), (len(PARENTS), 1, 1))
        self.positions_m = body.joints_m.copy()
        self._rest_hands = {side: _rest_hand(body, side) for side in SIDES}
        near_hips = np.abs(body.vertices_m[:, 2] - body.joint("thigh_left")[2]) < 0.06
        near_hips &= np.abs(body.vertices_m[:, 1]) < 0.2
        self.seat_depth_m = float(body.joint("thigh_left")[0] - body.vertices_m[near_hips, 0].min())

    def pose_trunk(self, manner: Manner, trunk: np.ndarray, head: np.ndarray) -> None:
        """Place pelvis, spine, neck and head.

        Args:
            manner: Standing or seated, and how high.
            trunk: Yaw, pitch, roll of the chest; the spine shares them.
            head: Yaw, pitch, roll of the head beside the chest.
        """
        body = self.body
        root = body.joint("pelvis").copy()
        if manner.seated:
            root[2] += (
                manner.seat_m
                + np.clip(0.75 * self.seat_depth_m, 0.08, 0.12)
                - body.joint("thigh_left")[2]
            )
        else:
            # Weight shifts with the sway; knees give a little.
            root += np.array([-0.10 * trunk[1], -0.15 * trunk[2], -0.012])
        self._put("pelvis", turn(0.25 * trunk[0], 0.15 * trunk[1], 0.2 * trunk[2]), root)
        for bone, share in (("spine_low", 0.45), ("spine_mid", 0.75), ("chest", 1.0)):
            self._put(bone, turn(*(share * trunk)))
        chest = self.rotations[BONE["chest"]]
        self._put("neck", chest @ turn(*(0.45 * head)))
        self._put("head", chest @ turn(*head))
        for side in SIDES:
            self._put(f"clavicle_{side}", chest)
            self._put(f"upper_arm_{side}", chest)

    def pose_legs(self, manner: Manner) -> None:
        """Put the feet on the floor, below the knees of a seated player."""
        body = self.body
        for index, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
            self._put(f"thigh_{side}", np.eye(3))
            hip = self.positions_m[BONE[f"thigh_{side}"]]
            spread = manner.spread_rad * sign
            out = turn(yaw_rad=spread)
            upper = body.length(f"thigh_{side}", f"shin_{side}")
            lower = body.length(f"shin_{side}", f"foot_{side}")
            ankle = body.joint(f"foot_{side}").copy()
            if manner.seated:
                ankle[:2] = hip[:2] + (out @ _FRONT)[:2] * (0.96 * upper)
                ankle[:2] += np.array([0.02, 0.0]) + manner.feet_m[index]
            else:
                ankle[:2] += 0.6 * manner.feet_m[index]
            pole = out @ np.array([1.0, 0.0, 1.0 if manner.seated else 0.0])
            knee, ankle = bend_limb(hip, ankle, upper, lower, pole)
            self._put_limb(
                f"thigh_{side}", f"shin_{side}", f"foot_{side}", knee, ankle, pole, _FRONT
            )
            self._put(f"foot_{side}", out)

    def trunk(self) -> Trunk:
        """Return the posed trunk with the skin points that postures refer to."""
        body = self.body
        moved: dict[str, np.ndarray] = {}
        for bone, names in (
            ("head", ("mouth", "chin", "crown")),
            ("chest", ("sternum",)),
            ("spine_low", ("belly",)),
        ):
            index = BONE[bone]
            for name in names:
                offset = body.landmarks_m[name] - body.joints_m[index]
                moved[name] = self.positions_m[index] + self.rotations[index] @ offset
        tops = []
        for side in SIDES:
            hip, knee = (self.positions_m[BONE[f"{bone}_{side}"]] for bone in ("thigh", "shin"))
            tops.append(0.5 * hip + 0.5 * knee + np.array([0.0, 0.0, 0.065]))
        return Trunk(
            rotations=self.rotations,
            positions_m=self.positions_m,
            landmarks_m=moved,
            thigh_tops_m=np.array(tops),
        )

    def pose_arm(self, side: str, goal: HandGoal) -> float:
        """Bring a hand to its goal; the clavicle helps where the arm is too short.

        Returns:
            How far the hand's grip stays from the goal, in metres.
        """
        body = self.body
        upper = body.length(f"upper_arm_{side}", f"forearm_{side}")
        lower = body.length(f"forearm_{side}", f"hand_{side}")
        palm_m = body.length(f"hand_{side}", f"knuckles_{side}")
        self._reach_with_clavicle(side, goal.grip_m, upper + lower + 0.6 * palm_m)
        shoulder = self.positions_m[BONE[f"upper_arm_{side}"]]
        forearm = unit(goal.grip_m - shoulder)
        elbow, wrist = shoulder, goal.grip_m
        hand = np.eye(3)
        # The hand turns with the forearm, and the forearm follows the wrist: four rounds settle it.
        for _ in range(4):
            fingers = unit((1 - goal.follow) * goal.fingers + goal.follow * forearm)
            fingers = _bent_at_most(forearm, fingers, _WRIST_LIMIT_RAD)
            hand = frame(fingers, goal.palm)
            wrist = goal.grip_m - hand[:, 0] * (goal.forward * palm_m) - hand[:, 1] * goal.depth_m
            elbow, wrist = bend_limb(shoulder, wrist, upper, lower, goal.elbow)
            forearm = unit(wrist - elbow)
        rest_pole = body.joint(f"forearm_{side}") - 0.5 * (
            body.joint(f"upper_arm_{side}") + body.joint(f"hand_{side}")
        )
        self._put_limb(
            f"upper_arm_{side}",
            f"forearm_{side}",
            f"hand_{side}",
            elbow,
            wrist,
            goal.elbow,
            rest_pole,
        )
        self._turn_hand(side, hand @ self._rest_hands[side].T, goal.curl_rad)
        grip = wrist + hand[:, 0] * (goal.forward * palm_m) + hand[:, 1] * goal.depth_m
        return float(np.linalg.norm(grip - goal.grip_m))

    def _reach_with_clavicle(self, side: str, target: np.ndarray, reach_m: float) -> None:
        chest = self.rotations[BONE["chest"]]
        self._put(f"clavicle_{side}", chest)
        self._put(f"upper_arm_{side}", chest)
        shoulder = self.positions_m[BONE[f"upper_arm_{side}"]]
        clavicle = self.positions_m[BONE[f"clavicle_{side}"]]
        stretch = float(np.linalg.norm(target - shoulder)) / reach_m
        angle = float(np.clip(2.2 * (stretch - 0.85), 0.0, _CLAVICLE_LIMIT_RAD))
        axis = cross(shoulder - clavicle, target - clavicle)
        if angle > 0 and np.linalg.norm(axis) > 1e-6:
            self._put(f"clavicle_{side}", turn_about(axis, angle) @ chest)
            self._put(f"upper_arm_{side}", chest)

    def _turn_hand(self, side: str, hand: Matrix, curl_rad: float) -> None:
        """Turn the hand and bend the fingers; the forearm takes its share of the twist."""
        axis = self.body.joint(f"hand_{side}") - self.body.joint(f"forearm_{side}")
        forearm = self.rotations[BONE[f"forearm_{side}"]]
        relative = forearm.T @ hand
        twist = twist_angle(relative, axis)
        self._put(f"forearm_{side}", forearm @ turn_about(axis, 0.15 * twist))
        self._put(f"forearm_twist_{side}", forearm @ turn_about(axis, 0.65 * twist))
        self._put(f"hand_{side}", hand)
        rest = self._rest_hands[side]
        across = rest[:, 2]  # fingers × palm: a right-handed turn about it bends towards the palm
        self._put(f"thumb_{side}", hand @ turn_about(rest[:, 0], _thumb_sign(side) * 0.35))
        self._put(f"knuckles_{side}", hand @ turn_about(across, curl_rad))
        self._put(f"fingers_{side}", hand @ turn_about(across, 2.1 * curl_rad))

    def _put_limb(
        self,
        upper: str,
        lower: str,
        end: str,
        middle_m: np.ndarray,
        end_m: np.ndarray,
        pole: np.ndarray,
        rest_pole: np.ndarray,
    ) -> None:
        """Turn two bones so that their joints come to `middle_m` and `end_m`."""
        body = self.body
        start_m = self.positions_m[BONE[upper]]
        normal = cross(pole, end_m - start_m)
        rest_normal = cross(rest_pole, body.joint(end) - body.joint(upper))
        for bone, here, there, rest in (
            (upper, start_m, middle_m, body.joint(lower) - body.joint(upper)),
            (lower, middle_m, end_m, body.joint(end) - body.joint(lower)),
        ):
            self._put(bone, frame(there - here, normal) @ frame(rest, rest_normal).T)

    def _put(self, bone: str, rotation: Matrix, position: np.ndarray | None = None) -> None:
        """Set a bone's turn; its joint hangs on its parent unless a position is given."""
        index = BONE[bone]
        self.rotations[index] = rotation
        if position is None:
            parent = PARENTS[index]
            offset = self.body.joints_m[index] - self.body.joints_m[parent]
            position = self.positions_m[parent] + self.rotations[parent] @ offset
        self.positions_m[index] = position


def _thumb_sign(side: str) -> float:
    return 1.0 if side == "left" else -1.0


def _rest_hand(body: Body, side: str) -> Matrix:
    """Return the frame of a hand at rest: x along the fingers, y out of the palm."""
    fingers = body.joint(f"knuckles_{side}") - body.joint(f"hand_{side}")
    across = body.landmarks_m[f"index_{side}"] - body.landmarks_m[f"little_{side}"]
    palm = cross(fingers, across) if side == "left" else cross(across, fingers)
    return frame(fingers, palm)


def _bent_at_most(straight: np.ndarray, direction: np.ndarray, limit_rad: float) -> np.ndarray:
    """Return `direction` turned back towards `straight` where it is farther than the limit."""
    angle = float(np.arccos(np.clip(straight @ direction, -1.0, 1.0)))
    if angle <= limit_rad:
        return direction
    axis = cross(straight, direction)
    if np.linalg.norm(axis) < 1e-9:
        return straight
    return turn_about(axis, limit_rad) @ straight
