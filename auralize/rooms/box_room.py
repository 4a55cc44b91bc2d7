"""A box-shaped room as a model of sound: arrivals over walls, and the energy of what is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Float64, Int64

from auralize.dsp.sphere_grids import golden_spiral
from auralize.rooms.acoustics import box_acoustics
from auralize.rooms.image_sources import box_images
from auralize.sources.air import air_absorption_db_per_m
from scenes.room import Medium, Room
from scenes.surface import OCTAVE_BANDS_HZ

_DIRECTIONS = 1024
_ORDER_STANDING, _ORDER_MOVING = 6, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Ways of sound from a source to a listener, the straight one first; world axes.

    Attributes:
        positions_m: Where the sound seems to come from; it is as far away as its way is long.
        departures: Unit vectors in which it leaves the source.
        band_gains: Amplitude that the walls leave, per octave band from 125 Hz.
        orders: How many walls each has met.
    """

    positions_m: Float64[np.ndarray, "ways 3"]
    departures: Float64[np.ndarray, "ways 3"]
    band_gains: Float64[np.ndarray, "ways bands"]
    orders: Int64[np.ndarray, "ways"]


class RoomModel(Protocol):
    """A room as sound meets it."""

    rt60_s: Float64[np.ndarray, "bands"]
    """Reverberation time per octave band from 125 Hz."""

    def arrivals(
        self, source_m: Float[np.ndarray, "3"], listener_m: Float[np.ndarray, "3"], order: int
    ) -> Arrivals:
        """Return the ways from a source to a listener over up to `order` walls."""
        ...

    def inside(self, place_m: Float[np.ndarray, "3"]) -> bool:
        """Whether a place is inside the walls."""
        ...

    def default_order(self, *, moving: bool) -> int:
        """Return how many reflections are followed where the scene does not say."""
        ...

    def longest_m(self, order: int) -> float:
        """Return a length that no way over up to `order` walls exceeds, wherever anybody is."""
        ...

    def late_energies(
        self,
        source_m: Float[np.ndarray, "3"],
        listener_m: Float[np.ndarray, "3"],
        order: int,
        times_s: Float[np.ndarray, "T"],
    ) -> Float64[np.ndarray, "bands T"]:
        """Return the energy per second that `arrivals` leaves out.

        Args:
            source_m: The source, world coordinates.
            listener_m: The listener, likewise.
            order: Of the arrivals.
            times_s: Times since the emission of an impulse whose energy, at a metre in the open,
                is one in each band.
        """
        ...


class BoxRoom:
    """A box: images in its walls, and diffuse energy by the statistics of its mean free path."""

    def __init__(self, room: Room, medium: Medium) -> None:
        """Work out the walls.

        Raises:
            DataError: A material is unknown, or the reverberation time impossible.
        """
        self._room = room
        self._speed = medium.speed_of_sound_m_s
        self._box = box_acoustics(room, self._speed, air_per_m(medium))
        self.rt60_s = self._box.rt60_s

    def arrivals(
        self, source_m: Float[np.ndarray, "3"], listener_m: Float[np.ndarray, "3"], order: int
    ) -> Arrivals:
        """Return the ways from a source to a listener over up to `order` walls."""
        images = box_images(self._box, self._room.to_room(source_m), order)
        away = self._room.to_room(listener_m) - images.positions_m
        distances = np.linalg.norm(away, axis=1, keepdims=True)
        leaving = images.mirrors * away / np.maximum(distances, 1e-9)
        origin = self._room.to_world(np.zeros(3))
        return Arrivals(
            positions_m=self._room.to_world(images.positions_m),
            departures=self._room.to_world(leaving) - origin,
            band_gains=images.band_gains,
            orders=images.orders,
        )

    def inside(self, place_m: Float[np.ndarray, "3"]) -> bool:
        """Whether a place is inside the walls."""
        x, y, z = self._room.to_room(place_m)
        length, width, height = self._box.size_m
        return bool(abs(x) < length / 2 and abs(y) < width / 2 and 0 < z < height)

    def default_order(self, *, moving: bool) -> int:
        """Return how many reflections are followed where the scene does not say."""
        return _ORDER_MOVING if moving else _ORDER_STANDING

    def longest_m(self, order: int) -> float:
        """Return a length that no way over up to `order` walls exceeds, wherever anybody is."""
        size = self._box.size_m
        return float(order * size.max() + np.linalg.norm(size))

    def late_energies(
        self,
        source_m: Float[np.ndarray, "3"],
        listener_m: Float[np.ndarray, "3"],
        order: int,
        times_s: Float[np.ndarray, "T"],
    ) -> Float64[np.ndarray, "bands T"]:
        """Return the energy per second that `arrivals` leaves out.

        Reverberation brings 4πc/V per second at first, and falls by 60 dB in the reverberation
        time. Of it, images up to the order have the share of the directions in which a way of
        that length meets no more walls, less what these walls scattered. Nothing comes before
        the first reflection.

        Source: Kuttruff, Room Acoustics, 6th ed., eqs. (4.5), (5.9); Allen and Berkley 1979.
        """
        first = self.arrivals(source_m, listener_m, 1).positions_m[1:] - listener_m
        first_s = np.linalg.norm(first, axis=1).min() / self._speed
        times = np.asarray(times_s, dtype=np.float64)
        energies = (
            (4 * np.pi * self._speed / self._box.volume_m3)
            * 1e-6 ** (times / self.rt60_s[:, None])
            * (1 - self._share_of_images(order, times))
        )
        return energies * (times >= first_s)

    def _share_of_images(
        self, order: int, times_s: Float64[np.ndarray, "T"]
    ) -> Float64[np.ndarray, "bands T"]:
        """Return which share of the energy at some times reaches the listener over images."""
        directions = np.abs(golden_spiral(_DIRECTIONS)) / self._box.size_m
        # A share is smooth: nodes every metre and a half of the way are enough.
        last_m = (order + 1) / directions.sum(axis=1).min() + 1.0
        metres = np.linspace(0.0, last_m, max(2, int(last_m / 1.5)))
        hits = directions[:, None] * metres[:, None]
        known = np.clip(order + 1 - hits.sum(axis=2), 0.0, 1.0)
        # Both walls of an axis are met alike often.
        kept = np.log(np.maximum(1 - self._box.scattering, 1e-12)).reshape(3, 2, -1).mean(axis=1)
        shares = np.mean(known[..., None] * np.exp(hits @ kept), axis=0)
        shares[-1] = 0.0
        return np.stack([np.interp(times_s * self._speed, metres, share) for share in shares.T])


def air_per_m(medium: Medium) -> Float64[np.ndarray, "bands"]:
    """Return the energy attenuation of the air per octave band; 0 where it is switched off."""
    loss_db = air_absorption_db_per_m(np.array(OCTAVE_BANDS_HZ), medium)
    return loss_db * medium.air_absorption * np.log(10) / 10
