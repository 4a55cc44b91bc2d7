"""How wind instruments are held: where each lies on the posed body, and its grips there.

Player frame: x front, y left, z up, the origin on the floor below the pelvis. Instrument frames
are told in `capture.simulate.winds.wind`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from capture.simulate.postures import HandGoal, Hold, Scene
from capture.simulate.rotations import Matrix, Vector, frame, turn_about, unit, upright_frame
from capture.simulate.winds import Grip

_UP = np.array([0.0, 0.0, 1.0])
_IN_THE_MOUTH_M = 0.012
"""How much of a reed's mouthpiece is behind the lips."""
_TUBE_M = 2.70
"""Sounding length of a trombone in first position."""


def hold_wind(scene: Scene) -> Hold:
    """Return where a wind instrument and the hands go."""
    rotation, position = _LAYS[scene.instrument.name](scene)
    wind, gesture = scene.instrument.winds(), scene.gesture
    right, slide_m = wind.right, 0.0
    if wind.slide is not None:
        slide_m = _slide_m(scene, rotation, position)
        right = right.shifted(np.array([0.0, slide_m, 0.0]))
    return Hold(
        instrument_rotation=rotation,
        instrument_position_m=position,
        bow_rotation=None,
        bow_position_m=None,
        left=_hand(wind.left, rotation, position, gesture.left_fingers),
        right=_hand(right, rotation, position, gesture.right_fingers),
        slide_m=slide_m,
    )


def _hand(grip: Grip, rotation: Matrix, position: Vector, fingers: float) -> HandGoal:
    return HandGoal(
        grip_m=position + rotation @ grip.point_m,
        fingers=rotation @ unit(np.array(grip.fingers)),
        palm=rotation @ unit(np.array(grip.palm)),
        curl_rad=grip.curl_rad + 0.25 * fingers,
        elbow=np.array(grip.elbow),
        follow=grip.follow,
        forward=grip.forward,
        depth_m=grip.depth_m,
    )


def _slide_m(scene: Scene, rotation: Matrix, position: Vector) -> float:
    """Return how far the slide is out: as the pitch asks, and as far as the arm reaches.

    n semitones lengthen a tube of length L by L·(2^(n/12) − 1), half of it in each leg.
    """
    asked = 0.5 * _TUBE_M * scene.instrument.scale * (2 ** (scene.gesture.slide / 12) - 1)
    body, grip = scene.body, scene.instrument.winds().right
    reach = 0.97 * (
        body.length("upper_arm_right", "forearm_right")
        + body.length("forearm_right", "hand_right")
        + 0.8 * body.length("hand_right", "knuckles_right")
    )
    # |start + d·along − shoulder| = reach is a quadratic equation in d.
    along = rotation[:, 1]
    offset = position + rotation @ grip.point_m - scene.trunk.joint("upper_arm_right")
    ahead = float(offset @ along)
    room = ahead**2 - float(offset @ offset) + reach**2
    return float(np.clip(asked, 0.0, max(0.0, np.sqrt(max(room, 0.0)) - ahead)))


def _lay_saxophone(scene: Scene) -> tuple[Matrix, Vector]:
    """The mouthpiece in the mouth, the tube in front, its lower end towards the right hip."""
    trunk, manner, instrument = scene.trunk, scene.manner, scene.instrument
    mouth = trunk.landmarks_m["mouth"]
    head = trunk.turn_of("head")
    size = instrument.scale
    # The elbow of the tube (0.188 out, 0.59 down at scale 1) clears the belly.
    room = mouth[0] + 0.19 * size - trunk.landmarks_m["belly"][0] - 0.075
    back = float(np.arcsin(np.clip(room / (0.62 * size), -0.1, 0.28)))
    neck = np.array([np.sin(back), 0.16 + 0.5 * manner.tilt_rad, np.cos(back)])
    front = head @ np.array([1.0, 0.3 * manner.aim_rad, 0.0])
    front[2] = 0.0
    rotation = upright_frame(neck, front)
    rotation = turn_about(np.array([0.0, 1.0, 0.0]), -0.05 * scene.gesture.breath) @ rotation
    return rotation, mouth - rotation[:, 1] * 0.014


