"""How each instrument is held: where it lies on the posed body, and what each hand does.

Player frame: x front, y left, z up, the origin on the floor below the pelvis. See
`capture.simulate.instruments` for the instrument frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from capture.simulate.bows import HAIR_START_M
from capture.simulate.postures import HandGoal, Hold, Scene
from capture.simulate.rotations import Matrix, Vector, turn, unit, upright_frame
from capture.simulate.wind_holds import hold_wind


def hold_instrument(scene: Scene) -> Hold:
    """Return where instrument, bow and hands go."""
    if scene.instrument.wind is not None:
        return hold_wind(scene)
    return _HOLDS[scene.instrument.name](scene)


def _fretting_hand(scene: Scene, rotation: Matrix, position: Vector, elbow: np.ndarray) -> HandGoal:
    """Return the left hand at the neck: palm beside the treble side, fingers over the strings."""
    instrument, gesture = scene.instrument, scene.gesture
    s = instrument.strings()
    stopped = s.string * (1 - 2 ** (-gesture.fret / 12))
    large = s.string > 0.5
    palm_half = 0.030
    point = instrument.string_point((len(s.open_pitches) - 1) / 2, s.string - stopped)
    neck_half = 0.55 * s.spread + 0.012
    depth = 0.9 * s.spread + (0.012 if large else 0.016)
    # Above the neck's root the hand of a large instrument comes over the body, not behind it.
    limit = s.body + 0.02
    if point[2] - palm_half < limit:
        point[2] = limit + palm_half if not large else max(point[2], limit - 0.2 * s.string)
    local = point + np.array([-neck_half, -depth, -palm_half])
    fingers = rotation @ unit(np.array([0.25, 1.0, 0.10]))
    palm = rotation @ unit(np.array([1.0, -0.25, 0.0]))
    return HandGoal(
        grip_m=position + rotation @ local,
        fingers=fingers,
        palm=palm,
        curl_rad=1.05 + 0.2 * gesture.left_fingers,
        elbow=elbow,
        follow=0.35,
        forward=0.80,
        depth_m=0.016,
    )


def _bowing(
    scene: Scene, rotation: Matrix, position: Vector, side: float, elbow: np.ndarray
) -> tuple[Matrix, Vector, HandGoal]:
    """Return bow and bow hand.

    The bow crosses the string at a right angle, tangent to the bridge's curve at that string.

    Args:
        scene: Whose.
        rotation: Of the instrument.
        position: Of the instrument.
        side: Sign of the instrument's x towards which the frog points.
        elbow: Direction of the right elbow.
    """
    instrument, gesture, bow = scene.instrument, scene.gesture, scene.bow
    assert bow is not None
    s = instrument.strings()
    contact = instrument.string_point(gesture.string, s.string * scene.manner.contact)
    along = unit(contact - instrument.string_point(gesture.string, 0.0))
    # Players tilt the bow a little less than the curve of the bridge asks for.
    slope = 0.85 * instrument.string_slope_rad(gesture.string)
    towards_tip = -side * np.array([np.cos(slope), np.sin(slope), 0.0])
    towards_tip = unit(towards_tip - along * (along @ towards_tip))
    outward = unit(np.cross(along, towards_tip))
    if outward[1] < 0:
        outward = -outward
    frame = rotation @ upright_frame(towards_tip, outward)
    # The bow leans so that the stick is a little beside the hair, towards the fingerboard.
    point = position + rotation @ (contact + outward * (0.002 + gesture.lift_m))
    shoulder = scene.trunk.joint("upper_arm_right")
    reach = 0.97 * (
        scene.body.length("upper_arm_right", "forearm_right")
        + scene.body.length("forearm_right", "hand_right")
        + 0.7 * scene.body.length("hand_right", "knuckles_right")
    )
    place = gesture.bow * min(bow.hair_m, scene.manner.stroke_m)
    place = _reachable(point, frame, place, shoulder, reach)
    origin = point - frame @ np.array([0.0, -bow.gap_m, HAIR_START_M + place])
    hand = HandGoal(
        grip_m=origin + frame @ np.array([0.0, 0.004, 0.025]),
        fingers=frame @ unit(np.array([side * 0.9, -0.45, 0.45])),
        palm=-frame[:, 1],
        curl_rad=0.75,
        elbow=elbow,
        follow=0.75,
        forward=1.05,
        depth_m=0.035,
    )
    return frame, origin, hand


def _reachable(
    contact: Vector, frame: Matrix, place_m: float, shoulder: Vector, reach_m: float
) -> float:
    """Return how far from the frog the string may be so that the arm still reaches the frog.

    The frog is at contact − d·tip with d = HAIR_START + place; |frog − shoulder| = reach is a
    quadratic equation in d.
    """
    tip = frame[:, 2]
    offset = contact + frame[:, 1] * 0.02 - shoulder
    along = float(offset @ tip)
    discriminant = along**2 - float(offset @ offset) + reach_m**2
    farthest = along + np.sqrt(max(discriminant, 0.0))
    return float(np.clip(place_m, 0.02, max(0.02, farthest - HAIR_START_M)))


def _hold_violin(scene: Scene) -> Hold:
    """On the left collarbone, the chin on the chin rest, the neck to the front left."""
    trunk, manner, s = scene.trunk, scene.manner, scene.instrument.strings()
    chest = trunk.turn_of("chest")
    yaw = 0.66 + manner.aim_rad
    neck = chest @ np.array([np.cos(yaw), np.sin(yaw), 0.06 + manner.tilt_rad])
    right = np.cross(neck, [0.0, 0.0, 1.0])
    rotation = upright_frame(neck, np.array([0.0, 0.0, 1.0]) + (0.33 + manner.tilt_rad) * right)
    chin_rest = np.array([0.040, s.rib / 2 + 0.026, 0.045])
    position = trunk.landmarks_m["chin"] - rotation @ chin_rest + np.array([-0.012, 0.0, 0.0])
    left = _fretting_hand(scene, rotation, position, np.array([0.15, -0.25, -1.0]))
    frame, origin, right_hand = _bowing(
        scene, rotation, position, -1.0, np.array([-0.1, -0.8, -1.0])
    )
    return Hold(
        instrument_rotation=rotation,
        instrument_position_m=position,
        bow_rotation=frame,
        bow_position_m=origin,
        left=left,
        right=right_hand,
    )


def _hold_cello(scene: Scene) -> Hold:
    """Between the knees, the upper back edge at the sternum, the endpin on the floor."""
    trunk, manner = scene.trunk, scene.manner
    instrument = scene.instrument
    s = instrument.strings()
    # The top looks a little to the right, which brings the frog nearer to the right arm.
    yaw = turn(0.5 * scene.gesture.yaw_rad + 0.3 * manner.aim_rad - 0.22)
    touch = trunk.landmarks_m["sternum"] + np.array([0.03, 0.025, 0.0])
    back = np.array([0.0, -s.rib / 2 - 0.3 * s.arch, 0.96 * s.body])

    def lay(elevation: float) -> tuple[Matrix, Vector]:
        neck = yaw @ np.array([-np.cos(elevation), 0.15, np.sin(elevation)])
        rotation = upright_frame(neck, yaw @ np.array([np.sin(elevation), 0.0, np.cos(elevation)]))
        return rotation, touch - rotation @ back

    # The steeper the cello, the lower its endpin: find where the endpin meets the floor.
    low, high = 0.6, 1.5
    for _ in range(18):
        middle = (low + high) / 2
        rotation, position = lay(middle)
        tip = position[2] - instrument.endpin_m * rotation[2, 2]
        low, high = (middle, high) if tip > 0 else (low, middle)
    rotation, position = lay((low + high) / 2)
    left = _fretting_hand(scene, rotation, position, np.array([0.1, 1.0, -0.25]))
    frame, origin, right = _bowing(scene, rotation, position, 1.0, np.array([-0.3, -1.0, -0.3]))
    return Hold(
        instrument_rotation=rotation,
        instrument_position_m=position,
        bow_rotation=frame,
        bow_position_m=origin,
        left=left,
        right=right,
    )


def _hold_double_bass(scene: Scene) -> Hold:
    """On its endpin before the standing player's left side, leaning against the hip."""
    trunk, manner = scene.trunk, scene.manner
    instrument, gesture = scene.instrument, scene.gesture
    s = instrument.strings()
    facing = -0.70 + manner.aim_rad + 0.3 * gesture.yaw_rad
    front = np.array([np.cos(facing), np.sin(facing), 0.15])
    neck = np.array([-0.15 + 0.3 * gesture.pitch_rad, -0.03 - 0.3 * gesture.roll_rad, 1.0])
    rotation = upright_frame(neck, front)
    belly = trunk.landmarks_m["belly"]
    touch = np.array([belly[0] + 0.03, 0.15, belly[2]])
    share = (belly[2] - instrument.endpin_m) / s.body
    position = touch - rotation @ np.array([0.0, -s.rib / 2 - s.arch, share * s.body])
    position[2] = instrument.endpin_m * rotation[2, 2]
    left = _fretting_hand(scene, rotation, position, np.array([-0.1, 1.0, -0.1]))
    frame, origin, right = _bowing(scene, rotation, position, 1.0, np.array([-0.8, -0.6, 0.0]))
    return Hold(
        instrument_rotation=rotation,
        instrument_position_m=position,
        bow_rotation=frame,
        bow_position_m=origin,
        left=left,
        right=right,
    )


