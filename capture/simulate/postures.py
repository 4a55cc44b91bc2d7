"""How each instrument is held: where it lies on the body, and what each hand does.

Player frame: x front, y left, z up, the origin on the floor below the pelvis. See
`capture.simulate.instruments` for the instrument frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from capture.simulate.bodies import BONE, Body
from capture.simulate.bows import Bow
from capture.simulate.gestures import Gesture
from capture.simulate.instruments import Instrument
from capture.simulate.rotations import Matrix, Vector

SEATED_BY_DEFAULT: dict[str, float] = {
    "violin": 0.5,
    "viola": 0.5,
    "cello": 1.0,
    "double_bass": 0.0,
    "guitar": 0.7,
    "saxophone": 0.1,
    "flute": 0.5,
    "clarinet": 0.5,
    "trumpet": 0.4,
    "oboe": 0.6,
    "bassoon": 0.95,
    "horn": 0.9,
    "trombone": 0.5,
    "tuba": 1.0,
}
"""Share of players who sit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """A player's own way to sit and hold, drawn once.

    Attributes:
        seat_m: Height of the seat; 0 for a standing player.
        spread_rad: How far each thigh points outward.
        lean_rad: Trunk forward.
        aim_rad: Yaw of the instrument beside the usual.
        tilt_rad: Tilt of the instrument beside the usual.
        stroke_m: How much of the bow's hair the arm can use.
        contact: Where the bow meets the string: share of the string from the bridge.
        feet_m: Shift of each foot, shape (2, 2).
    """

    seat_m: float
    spread_rad: float
    lean_rad: float
    aim_rad: float
    tilt_rad: float
    stroke_m: float
    contact: float
    feet_m: np.ndarray

    @property
    def seated(self) -> bool:
        """Whether the player sits."""
        return self.seat_m > 0


def draw_manner(body: Body, instrument: str, seated: bool, rng: np.random.Generator) -> Manner:
    """Draw how this player holds the instrument."""
    seat = float(np.clip(body.joint("shin_left")[2] - 0.07 + rng.uniform(-0.02, 0.02), 0.40, 0.50))
    spread = {"cello": 0.50, "guitar": 0.22}.get(instrument, 0.18) if seated else 0.0
    return Manner(
        seat_m=seat if seated else 0.0,
        spread_rad=spread + rng.uniform(-0.04, 0.06),
        lean_rad=rng.uniform(-0.05, 0.08) + (0.05 if instrument == "guitar" else 0.0),
        aim_rad=rng.uniform(-0.12, 0.12),
        tilt_rad=rng.uniform(-0.08, 0.08),
        stroke_m=1.0,
        contact=rng.uniform(0.10, 0.15) + {"double_bass": 0.05, "cello": 0.03}.get(instrument, 0.0),
        feet_m=rng.uniform(-0.03, 0.04, size=(2, 2)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """The posed trunk and head: joints, turns, and skin points by name, in the player frame."""

    rotations: np.ndarray
    positions_m: np.ndarray
    landmarks_m: dict[str, np.ndarray]
    thigh_tops_m: np.ndarray

    def turn_of(self, bone: str) -> Matrix:
        """Return the turn of a bone from rest."""
        return self.rotations[BONE[bone]]

    def joint(self, bone: str) -> Vector:
        """Return where a joint is."""
        return self.positions_m[BONE[bone]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandGoal:
    """What a hand does.

    Attributes:
        grip_m: Where the hand holds.
        fingers: Direction from the wrist to the knuckles.
        palm: Direction out of the palm.
        curl_rad: Bend of the knuckles; the finger joints bend a little more.
        elbow: Direction in which the elbow points.
        follow: How far the fingers' direction gives way to the forearm's, 0 to 1.
        forward: From the wrist to the grip point, in lengths of the palm.
        depth_m: Grip point below the palm.
    """

    grip_m: np.ndarray
    fingers: np.ndarray
    palm: np.ndarray
    curl_rad: float
    elbow: np.ndarray
    follow: float
    forward: float = 0.85
    depth_m: float = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Where instrument and bow are, what the hands do, and how far a slide is pulled out."""

    instrument_rotation: Matrix
    instrument_position_m: Vector
    bow_rotation: Matrix | None
    bow_position_m: Vector | None
    left: HandGoal
    right: HandGoal
    slide_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that a posture is made from."""

    body: Body
    instrument: Instrument
    bow: Bow | None
    manner: Manner
    trunk: Trunk
    gesture: Gesture


def trunk_angles(
    instrument: str, manner: Manner, gesture: Gesture
) -> tuple[np.ndarray, np.ndarray]:
    """Return yaw, pitch and roll of the trunk, and of the head beside the trunk."""
    trunk = np.array([gesture.yaw_rad, gesture.pitch_rad + manner.lean_rad, gesture.roll_rad])
    head = np.array([gesture.glance_rad, gesture.nod_rad + 0.08, 0.0])
    if instrument in ("violin", "viola"):
        head += (0.50 - 0.6 * gesture.glance_rad, 0.10, -0.12)
        trunk[1] -= 0.03
    elif instrument == "cello":
        head += (0.05, 0.08, 0.10)
        trunk[1] -= 0.02
    elif instrument == "double_bass":
        # The bow is at the height of the hanging hand: bassists bend and lean to it.
        trunk += (-0.12, 0.20, 0.08)
        head += (0.12, -0.05, 0.02)
    elif instrument == "guitar":
        head += (0.18, 0.18, 0.0)
        trunk[2] += 0.02
    else:
        head *= (0.4, 0.6, 0.6)
        trunk[1] += 0.06 * gesture.breath - 0.03
        if instrument == "flute":
            # The flute goes to the right: the chest turns after it, the head away from it.
            trunk[0] -= 0.15
            head[0] += 0.50
    return trunk, head
