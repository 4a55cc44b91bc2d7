"""Listen to a scene live: play it, and steer head and transport with keys.

Arrow keys turn and tilt the head, w a s d walk, r goes back to where the scene has the head, digits
mute sources or let them sound again, space pauses, comma and full stop go five seconds back and on,
q ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from auralize.dsp.convolution import PartitionedFilter
from auralize.listen.audio_output import AudioOutput
from auralize.output.headphone_eq import HeadphoneEq
from auralize.stream.renderer import StreamRenderer
from capture.pose import (
    Pose,
    quaternion_from_euler,
    quaternion_multiply,
    rotation_matrix_from_quaternion,
)

_TURN_RAD = math.radians(5.0)
_STEP_M = 0.1
_SKIP_S = 5.0
_STEEPEST_RAD = math.radians(85.0)
_WALKS = {"w": (1.0, 0.0), "s": (-1.0, 0.0), "a": (0.0, 1.0), "d": (0.0, -1.0)}
_TURNS = {"left": (1, 0), "right": (-1, 0), "up": (0, -1), "down": (0, 1)}


class Session:
    """One listening: a stream, what steers it, and whether it is paused or has come to its end.

    Attributes:
        paused: Whether silence is played instead.
        ended: Whether to stop.
    """

    def __init__(self, stream: StreamRenderer) -> None:
        """Take a stream that can be edited."""
        self.paused = False
        self.ended = False
        self._stream = stream
        self._yaw_rad, self._pitch_rad = 0.0, 0.0
        self._position_m = np.zeros(3)
        self._tracked = Pose(position_m=np.zeros(3))
        self._muted = {source.name: source.mute for source in stream.scene.sources}

    def track(self, head: Pose) -> None:
        """Take a pose from a head tracker; what keys have turned and walked comes before it."""
        self._tracked = head
        self._move()

    def press(self, key: str) -> None:
        """Do what a key stands for; keys that stand for nothing are passed over."""
        if key in _TURNS:
            left, down = _TURNS[key]
            self._yaw_rad += left * _TURN_RAD
            pitch = self._pitch_rad + down * _TURN_RAD
            self._pitch_rad = min(max(pitch, -_STEEPEST_RAD), _STEEPEST_RAD)
            self._move()
        elif key in _WALKS:
            ahead, left = _WALKS[key]
            cosine, sine = math.cos(self._yaw_rad), math.sin(self._yaw_rad)
            step = (cosine * ahead - sine * left, sine * ahead + cosine * left, 0.0)
            self._position_m = self._position_m + _STEP_M * np.array(step)
            self._move()
        elif key == "r":
            self._yaw_rad, self._pitch_rad, self._position_m = 0.0, 0.0, np.zeros(3)
            self._move()
        elif key in ",.":
            ahead_s = _SKIP_S if key == "." else -_SKIP_S
            self._stream.seek(max(0.0, self._stream.position_s + ahead_s))
        elif key == " ":
            self.paused = not self.paused
        elif key == "q":
            self.ended = True
        elif key.isdigit() and 1 <= int(key) <= len(self._muted):
            name = list(self._muted)[int(key) - 1]
            self._muted[name] = not self._muted[name]
            self._stream.mute(name, self._muted[name])

    def _move(self) -> None:
        body = quaternion_from_euler(self._yaw_rad, self._pitch_rad, 0.0)
        position = rotation_matrix_from_quaternion(body) @ self._tracked.position_m
        self._stream.set_head(
            Pose(
                position_m=self._position_m + position,
                orientation_wxyz=quaternion_multiply(body, self._tracked.orientation_wxyz),
            )
        )


def listen(
    stream: StreamRenderer,
    session: Session,
    output: AudioOutput,
    *,
    equalisation: HeadphoneEq | None = None,
    seconds: float | None = None,
    played: Callable[[float], None] | None = None,
) -> int:
    """Play a stream until it or its session ends, and return how many blocks clipped.

    Pausing fades out and in over one block. Beyond full scale, samples are cut off.

    Args:
        stream: The stream.
        session: What steers it.
        output: Where it is played.
        equalisation: Of the headphones.
        seconds: Longest time to play.
        played: Called after each block with the time of the scene.
    """
    block = np.zeros((2, stream.block), dtype=np.float32)
    headphones = None if equalisation is None else _equaliser(equalisation, stream.block)
    rendered = block if headphones is None else np.zeros_like(block)
    rising = np.linspace(0.0, 1.0, stream.block, dtype=np.float32)
    silent = False
    clipped = 0
    count = math.inf if seconds is None else math.ceil(seconds * stream.scene.sample_rate_hz)
    done = 0
    while not (session.ended or stream.finished or done >= count):
        if session.paused and silent:
            block[:] = 0
        else:
            stream.process(rendered)
            if headphones is not None:
                block[:] = 0
                headphones.process(rendered, block)
            if session.paused != silent:
                block *= rising[::-1] if session.paused else rising
            silent = session.paused
            clipped += bool(block.max() > 1 or block.min() < -1)
            np.clip(block, -1, 1, out=block)
        output.play(block)
        done += stream.block
        if played is not None:
            played(stream.position_s)
    return clipped


def _equaliser(equalisation: HeadphoneEq, block: int) -> PartitionedFilter:
    """Return the filter of a stereo sound, each ear by itself."""
    left, right = equalisation.filters
    return PartitionedFilter(
        np.array([[left, np.zeros_like(left)], [np.zeros_like(right), right]]), block
    )
