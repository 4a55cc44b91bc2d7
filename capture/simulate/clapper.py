"""Somebody who claps, as players do before they start, so that sound and images can be lined up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex128, Float32, Float64, Int32

from capture.camera import Calibration
from capture.k4a_mkv import K4AWriter
from capture.microphones import MicrophoneGeometry, microphone_positions
from capture.pose import Pose, quaternion_from_yaw
from capture.simulate.bodies import dress, load_body, skin
from capture.simulate.empty_room import Shell
from capture.simulate.kinect import SimulatedKinect, camera_pose
from capture.simulate.postures import HandGoal, draw_manner
from capture.simulate.skeleton import SIDES, Skeleton

_CLOSING_S, _TOUCHING_S, _OPENING_S = 0.2, 0.05, 0.3
_WALK_S = 0.8
_HALF_PALM_M = 0.025
_SOUND_M_S = 343.0
_FIRST_IMAGE_S = 0.011
_RING_S = 0.008
_BURST_S = 0.1
_FINEST_HZ = 48_000
_FLOOR_ECHO = 0.5
_EDGE_HZ = 14_000.0
_CAMERA = camera_pose(1.3, 0.1)
_ROOM_M = np.array([[-1.0, -3.0, 0.0], [3.6, 3.0, 3.0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How somebody stands who claps.

    Attributes:
        position_m: x and y of the place.
        yaw_rad: Where the chest points; π faces the camera.
        hands_m: Where the hands meet: front, left, up of the middle of the chest.
    """

    position_m: tuple[float, float] = (2.4, 0.0)
    yaw_rad: float = np.pi
    hands_m: tuple[float, float, float] = (0.33, 0.0, -0.05)


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
        standing: Standing | Sequence[Standing] | None = None,
        apart_m: float = 0.4,
    ) -> None:
        """Draw clothes and set up the claps.

        Args:
            claps_s: When the hands meet, at least 0.6 s apart.
            rng: Draws clothes and manner.
            body_id: Which body.
            standing: Where and how; several: at each clap, with 0.8 s to walk in between.
            apart_m: Between the palms of open hands.
        """
        self.claps_s = tuple(claps_s)
        self._apart_m = apart_m
        self._body = load_body(body_id)
        self._dressed, self.colors = dress(self._body, rng)
        self.faces: Int32[np.ndarray, "F 3"] = self._body.faces
        self._manner = draw_manner(self._body, "violin", False, rng)
        self._skeleton = Skeleton(self._body)
        count = max(1, len(self.claps_s))
        given = [standing or Standing()] * count if not isinstance(standing, Sequence) else standing
        if len(given) != count:
            raise ValueError(f"{count} claps need as many ways to stand, got {len(given)}.")
        self._ways = np.array([[*way.position_m, way.yaw_rad, *way.hands_m] for way in given])

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

    def hands_m(self, time_s: float | None = None) -> Float64[np.ndarray, "3"]:
        """Return where the hands meet, in the world; by default at the first clap."""
        first = self.claps_s[0] if self.claps_s else 0.0
        way = self._way_at(first if time_s is None else time_s)
        return _place(way).transform(self._meeting(way)[None])[0]

    def vertices_at(self, time_s: float) -> Float32[np.ndarray, "V 3"]:
        """Return the body's vertices in the world."""
        skeleton = self._skeleton
        skeleton.pose_trunk(self._manner, np.zeros(3), np.zeros(3))
        skeleton.pose_legs(self._manner)
        way = self._way_at(time_s)
        middle = self._meeting(way)
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
        return _place(way).transform(moved)

    def _way_at(self, time_s: float) -> np.ndarray:
        """Return x, y, yaw and the hands' place at a time, between claps on the way."""
        if len(self._ways) == 1:
            return self._ways[0]
        claps = np.array(self.claps_s)
        middles = (claps[1:] + claps[:-1]) / 2
        share = np.clip((time_s - middles) / _WALK_S + 0.5, 0, 1)
        return self._ways[0] + (share**2 * (3 - 2 * share)) @ np.diff(self._ways, axis=0)

    def _meeting(self, way: np.ndarray) -> np.ndarray:
        self._skeleton.pose_trunk(self._manner, np.zeros(3), np.zeros(3))
        return self._skeleton.trunk().landmarks_m["sternum"] + way[3:]


def _place(way: np.ndarray) -> Pose:
    return Pose(
        position_m=np.array([way[0], way[1], 0.0]), orientation_wxyz=quaternion_from_yaw(way[2])
    )


