"""The scene that goes through every exporter, and what is to be found there, worked out by hand.

The listener stands at (0.5, −0.25, 1.2), turned 20° to the left; sin 20° = 0.342, cos 20° = 0.940.
Around it are four sources, 2 m away at the start: to its left, its right, in front and behind. In
each there is a burst of noise at 0.25 s, from the same sample on in all four, and a tone of its own
from 0.5 s to the end.

The names are the hardest that people give. The sounds lie in files as people have them: the one of
the right source starts at 0.25 s of the scene, the one behind is the second channel of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from capture.performer import Performer, write_performers
from capture.point_cloud import PointCloud
from capture.pose import Trajectory, quaternion_from_yaw

RATE_HZ = 48_000
DURATION_S = 2.0
BURST_SAMPLE = 12_000
BURST_SAMPLES = 960
TONE_SAMPLE = 24_000

LISTENER_M = (0.5, -0.25, 1.2)
LISTENER_YAW_DEG = 20.0

_AMPLITUDE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenSource:
    """What is to be found of one source.

    Attributes:
        name: As the scene says.
        side: Where it is for the listener at the start.
        tone_hz: Frequency of its tone, amplitude 0.25, from TONE_SAMPLE on.
        gain_db: Its gain.
        reference_distance_m: Its reference distance.
        positions_m: Time in seconds → where it is, in world axes.
        has_clouds: Whether its player is seen.
    """

    name: str
    side: Literal["left", "right", "front", "behind"]
    tone_hz: float
    gain_db: float
    reference_distance_m: float
    positions_m: dict[float, tuple[float, float, float]]
    has_clouds: bool = False


LEFT = GoldenSource(
    name='Violin "left" & co',
    side="left",
    tone_hz=440.0,
    gain_db=0.0,
    reference_distance_m=1.0,
    positions_m={0.0: (-0.184, 1.629, 1.2), 2.0: (-0.184, 1.629, 1.2)},
    has_clouds=True,
)
RIGHT = GoldenSource(
    name="../right\\hand",
    side="right",
    tone_hz=660.0,
    gain_db=0.0,
    reference_distance_m=1.0,
    positions_m={0.0: (1.184, -2.129, 1.2), 2.0: (1.184, -2.129, 1.2)},
)
FRONT = GoldenSource(
    name="Flöte 前 <front>",
    side="front",
    tone_hz=880.0,
    gain_db=-3.0,
    reference_distance_m=1.5,
    positions_m={0.0: (2.379, 0.434, 1.2), 2.0: (2.379, 0.434, 1.2)},
)
BEHIND = GoldenSource(
    name="behind / moving",
    side="behind",
    tone_hz=1100.0,
    gain_db=2.0,
    reference_distance_m=2.0,
    positions_m={
        0.0: (-1.379, -0.934, 1.2),
        0.5: (-1.379, -0.934, 1.45),  # half way to the next keyframe
        1.0: (-1.379, -0.934, 1.7),
        1.5: (-1.0, 0.0, 1.6),
        2.0: (-1.0, 0.0, 1.6),
    },
)
SOURCES = (LEFT, RIGHT, FRONT, BEHIND)

_SCENE = """\
version: 1
title: "Golden: 4 sources / \\"quoted\\" ünïcode"
sample_rate_hz: 48000
duration_s: 2.0
listener: {position_m: [0.5, -0.25, 1.2], yaw_deg: 20}
sources:
  - name: 'Violin "left" & co'
    file: sounds/left.wav
    position_m: [-0.184, 1.629, 1.2]
    yaw_deg: -70
    instrument: violin
    performer: players/fiddler
  - name: '../right\\hand'
    file: sounds/right from 0.25 s.wav
    start_s: 0.25
    position_m: [1.184, -2.129, 1.2]
  - name: "Flöte 前 <front>"
    file: sounds/front.flac
    position_m: [2.379, 0.434, 1.2]
    gain_db: -3
    reference_distance_m: 1.5
  - name: behind / moving
    file: sounds/two channels.wav
    channel: 2
    gain_db: 2
    reference_distance_m: 2
    keyframes:
      - {time_s: 0, position_m: [-1.379, -0.934, 1.2], yaw_deg: 20}
      - {time_s: 1, position_m: [-1.379, -0.934, 1.7], yaw_deg: 20}
      - {time_s: 1.5, position_m: [-1.0, 0.0, 1.6], yaw_deg: 0}