def _hold_guitar(scene: Scene) -> Hold:
    """On the right thigh (or a strap), the back at the belly, the neck to the left."""
    trunk, manner = scene.trunk, scene.manner
    s = scene.instrument.strings()
    sway = turn(0.7 * scene.gesture.yaw_rad)
    neck = sway @ np.array([0.22 + manner.aim_rad, 0.93, 0.24 + manner.tilt_rad])
    rotation = upright_frame(neck, sway @ np.array([1.0, -0.22, 0.16]))
    waist = 0.655 * s.lower
    belly = trunk.landmarks_m["belly"]
    if manner.seated:
        height = trunk.thigh_tops_m[1, 2] + waist + 0.012
        across = trunk.thigh_tops_m[1, 1] * 0.85
    else:
        height = belly[2] + 0.06
        across = -0.10
    center = np.array([belly[0] + s.rib / 2 + 0.045, across, height])
    position = center - rotation @ np.array([0.0, 0.0, 0.58 * s.body])
    left = _fretting_hand(scene, rotation, position, np.array([0.1, 0.9, -1.0]))
    pluck = scene.gesture.pluck
    s_point = scene.instrument.string_point(2.5, 0.22 * s.string)
    local = s_point + np.array([0.012 + 0.018 * pluck, 0.012, 0.0])
    right = HandGoal(
        grip_m=position + rotation @ local,
        fingers=rotation @ unit(np.array([-0.65, -0.10, 0.75])),
        palm=-rotation[:, 1],
        curl_rad=0.55 + 0.25 * abs(pluck),
        elbow=np.array([-0.35, -1.0, 0.1]),
        follow=0.4,
        forward=1.35,
        depth_m=0.035,
    )
    return Hold(
        instrument_rotation=rotation,
        instrument_position_m=position,
        bow_rotation=None,
        bow_position_m=None,
        left=left,
        right=right,
    )


_HOLDS: dict[str, Callable[[Scene], Hold]] = {
    "violin": _hold_violin,
    "viola": _hold_violin,
    "cello": _hold_cello,
    "double_bass": _hold_double_bass,
    "guitar": _hold_guitar,
}
