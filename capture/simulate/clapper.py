"""Somebody who claps, as players do before they start, so that sound and images can be lined up."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int32

from capture.camera.calibration import Calibration
from capture.k4a_mkv import K4AWriter
from capture.pose import Pose, quaternion_from_yaw
from capture.simulate.bodies import dress, load_body, skin
from capture.simulate.empty_room import Shell
from capture.simulate.kinect import SimulatedKinect, camera_pose
from capture.simulate.postures import HandGoal, draw_manner
from capture.simulate.skeleton import SIDES, Skeleton

_CLOSING_S, _TOUCHING_S, _OPENING_S = 0.2, 0.05, 0.3
_HALF_PALM_M = 0.025
_SOUND_M_S = 343.0
_FIRST_IMAGE_S = 0.011
_RING_S = 0.008


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


def clap_sound(
    times_s: Sequence[float], seconds: float, rate_hz: int, rng: np.random.Generator
) -> Float64[np.ndarray, "samples"]:
    """Return bursts of noise that die away in some milliseconds, over faint noise."""
    sound = rng.normal(0, 1e-3, round(seconds * rate_hz))
    for time_s in times_s:
        first = round(time_s * rate_hz)
        length = min(rate_hz // 5, len(sound) - first)
        decay = np.exp(-np.arange(length) / (_RING_S * rate_hz))
        sound[first : first + length] += rng.normal(0, 0.2, length) * decay
    return sound


def film_clapper(
    path: str | os.PathLike[str],
    clapper: Clapper,
    *,
    seconds: float,
    fps: int = 15,
    late_s: float = 0.0,
    sounds_s: Sequence[float] | None = None,
    rate_hz: int = 16_000,
    seed: int = 0,
) -> None:
    """Write a recording of somebody who claps, as a small Kinect in a bare room sees and hears it.

    Args:
        path: Of the MKV.
        clapper: Who.
        seconds: Length of the sound.
        fps: Images a second.
        late_s: By how much the images' stamps are late; not negative.
        sounds_s: What is heard instead of the claps.
        rate_hz: Of the sound.
        seed: Of the noise.
    """
    calibration = Calibration.simulated(depth_mode="NFOV_2X2BINNED", color_mode=None)
    room = Shell(bounds_m=np.array([[-1.0, -3.0, 0.0], [3.6, 3.0, 3.0]]))
    kinect = SimulatedKinect(calibration, camera_pose(1.3, 0.1), shell=room)
    rng = np.random.default_rng(seed)
    way_m = float(np.linalg.norm(clapper.hands_m() - kinect.world_from_camera.position_m))
    made_s = clapper.claps_s if sounds_s is None else sounds_s
    heard = clap_sound([time_s + way_m / _SOUND_M_S for time_s in made_s], seconds, rate_hz, rng)
    samples = np.rint(np.clip(heard, -1, 1) * 32767).astype(np.int16)[:, None]
    with K4AWriter(
        path, calibration, fps=fps, imu=False, audio_channels=1, audio_rate_hz=rate_hz
    ) as writer:
        written = 0
        for time_s in np.arange(_FIRST_IMAGE_S, seconds - late_s, 1 / fps).tolist():
            vertices_m = clapper.vertices_at(time_s)
            depth_m, index = kinect.see(vertices_m, clapper.faces)
            depth_mm = kinect.measure(
                vertices_m, clapper.faces, clapper.colors, depth_m, index, rng
            )
            writer.write_depth(round((time_s + late_s) * 1e6), depth_mm)
            heard_until = round((time_s + late_s) * rate_hz)
            writer.write_audio(written, samples[written:heard_until])
            written = heard_until
        writer.write_audio(written, samples[written:])
