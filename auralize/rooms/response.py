"""What a room adds to the straight way: responses from a source to a receiver.

A response has two parts. Early reflections arrive one by one, each from its direction, as late as
its way is long, with what its walls, the air and the source's directivity leave of it (after more
than four walls, ears get it from the nearest direction that was measured: KEMAR's lie 5° apart).
The late part is noise that carries on their energy.

Times count from the arrival of the straight sound: whatever delay that has, all else has on top.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from auralize.rooms.box_room import RoomModel
from auralize.rooms.late_reverb import band_count, decaying_noise
from auralize.rooms.models import room_model
from auralize.rooms.receivers import Receiver
from auralize.sources.air import air_absorption_db_per_m
from auralize.sources.band_filters import BandFilters
from auralize.sources.directivity import OCTAVES_HZ
from auralize.sources.heard_source import HeardSource
from capture.pose import quaternion_conjugate, rotation_matrix_from_quaternion
from scenes.scene import Scene
from scenes.surface import OCTAVE_BANDS_HZ

_CHUNK = 128
# Beyond, reflections are so many that each may come from the nearest measured direction.
_EXACT_ORDER = 4
# Sound between samples rings; so much of it is kept before an arrival.
_RINGING = 32
_LATE_FALL_DB = 66.0
_FADE_OUT_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where a source and its listener are, and how they are turned.

    Attributes:
        source_m: Where in the world the source emitted what is heard, in metres.
        listener_m: The middle of the head.
        listener_from_world: Rotation.
        yaw_rad: Where the player faces.
    """

    source_m: Float64[np.ndarray, "3"]
    listener_m: Float64[np.ndarray, "3"]
    listener_from_world: Float64[np.ndarray, "3 3"]
    yaw_rad: float


