"""The listener: where the head is, how it is turned, and whose ears it has."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from capture.pose import Trajectory, quaternion_from_euler
from scenes.model import (
    Degrees,
    Number,
    Position,
    SceneModel,
    Switch,
    Text,
    Time,
    check_times,
)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ListenerKeyframe(SceneModel):
    """Where the head is, and how it is turned, at one time."""

    time_s: Time
    """Seconds from the start of the scene."""

    position_m: Position | None = None
    """Middle of the head, world coordinates [x, y, z] in metres; else the listener's own."""

    yaw_deg: Degrees = 0.0
    """Turn to the left (anticlockwise seen from above); 0 faces +x."""

    pitch_deg: Degrees = 0.0
    """Then a tilt; positive looks down."""

    roll_deg: Degrees = 0.0
    """Then a lean; positive to the right."""


class Listener(SceneModel):
    """The head in the middle of it all: standing or moving, facing +x if nothing else is said."""

    position_m: Position = (0.0, 0.0, 1.2)
    """Middle of the head, world coordinates [x, y, z] in metres: x front, y left, z up."""

    yaw_deg: Degrees = 0.0
    """Turn to the left (anticlockwise seen from above); 0 faces +x."""

    pitch_deg: Degrees = 0.0
    """Then a tilt; positive looks down."""

    roll_deg: Degrees = 0.0
    """Then a lean; positive to the right."""

    keyframes: Annotated[tuple[ListenerKeyframe, ...], Field(min_length=1)] | None = None
    """A moving head: positions go in straight lines, turns along the shorter arc."""

    sofa: Text | None = None
    """HRTF (SOFA file, relative to the scene file) to listen through; else the MIT KEMAR head."""

    sofa_sha256: Sha256 | None = None
    """SHA-256 that the HRTF's file must have, in hexadecimal; a file that differs is refused."""

    near_field: Switch = True
    """Let sources nearer than 1 m sound near: louder in the ear beside them, softer in the other,
    each ear from its own side (Duda and Martens' rigid sphere; in ambisonics, the curved wave).
    Off, the head sounds as it was measured from afar. Closer than 0.15 m to the middle of the head,
    inside it too, a source sounds as at 0.15 m."""

    head_radius_m: Annotated[Number, Field(ge=0.05, le=0.12)] = 0.0875
    """Radius of the sphere that stands for the head in the near field."""

    @model_validator(mode="after")
    def _one_orientation(self) -> Listener:
        if self.keyframes is not None:
            if (self.yaw_deg, self.pitch_deg, self.roll_deg) != (0.0, 0.0, 0.0):
                raise ValueError(
                    "yaw_deg, pitch_deg and roll_deg of a listener with keyframes belong into "
                    "the keyframes"
                )
            check_times([key.time_s for key in self.keyframes])
        return self

    @property
    def moves(self) -> bool:
        """Whether position or orientation changes over time."""
        poses = self.trajectory
        return bool(np.ptp(poses.positions_m, axis=0).any()) or bool(
            np.ptp(poses.orientations_wxyz, axis=0).any()
        )

    @property
    def trajectory(self) -> Trajectory:
        """The head over time; one pose where it stands still."""
        keys = self.keyframes or (
            ListenerKeyframe(
                time_s=0.0,
                yaw_deg=self.yaw_deg,
                pitch_deg=self.pitch_deg,
                roll_deg=self.roll_deg,
            ),
        )
        return Trajectory(
            times_s=np.array([key.time_s for key in keys], dtype=np.float64),
            positions_m=np.array([key.position_m or self.position_m for key in keys]),
            orientations_wxyz=np.stack(
                [
                    quaternion_from_euler(*np.radians([key.yaw_deg, key.pitch_deg, key.roll_deg]))
                    for key in keys
                ]
            ),
        )