def claps_at_microphones(
    sounds: Sequence[tuple[float, Float64[np.ndarray, "3"]]],
    microphones_m: Float64[np.ndarray, "channels 3"],
    seconds: float,
    rate_hz: int,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "channels samples"]:
    """Return claps as each microphone hears them: late by their way, 1/r, and off the floor.

    Args:
        sounds: When and where each clap is.
        microphones_m: In the world, whose floor is at 0.
        seconds: Length.
        rate_hz: Sample rate, at most 48 kHz.
        rng: Draws faint noise.
    """
    length = round(seconds * rate_hz)
    heard = rng.normal(0, 1e-4, (len(microphones_m), length))
    piece = round(_BURST_S * rate_hz)
    frequencies = np.fft.rfftfreq(piece, 1 / rate_hz)
    band = np.exp(-((frequencies / min(_EDGE_HZ, 0.4 * rate_hz)) ** 4))
    for number, (time_s, place_m) in enumerate(sounds):
        spectrum = _clap_spectrum(number, piece) * band
        mirrored = place_m * [1, 1, -1]
        for gain, source_m in ((1.0, place_m), (_FLOOR_ECHO, mirrored)):
            away_m = np.linalg.norm(microphones_m - source_m, axis=1)
            at = (time_s + away_m / _SOUND_M_S) * rate_hz
            first = np.floor(at.min()).astype(int)
            late_s = (at - first)[:, None] / rate_hz
            burst = np.fft.irfft(spectrum * np.exp(-2j * np.pi * frequencies * late_s), piece)
            low, high = max(0, first), min(length, first + piece)
            if high > low:
                heard[:, low:high] += (
                    gain * (burst / away_m[:, None])[:, low - first : high - first]
                )
    return heard


def _clap_spectrum(number: int, samples: int) -> Complex128[np.ndarray, "frequencies"]:
    """Return a burst of noise that dies away, the same at every rate and from every side."""
    count = round(_BURST_S * _FINEST_HZ)
    ring = np.arange(count // 4)
    burst = np.random.default_rng([number, 48]).normal(0, 0.2, len(ring))
    burst = burst * np.exp(-ring / (_RING_S * _FINEST_HZ))
    return np.fft.rfft(burst, count)[: samples // 2 + 1] * (samples / count)


def film_clapper(
    path: str | os.PathLike[str],
    clapper: Clapper,
    *,
    seconds: float,
    fps: int = 15,
    start_s: float = 0.0,
    late_s: float = 0.0,
    sounds_s: Sequence[float] | None = None,
    rate_hz: int = 16_000,
    geometry: MicrophoneGeometry | None = None,
    sound: bool = True,
    camera: Pose = _CAMERA,
    depth_mode: str = "NFOV_2X2BINNED",
    first_image_s: float = _FIRST_IMAGE_S,
    seed: int = 0,
) -> None:
    """Write a recording of somebody who claps, as a small Kinect in a bare room sees and hears it.

    Args:
        path: Of the MKV.
        clapper: Who.
        seconds: Length of the recording.
        fps: Images a second.
        start_s: When the recording starts, by the clapper's time.
        late_s: By how much the images' stamps are late; not negative.
        sounds_s: When something is heard instead of the claps, from their places.
        rate_hz: Of the sound.
        geometry: Of the microphones; None: one, where the depth camera is.
        sound: Whether there is any.
        camera: Pose of the depth camera.
        depth_mode: Of the depth camera.
        first_image_s: After the start.
        seed: Of the noise.
    """
    calibration = Calibration.simulated(depth_mode=depth_mode, color_mode=None)
    kinect = SimulatedKinect(calibration, camera, shell=Shell(bounds_m=_ROOM_M))
    rng = np.random.default_rng(seed)
    microphones = (
        camera.position_m[None] if geometry is None else microphone_positions(camera, geometry)
    )
    made_s = clapper.claps_s if sounds_s is None else sounds_s
    made = [(time_s - start_s, clapper.hands_m(time_s)) for time_s in made_s]
    heard = claps_at_microphones(made, microphones, seconds, rate_hz, rng)
    samples = np.rint(np.clip(heard.T, -1, 1) * 32767).astype(np.int16)
    with K4AWriter(
        path,
        calibration,
        fps=fps,
        imu=False,
        audio_channels=samples.shape[1] if sound else None,
        audio_rate_hz=rate_hz,
    ) as writer:
        written = 0

        def write_until(last: int) -> None:
            nonlocal written
            if sound:
                writer.write_audio(written, samples[written:last])
                written = last

        for time_s in np.arange(first_image_s, seconds - late_s, 1 / fps).tolist():
            vertices_m = clapper.vertices_at(start_s + time_s)
            depth_m, index = kinect.see(vertices_m, clapper.faces)
            depth_mm = kinect.measure(
                vertices_m, clapper.faces, clapper.colors, depth_m, index, rng
            )
            writer.write_depth(round((time_s + late_s) * 1e6), depth_mm)
            write_until(round((time_s + late_s) * rate_hz))
        write_until(len(samples))