class RoomResponses:
    """The responses of a scene's room at one receiver."""

    def __init__(
        self, scene: Scene, receiver: Receiver, *, moving: bool, model: RoomModel | None = None
    ) -> None:
        """Prepare the room of a scene.

        Args:
            scene: A scene with a room.
            receiver: Ears or harmonics, at the scene's rate.
            moving: Whether responses change over time: then fewer reflections are the default.
            model: The room's model; made from the scene, which needs a box, if None.

        Raises:
            DataError: The room cannot be rendered as it is.
            ValueError: The scene has no room.
        """
        if scene.room is None:
            raise ValueError(f"the scene {scene.title!r} has no room.")
        self._receiver = receiver
        self._rate = scene.sample_rate_hz
        self._medium = scene.medium
        self._seed = scene.seed
        self._filters = BandFilters(receiver.length, self._rate, scene.medium)
        self.model = room_model(scene) if model is None else model
        asked = scene.room.image_order
        self.order = self.model.default_order(moving=moving) if asked is None else asked

    @property
    def early_taps(self) -> int:
        """Length of all early responses, wherever source and listener are."""
        longest_s = self.model.longest_m(self.order) / self._medium.speed_of_sound_m_s
        return math.ceil(longest_s * self._rate) + self._receiver.length

    def early(self, source: HeardSource, time_s: float) -> Float32[np.ndarray, "outputs taps"]:
        """Return the early reflections of a source at a time of the scene, with its level."""
        return np.float32(source.level) * self.early_in(source, situation(source, time_s))

    def early_in(self, source: HeardSource, now: Situation) -> Float32[np.ndarray, "outputs taps"]:
        """Return the early reflections of a source in some situation, at a level of one."""
        arrivals = self.model.arrivals(now.source_m, now.listener_m, self.order)
        away = arrivals.positions_m - now.listener_m
        distances = np.linalg.norm(away, axis=1)
        reflected = slice(1, None)  # the straight way comes first, and is not the room's
        away, far = away[reflected], distances[reflected]
        factors, gains = _radiated(source, arrivals.departures[reflected], now.yaw_rad)
        gains = gains * _to_octaves(arrivals.band_gains[reflected])
        later = (far - distances[0]) * self._rate / self._medium.speed_of_sound_m_s
        starts = np.floor(later).astype(np.int64)
        before = _RINGING + self._receiver.late
        response = np.zeros((self._receiver.outputs, before + self.early_taps), dtype=np.float32)
        directions = away @ now.listener_from_world.T / far[:, None]
        many = arrivals.orders[reflected] > _EXACT_ORDER
        directions[many] = self._receiver.nearest(directions[many])
        for first in range(0, len(far), _CHUNK):
            part = slice(first, first + _CHUNK)
            spectra = self._filters.spectra(
                source.spreading(far[part]) * factors[part],
                gains[part],
                source.air_way_m(far[part]),
                later[part] - starts[part] + _RINGING,
            )
            pieces = self._receiver.arrivals(directions[part], spectra)
            for start, piece in zip(starts[part], pieces, strict=True):
                response[:, start : start + piece.shape[1]] += piece
        return response[:, before:]

    def late(self, source: HeardSource) -> Float32[np.ndarray, "outputs taps"]:
        """Return the late part of a source, with its level, for where all are at the start.

        It is the same for the same name of the source.
        """
        return np.float32(source.level) * self.late_in(source, situation(source, 0.0))

    def late_in(self, source: HeardSource, now: Situation) -> Float32[np.ndarray, "outputs taps"]:
        """Return the late part of a source in some situation, at a level of one."""
        place, ears = now.source_m, now.listener_m
        times_s = self._rt60_s()
        count = math.ceil(times_s.max() * _LATE_FALL_DB / 60 * self._rate)
        since = np.arange(count) / self._rate
        since += np.linalg.norm(place - ears) / self._medium.speed_of_sound_m_s
        # Energies change slowly beside milliseconds.
        nodes = np.arange(since[0], since[-1] + 2e-3, 1e-3)
        energies = self.model.late_energies(place, ears, self.order, nodes)
        if len(times_s) > len(energies):
            faster = 1 / times_s[-1] - 1 / times_s[-2]
            energies = np.concatenate([energies, energies[-1:] * 1e-6 ** (nodes * faster)])
        radiated = np.ones(len(times_s))
        if source.directivity is not None:
            levels_db = source.directivity.diffuse_levels_db()[1:]
            radiated[: len(levels_db)] = 10 ** (levels_db / 10)
            radiated[len(levels_db) :] = radiated[len(levels_db) - 1]
        amplitude = float(source.spreading(np.ones(1))[0])
        levels = np.stack([np.interp(since, nodes, band) for band in energies])
        levels *= radiated[:, None] * amplitude**2
        name = zlib.crc32(source.source.name.encode())
        rng = np.random.default_rng([name, self._seed] if self._seed else name)
        sound = decaying_noise(levels, self._receiver.field, self._rate, rng)
        fade = min(count, round(_FADE_OUT_S * self._rate))
        sound[:, count - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        return np.pad(sound, ((0, 0), (self._receiver.field_late, 0)))

    def _rt60_s(self) -> Float64[np.ndarray, "bands"]:
        """Return the reverberation times of the late part's bands.

        Above 8 kHz walls are as at 8 kHz, but the air takes more.
        """
        times = self.model.rt60_s
        if band_count(self._rate) == len(times):
            return times
        top = np.array([1.0, 2.0]) * OCTAVE_BANDS_HZ[-1]
        loss_db = air_absorption_db_per_m(top, self._medium) * self._medium.air_absorption
        more = float(loss_db[1] - loss_db[0]) * self._medium.speed_of_sound_m_s / 60
        return np.append(times, 1 / (1 / times[-1] + more))


def situation(source: HeardSource, time_s: float) -> Situation:
    """Return the situation of a source and its listener at a time of the scene."""
    times = np.array([time_s])
    turn = quaternion_conjugate(source.ears.orientations_at(times)[0])
    return Situation(
        source_m=source.positions_at(times)[0],
        listener_m=source.ears.positions_at(times)[0],
        listener_from_world=rotation_matrix_from_quaternion(turn),
        yaw_rad=float(source.yaws_at(times)[0]),
    )


def _radiated(
    source: HeardSource, departures: Float64[np.ndarray, "P 3"], yaw_rad: float
) -> tuple[Float64[np.ndarray, "P"], Float64[np.ndarray, "P octaves"]]:
    """Return what a source sends into directions of the world, beside straight ahead."""
    pattern = source.directivity
    if pattern is None:
        return np.ones(len(departures)), np.ones((len(departures), len(OCTAVES_HZ)))
    x, y, z = departures.T
    cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
    seen = np.stack([cosine * x + sine * y, cosine * y - sine * x, z], axis=1)
    return pattern.factors(seen), 10 ** (pattern.octave_levels_db(seen) / 20)


def _to_octaves(bands: Float[np.ndarray, "P bands"]) -> Float[np.ndarray, "P octaves"]:
    """Hold what is known from 125 Hz on also at 63 Hz."""
    return np.concatenate([bands[:, :1], bands], axis=1)