room:
  size_m: [8, 7, 3]
  floor_center_m: [0.5, 0, 0]
  yaw_deg: 10
  rt60_s: 0.4
"""


def golden_sound(source: GoldenSource) -> np.ndarray:
    """Return the sound of a source on the scene's time, without its gain: (96000,), float32."""
    sound = np.zeros(round(DURATION_S * RATE_HZ))
    noise = np.random.default_rng(round(source.tone_hz)).uniform(-1, 1, BURST_SAMPLES)
    sound[BURST_SAMPLE : BURST_SAMPLE + BURST_SAMPLES] = _AMPLITUDE * noise
    times_s = np.arange(len(sound) - TONE_SAMPLE) / RATE_HZ
    rising = np.minimum(times_s / 0.01, 1.0)
    sound[TONE_SAMPLE:] = _AMPLITUDE * rising * np.sin(2 * np.pi * source.tone_hz * times_s)
    return sound.astype(np.float32)


def make_golden_scene(folder: Path) -> Path:
    """Write the scene and all that it names into a folder; return the scene's path."""
    sounds = folder / "sounds"
    sounds.mkdir(parents=True)
    left, right, front, behind = (golden_sound(source) for source in SOURCES)
    soundfile.write(sounds / "left.wav", left, RATE_HZ, "FLOAT")
    soundfile.write(sounds / "right from 0.25 s.wav", right[BURST_SAMPLE:], RATE_HZ, "FLOAT")
    soundfile.write(sounds / "front.flac", front, RATE_HZ, "PCM_24")
    soundfile.write(
        sounds / "two channels.wav", np.stack([0 * behind, behind], axis=1), RATE_HZ, "FLOAT"
    )
    write_performers(folder / "players", [golden_performer()])
    path = folder / "golden.yaml"
    path.write_text(_SCENE, encoding="utf-8")
    return path


def golden_performer() -> Performer:
    """Return a player of a head, a body and an arm, who sways 2 cm to each side in 10 clouds."""
    rng = np.random.default_rng(4)
    middle = np.array(LEFT.positions_m[0.0])
    parts = [
        _ball(rng, 600, (0, 0, 0.55), (0.11, 0.09, 0.13), (224, 172, 105)),
        _ball(rng, 2500, (0, 0, 0.0), (0.15, 0.24, 0.42), (120, 30, 60)),
        _ball(rng, 600, (0.25, -0.1, 0.25), (0.25, 0.05, 0.05), (150, 80, 30)),
    ]
    points = np.concatenate([points for points, _ in parts])
    points -= points.mean(axis=0)
    colors = np.concatenate([colors for _, colors in parts])
    turned = points @ _yaw(np.radians(-70.0)).T
    times_s = np.arange(10) / 5.0
    # As many to the left as to the right, so that the mean is in the middle.
    sway = 0.02 * np.where(np.arange(10) % 2, 1.0, -1.0)[:, None] * np.array([0.0, 1.0, 0.0])
    return Performer(
        name="fiddler",
        instrument="violin",
        trajectory=Trajectory(
            times_s=times_s,
            positions_m=middle + sway,
            orientations_wxyz=np.tile(quaternion_from_yaw(np.radians(-70.0)), (10, 1)),
        ),
        cloud_times_s=times_s,
        clouds=tuple(
            PointCloud(positions_m=(turned + middle + offset).astype(np.float32), colors=colors)
            for offset in sway
        ),
    )


def _ball(rng, count, center, radii, color):
    """Return points on an ellipsoid, and their colors."""
    away = rng.normal(size=(count, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    return away * radii + center, np.tile(np.array(color, dtype=np.uint8), (count, 1))


def _yaw(angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
