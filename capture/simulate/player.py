"""A player: a body, an instrument, and the movements that the notes ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from capture.body_pose import JOINTS
from capture.instruments import canonical_instrument
from capture.pose import Pose, quaternion_from_rotation_matrix, quaternion_from_yaw
from capture.simulate.bodies import BONE, TEST_BODIES, TRAIN_BODIES, dress, load_body, skin
from capture.simulate.bows import HAIR_START_M, make_bow
from capture.simulate.furniture import make_chair, make_stand
from capture.simulate.gestures import AT_REST, Gesture, plan_gestures
from capture.simulate.holds import hold_instrument
from capture.simulate.instruments import make_instrument
from capture.simulate.postures import (
    SEATED_BY_DEFAULT,
    Hold,
    Scene,
    draw_manner,
    trunk_angles,
)
from capture.simulate.rotations import turn
from capture.simulate.skeleton import Skeleton
from capture.simulate.solids import Mesh, join

if TYPE_CHECKING:
    from capture.simulate.score import Note

PARTS: tuple[str, ...] = ("body", "instrument", "bow", "chair", "stand")
"""What a face belongs to; `Player.face_parts` indexes it."""

BODY, INSTRUMENT, BOW, CHAIR, STAND = range(len(PARTS))
_REACHED_M = 0.012
_BONE_OF_JOINT = {
    "PELVIS": "pelvis",
    "SPINE_CHEST": "chest",
    "NECK": "neck",
    "HEAD": "head",
    "SHOULDER": "upper_arm",
    "ELBOW": "forearm",
    "WRIST": "hand",
    "HAND": "knuckles",
    "HANDTIP": "fingers",
    "THUMB": "thumb",
    "HIP": "thigh",
    "KNEE": "shin",
    "ANKLE": "foot",
}
_LARGE = ("cello", "double_bass", "guitar", "bassoon", "trombone", "tuba")
_BOWED = ("violin", "viola", "cello", "double_bass")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerState:
    """Where a player's mesh and joints are at one time, in the world frame.

    Attributes:
        vertices_m: Shape (V, 3).
        joints_m: Head, left_hand, right_hand (the wrists), mouth and chin by name.
        instrument: Pose of the instrument frame.
        bow: Pose of the bow frame, None where there is no bow.
        sound_m: Where the sound leaves the instrument, shape (3,).
        facing_yaw_rad: Where the chest points.
        missed_m: How far a hand stays from where it should hold, the larger of both.
        slide_m: How far a trombone's slide is out.
    """

    vertices_m: Float32[np.ndarray, "V 3"]
    joints_m: dict[str, Float64[np.ndarray, "3"]]
    instrument: Pose
    bow: Pose | None
    sound_m: Float64[np.ndarray, "3"]
    facing_yaw_rad: float
    missed_m: float
    slide_m: float = 0.0


class Player:
    """One player on a place in the world.

    Attributes:
        instrument: Canonical name.
        body_id: Which body.
        seated: Whether the player sits.
        model: The instrument.
        bow: The bow, or None.
        position_m: Floor point below the pelvis, shape (2,).
        yaw_rad: Where the player faces.
        floor_m: Height of the floor there.
        faces: Shape (F, 3); they index the vertices of every time.
        colors: Shape (V, 3).
        face_parts: Shape (F,), an index into `PARTS` for each face.
    """

    def __init__(
        self,
        instrument: str,
        rng: np.random.Generator,
        *,
        notes: Sequence[Note] = (),
        seconds: float = 0.0,
        split: str = "train",
        body_id: int | None = None,
        seated: bool | None = None,
        stand: bool = True,
        position_m: Sequence[float] | np.ndarray = (0.0, 0.0),
        yaw_rad: float = 0.0,
    ) -> None:
        """Draw a player.

        Args:
            instrument: Any spelling of one of `capture.instruments.INSTRUMENTS`.
            rng: Draws body, clothes, instrument variant, manner and sway.
            notes: What is played, in order of the start.
            seconds: Length of the performance.
            split: "train" or "test": which bodies and instrument variants may be drawn.
            body_id: A certain body, whatever the split.
            seated: On a chair; None draws what suits the instrument.
            stand: With a music stand.
            position_m: x and y of the place.
            yaw_rad: Where the player faces.

        Raises:
            ValueError: The instrument, split or body is unknown.
        """
        if split not in ("train", "test"):
            raise ValueError(f'split must be "train" or "test", got {split!r}.')
        self.instrument = canonical_instrument(instrument)
        choices = TRAIN_BODIES if split == "train" else TEST_BODIES
        drawn = int(choices[rng.integers(len(choices))])
        self.body_id = drawn if body_id is None else body_id
        self.position_m = np.asarray(position_m, np.float64)
        self.yaw_rad = float(yaw_rad)
        self.floor_m = 0.0

        self._body = load_body(self.body_id)
        draw_seated = rng.random() < SEATED_BY_DEFAULT[self.instrument]
        self.seated = draw_seated if seated is None else seated
        self._dressed, body_colors = dress(self._body, rng)
        self.model = make_instrument(
            self.instrument, rng, split=split, stature_m=float(self._body.landmarks_m["crown"][2])
        )
        self.bow = make_bow(self.instrument) if self.instrument in _BOWED else None
        self._manner = draw_manner(self._body, self.instrument, self.seated, rng)
        self._skeleton = Skeleton(self._body)
        self._lean_to_reach()
        self._limit_stroke()
        sizes = self.model.sizes
        self._gestures = plan_gestures(
            notes,
            max(seconds, 0.1),
            () if sizes is None else sizes.open_pitches,
            0.0 if sizes is None else sizes.string,
            self._manner.stroke_m,
            rng,
            slides=self.model.wind is not None and self.model.wind.slide is not None,
        )
        self._still = self._make_furniture(stand, rng)
        body = Mesh(vertices_m=self._dressed, faces=self._body.faces, colors=body_colors)
        moving = [(BODY, body), (INSTRUMENT, self.model.mesh)]
        if self.bow is not None:
            moving.append((BOW, self.bow.mesh))
        meshes = [*moving, *self._still]
        whole = join([mesh for _, mesh in meshes])
        self.faces: Int32[np.ndarray, "F 3"] = whole.faces
        self.colors: UInt8[np.ndarray, "V 3"] = whole.colors
        self.face_parts: UInt8[np.ndarray, "F"] = np.concatenate(
            [np.full(len(mesh.faces), part, np.uint8) for part, mesh in meshes]
        )

    def state_at(self, time_s: float) -> PlayerState:
        """Return mesh and joints at a time of the performance."""
        hold, missed_m = self._pose(self._gestures.at(time_s))
        skeleton = self._skeleton
        pieces = [skin(self._dressed, self._body, skeleton.rotations, skeleton.positions_m)]
        shape = self.model.shape(hold.slide_m)
        pieces.append(shape.moved(hold.instrument_rotation, hold.instrument_position_m).vertices_m)
        if self.bow is not None:
            assert hold.bow_rotation is not None
            assert hold.bow_position_m is not None
            pieces.append(self.bow.mesh.moved(hold.bow_rotation, hold.bow_position_m).vertices_m)
        pieces.extend(mesh.vertices_m for _, mesh in self._still)
        place = self._place()
        names = {"head": "head", "left_hand": "hand_left", "right_hand": "hand_right"}
        joints = {
            name: place.transform(skeleton.positions_m[BONE[bone]][None])[0]
            for name, bone in names.items()
        }
        landmarks = skeleton.trunk().landmarks_m
        joints |= {name: place.transform(landmarks[name][None])[0] for name in ("mouth", "chin")}
        instrument = place.compose(_rigid(hold.instrument_rotation, hold.instrument_position_m))
        bow = None
        if hold.bow_rotation is not None and hold.bow_position_m is not None:
            bow = place.compose(_rigid(hold.bow_rotation, hold.bow_position_m))
        front = skeleton.rotations[BONE["chest"]][:, 0]
        return PlayerState(
            vertices_m=place.transform(np.concatenate(pieces)),
            joints_m=joints,
            instrument=instrument,
            bow=bow,
            sound_m=instrument.transform(self.model.sound_m[None])[0],
            facing_yaw_rad=self.yaw_rad + float(np.arctan2(front[1], front[0])),
            missed_m=missed_m,
            slide_m=hold.slide_m,
        )

    def body_joints_at(self, time_s: float) -> Float64[np.ndarray, "joints 3"]:
        """Return where the joints of `capture.body_pose` are at a time, in the world frame."""
        self._pose(self._gestures.at(time_s))
        return self._place().transform(self._skeleton.positions_m[list(_JOINT_BONES)])

    def mesh_at(self, time_s: float) -> Mesh:
        """Return the whole mesh at a time: body, instrument, bow, chair, stand."""
        return Mesh(
            vertices_m=self.state_at(time_s).vertices_m, faces=self.faces, colors=self.colors
        )

    def _place(self) -> Pose:
        return Pose(
            position_m=np.array([*self.position_m, self.floor_m]),
            orientation_wxyz=quaternion_from_yaw(self.yaw_rad),
        )

    def _pose(self, gesture: Gesture) -> tuple[Hold, float]:
        skeleton = self._skeleton
        trunk, head = trunk_angles(self.instrument, self._manner, gesture)
        skeleton.pose_trunk(self._manner, trunk, head)
        skeleton.pose_legs(self._manner)
        hold = hold_instrument(
            Scene(
                body=self._body,
                instrument=self.model,
                bow=self.bow,
                manner=self._manner,
                trunk=skeleton.trunk(),
                gesture=gesture,
            )
        )
        left = skeleton.pose_arm("left", hold.left)
        right = skeleton.pose_arm("right", hold.right)
        return hold, max(left, right)

    def _lean_to_reach(self) -> None:
        """Bend the trunk forward until both hands reach, as short bassists do for the bow."""
        if self.model.sizes is None:
            return
        strings = (0.0, len(self.model.sizes.open_pitches) - 1.0)
        for _ in range(10):
            states = [
                replace(AT_REST, string=string, bow=0.3, lift_m=0.04, pitch_rad=-0.05)
                for string in strings
            ]
            if max(self._pose(state)[1] for state in states) < _REACHED_M:
                return
            self._manner = replace(self._manner, lean_rad=self._manner.lean_rad + 0.05)

    def _limit_stroke(self) -> None:
        """Find how far from the frog the string can be before the right arm is straight."""
        if self.bow is None:
            self._manner = replace(self._manner, stroke_m=0.0)
            return
        strings = self.model.strings()
        places: list[float] = []
        for string in (0.0, len(strings.open_pitches) - 1.0):
            hold = self._pose(replace(AT_REST, string=string, bow=1.0))[0]
            assert hold.bow_rotation is not None
            assert hold.bow_position_m is not None
            local = self.model.string_point(string, strings.string * self._manner.contact)
            contact = hold.instrument_position_m + hold.instrument_rotation @ local
            along = (contact - hold.bow_position_m) @ hold.bow_rotation[:, 2]
            places.append(float(along) - HAIR_START_M)
        self._manner = replace(self._manner, stroke_m=max(0.15, sum(places) / 2))

    def _make_furniture(self, stand: bool, rng: np.random.Generator) -> list[tuple[int, Mesh]]:
        pieces: list[tuple[int, Mesh]] = []
        if self.seated:
            back = -self._skeleton.seat_depth_m - 0.06
            pieces.append((CHAIR, make_chair(self._manner.seat_m, back, rng)))
        if stand:
            height = (0.50 if self.seated else 0.65) + rng.uniform(0.0, 0.15)
            side = rng.choice([-1.0, 1.0]) * rng.uniform(0.25, 0.45)
            ahead = rng.uniform(0.70, 0.85) + (0.15 if self.instrument in _LARGE else 0.0)
            yaw = float(np.arctan2(side, ahead))
            pieces.append(
                (STAND, make_stand(height, rng).moved(turn(yaw), np.array([ahead, side, 0.0])))
            )
        return pieces


def _bone_of(joint: str) -> int:
    name, _, side = joint.rpartition("_")
    if side in ("LEFT", "RIGHT"):
        return BONE[f"{_BONE_OF_JOINT[name]}_{side.lower()}"]
    return BONE[_BONE_OF_JOINT[joint]]


_JOINT_BONES = tuple(_bone_of(joint) for joint in JOINTS)


def _rigid(rotation: np.ndarray, position_m: np.ndarray) -> Pose:
    return Pose(position_m=position_m, orientation_wxyz=quaternion_from_rotation_matrix(rotation))
