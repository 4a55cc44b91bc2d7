"""A source as the listener gets it: its sound block by block, its direction and its gain.

Directions are in the listener's frame (x front, y left, z up). The gain is the source's own times
the distance law, reference distance over distance; closer than 0.15 m it rises no further.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import soundfile
from jaxtyping import Float, Float32, Float64

from auralize.dsp.delay_line import DelayLine, slopes_of
from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.sources.directivity import directivity_of
from auralize.sources.extent import BodyPart
from auralize.sources.live_listener import LiveListener
from auralize.sources.sound_window import SoundWindow
from capture.pose import (
    Trajectory,
    quaternion_conjugate,
    rotation_matrix_from_quaternion,
)
from scenes.scene import Scene
from scenes.source import Source

NEAREST_M = 0.15
"""Nearer to the middle of the head, gain and near field are as here."""

_SAME_PLACE_M = 1e-6
_LOOK_S = 0.01
_SAME_TIME_S = 1e-9
_ROUNDS = 20
# Delays are given this often where one sound is read, in samples.
_HOP = 256


class HeardSource:
    """One source of a scene for one listener, or one point of a source that is a body.

    Attributes:
        source: The source as the scene has it.
        sample_rate_hz: Rate of the scene and of the sound.
        stop: The first sample of the scene after the end of the sound, where it is emitted.
        moves: Whether what is heard changes over time: place, listener or directivity.
        ears: The way of the listener's head.
        level: Factor of the source's own gain.
        sees: Tells between which places of the source and of the listener the way is clear; None
            if it always is.
    """

    def __init__(
        self,
        scene: Scene,
        source: Source,
        file: soundfile.SoundFile,
        part: BodyPart | None = None,
    ) -> None:
        """Take an open sound file that fits the scene (see `open_sources`)."""
        self.source = source
        self._scene = scene
        self.sample_rate_hz = scene.sample_rate_hz
        start = round(source.start_s * scene.sample_rate_hz)
        self._file = file
        self._sound = SoundWindow(file, channel=source.channel, start=start)
        self.stop = start + len(file) + (0 if part is None else len(part.filter) - 1)
        self._middle = source.path()
        self._part = part
        self.ears: Trajectory | LiveListener = scene.listener.trajectory
        self.level = 10 ** (source.gain_db / 20)
        self.sees: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
        takes_time = source.propagation_delay
        if takes_time is None:
            takes_time = scene.medium.propagation_delay
        self._speed_m_s = scene.medium.speed_of_sound_m_s if takes_time else None
        self._line = DelayLine(self.emitted)
        self.medium = scene.medium
        self.head_radius_m = scene.listener.head_radius_m if scene.listener.near_field else None
        self.directivity = directivity_of(source)
        turns = source.turns and self.directivity is not None
        self.moves = source.moves or turns or scene.listener.moves
        self._yaw = source.yaw()

    @property
    def as_point(self) -> HeardSource:
        """The whole source as a point, for what takes no notice of its width."""
        return self if self._part is None else HeardSource(self._scene, self.source, self._file)

    def positions_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 3"]:
        """Return where in the world it emitted what is heard at some times, in metres.

        A part of a body is as far from the listener as the body's middle, to its side.
        """
        middle = self._middle(self.emission_times_s(times_s))
        if self._part is None:
            return middle
        ears = self.ears.positions_at(times_s)
        x, y, z = away = (middle - ears).T
        flat = np.hypot(x, y)
        level = flat > _SAME_PLACE_M
        flat = np.where(level, flat, 1.0)
        left = np.stack([np.where(level, -y, 0.0), np.where(level, x, 1.0), 0 * z]) / flat
        distances = np.linalg.norm(away, axis=0)
        angles = np.arctan2(self._part.offset_m, distances)
        return ears + (np.cos(angles) * away + np.sin(angles) * distances * left).T

    def put(self, position_m: Float[np.ndarray, "3"] | None) -> None:
        """Stand still somewhere else; or, for None, go where the scene says."""
        if position_m is None:
            self._middle = self.source.path()
            return
        place = np.array(position_m, dtype=np.float64)
        self._middle = lambda times: np.tile(place, (len(times), 1))

    def seen_from_listener(
        self, times_s: Float[np.ndarray, "T"]
    ) -> tuple[Float64[np.ndarray, "T 3"], Float64[np.ndarray, "T"]]:
        """Return unit directions in the listener's frame, and distances in metres.

        A source in the middle of the head is taken to be in front of it.
        """
        away = self.positions_at(times_s) - self.ears.positions_at(times_s)
        if isinstance(self.ears, LiveListener):
            matrices = self.ears.matrices_at(times_s)
        else:
            turns = quaternion_conjugate(self.ears.orientations_at(times_s))
            matrices = rotation_matrix_from_quaternion(turns)
        away = np.einsum("tij,tj->ti", matrices, away)
        distances = np.sqrt(np.einsum("tx,tx->t", away, away))
        inside = distances < _SAME_PLACE_M
        away[inside] = (1.0, 0.0, 0.0)
        return away / np.where(inside, 1.0, distances)[:, None], distances

    @cached_property
    def nearest_m(self) -> float:
        """How near the source ever comes to the middle of the head, looked up every 10 ms."""
        end_s = max(key.time_s for key in self.source.keyframes or ()) if self.source.moves else 0.0
        end_s = max(end_s, float(self.ears.times_s[-1]))
        count = math.ceil(end_s / _LOOK_S) + 1
        chunks = (np.arange(start, min(start + 8192, count)) for start in range(0, count, 8192))
        return min(float(self.seen_from_listener(chunk * _LOOK_S)[1].min()) for chunk in chunks)

    def seen_from_source(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 3"]:
        """Return unit directions to the listener in the player's frame (x where it faces).

        A source of which nothing says where it faces, faces the place where the listener is at
        the start. A listener in the middle of the source is taken to be in front of it.
        """
        away = self.ears.positions_at(times_s) - self.positions_at(times_s)
        yaws = self.yaws_at(times_s)
        cosines, sines = np.cos(yaws), np.sin(yaws)
        x, y, z = away.T
        turned = np.stack([cosines * x + sines * y, cosines * y - sines * x, z], axis=1)
        distances = np.linalg.norm(turned, axis=1)
        inside = distances < _SAME_PLACE_M
        turned[inside] = (1.0, 0.0, 0.0)
        return turned / np.where(inside, 1.0, distances)[:, None]

    def yaws_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T"]:
        """Return where the player faces in radians, anticlockwise from +x of the world."""
        if self._yaw is not None:
            return self._yaw(self.emission_times_s(times_s))
        start = self.ears.positions_at(np.zeros(1)) - self.positions_at(times_s)
        return np.arctan2(start[:, 1], start[:, 0])

    def gains(self, distances_m: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T"]:
        """Return the factors at some distances."""
        return self.level * self.spreading(distances_m)

    def gains_at(
        self, times_s: Float[np.ndarray, "T"], distances_m: Float[np.ndarray, "T"]
    ) -> Float64[np.ndarray, "T"]:
        """Return the factors at some times, at which it is so far away: 0 where a wall hides it."""
        gains = self.gains(distances_m)
        if self.sees is None:
            return gains
        return gains * self.sees(self.positions_at(times_s), self.ears.positions_at(times_s))

    def spreading(self, distances_m: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T"]:
        """Return the factors at some distances without the source's own level."""
        return self.source.reference_distance_m / np.maximum(distances_m, NEAREST_M)

    def emission_times_s(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T"]:
        """Return when what the listener hears at some times was emitted.

        That is earlier by the time that the sound takes from where the source was then, if the
        scene lets sound take its time; else it is the same time.
        """
        times = np.asarray(times_s, dtype=np.float64)
        if self._speed_m_s is None:
            return times
        ears = self.ears.positions_at(times)
        emitted = times
        # Each round is nearer by the ratio of the source's speed to that of sound.
        for _ in range(_ROUNDS):
            away = self._middle(emitted) - ears
            before = emitted
            emitted = times - np.sqrt(np.einsum("tx,tx->t", away, away)) / self._speed_m_s
            if not self.source.moves or np.abs(emitted - before).max() < _SAME_TIME_S:
                break
        return emitted

    @property
    def takes_time(self) -> bool:
        """Whether its sound takes its time to the listener."""
        return self._speed_m_s is not None

    def delays_samples(self, distances_m: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T"]:
        """Return how long the sound takes over some distances; nothing if the scene says so."""
        if self._speed_m_s is None:
            return np.zeros(len(distances_m))
        return np.asarray(distances_m) * (self.sample_rate_hz / self._speed_m_s)

    def air_way_m(self, distances_m: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T"]:
        """Return how far the air counts at some distances: from the reference distance on."""
        return np.maximum(np.asarray(distances_m) - self.source.reference_distance_m, 0.0)

    def read(self, start: int, count: int) -> Float32[np.ndarray, "count"]:
        """Return the sound that arrives from a sample of the scene on."""
        if self._speed_m_s is None:
            return self.emitted(start, count).copy()
        hop = math.gcd(count, _HOP)
        times = (start + hop * np.arange(-1, count // hop + 2)) / self.sample_rate_hz
        delays = self.delays_samples(self.seen_from_listener(times)[1])[:, None]
        sound = np.empty((1, count), dtype=np.float32)
        self._line.process(start, delays[1:-1], slopes_of(delays), sound)
        return sound[0]

    def emitted(self, start: int, count: int) -> Float32[np.ndarray, "count"]:
        """Return the sound that the source emits, with silence before its start and after.

        The samples are valid until the next call.
        """
        if self._part is None:
            return self._sound.read(start, count)
        share = self._part.filter
        past = len(share) - 1
        sound = self._sound.read(start - past, past + count)
        length = fast_length(len(sound))
        return irfft(rfft(sound, length) * rfft(share, length), length)[past : past + count]