def _lay_flute(scene: Scene) -> tuple[Matrix, Vector]:
    """The lip plate below the lower lip, the tube to the right, a little down and forward."""
    trunk, manner = scene.trunk, scene.manner
    head = trunk.turn_of("head")
    front, left = head[:, 0], head[:, 1]
    ahead = 0.06 + 0.5 * manner.aim_rad
    down = 0.20 + manner.tilt_rad - 0.04 * scene.gesture.breath
    rotation = frame(-left + ahead * front - down * _UP, front)
    return rotation, trunk.landmarks_m["mouth"] + 0.002 * front - 0.006 * head[:, 2]


def _lay_straight(scene: Scene, from_upright_rad: float) -> tuple[Matrix, Vector]:
    """A straight woodwind: the tip between the lips, the bell down and forward."""
    trunk, manner = scene.trunk, scene.manner
    front = trunk.turn_of("head")[:, 0].copy()
    front[2] = 0.0
    front = unit(front)
    angle = from_upright_rad + manner.tilt_rad + 0.05 * scene.gesture.breath
    away = np.sin(angle) * front - np.cos(angle) * _UP
    rotation = upright_frame(-away, front)
    return rotation, trunk.landmarks_m["mouth"] - _IN_THE_MOUTH_M * away


def _lay_clarinet(scene: Scene) -> tuple[Matrix, Vector]:
    return _lay_straight(scene, 0.62)


def _lay_oboe(scene: Scene) -> tuple[Matrix, Vector]:
    return _lay_straight(scene, 0.78)


def _lay_brass(scene: Scene, down: float, level: bool = False) -> tuple[Matrix, Vector]:
    """The rim at the lips, the tube ahead and `down` (a slope) from there.

    What lies on the lap keeps `level` when the head nods.
    """
    trunk, manner = scene.trunk, scene.manner
    front = trunk.turn_of("head") @ np.array([1.0, 0.4 * manner.aim_rad, 0.0])
    front[2] = 0.0 if level else -manner.tilt_rad + 0.05 * scene.gesture.breath
    front = unit(front - down * _UP)
    rotation = upright_frame(_UP - front * (_UP @ front), front)
    return rotation, trunk.landmarks_m["mouth"] + 0.002 * front


def _lay_trumpet(scene: Scene) -> tuple[Matrix, Vector]:
    return _lay_brass(scene, 0.10)


def _lay_horn(scene: Scene) -> tuple[Matrix, Vector]:
    return _lay_brass(scene, 0.12)


def _lay_trombone(scene: Scene) -> tuple[Matrix, Vector]:
    return _lay_brass(scene, 0.22)


def _lay_tuba(scene: Scene) -> tuple[Matrix, Vector]:
    return _lay_brass(scene, 0.0, level=True)


def _lay_bassoon(scene: Scene) -> tuple[Matrix, Vector]:
    """The reed between the lips, the boot at the right hip, the bell over the left shoulder."""
    trunk, manner = scene.trunk, scene.manner
    front = trunk.turn_of("head")[:, 0].copy()
    front[2] = 0.0
    front = unit(front)
    left = np.array([-front[1], front[0], 0.0])
    # The boot passes outside the thigh of somebody who sits.
    lean = (0.66 if manner.seated else 0.52) + manner.tilt_rad
    axis = _UP + lean * left + (0.26 + 0.03 * scene.gesture.breath) * front
    rotation = upright_frame(axis, front)
    return rotation, trunk.landmarks_m["mouth"] - 0.010 * rotation[:, 1]


_LAYS: dict[str, Callable[[Scene], tuple[Matrix, Vector]]] = {
    "saxophone": _lay_saxophone,
    "flute": _lay_flute,
    "clarinet": _lay_clarinet,
    "trumpet": _lay_trumpet,
    "oboe": _lay_oboe,
    "bassoon": _lay_bassoon,
    "horn": _lay_horn,
    "trombone": _lay_trombone,
    "tuba": _lay_tuba,
}
