"""A room of triangles as a model of sound: images that are seen, and the energy of rays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float64

from auralize.rooms.acoustics import LONGEST_RT60_S, eyring_rt60_s
from auralize.rooms.box_room import Arrivals, air_per_m
from auralize.rooms.mesh import ClosedMesh, read_room_mesh
from auralize.rooms.mesh_images import MOST_IMAGES, mesh_arrivals
from auralize.rooms.ray_energy import BIN_S, decay_time_s, energy_curve
from capture.errors import DataError
from scenes.room import Medium, Room
from scenes.room_check import HEAD_RADIUS_M, SOURCE_DEPTH_M
from scenes.surface import per_band

# Curves are traced for so much of the reverberation time; beyond, they fall on as they did.
_TRACED = 0.75
_ROUNDS = 2
_SEED = 0


class MeshRoom:
    """A closed mesh: low orders of reflection by images, the others and what scatters by rays."""

    def __init__(
        self,
        room: Room,
        medium: Medium,
        folder: str | os.PathLike[str],
        source_m: Float[np.ndarray, "3"],
    ) -> None:
        """Read the mesh, and find how long it rings.

        With rt60_s, the absorption of all surfaces is scaled, as an exponent of 1 − absorption,
        until rays from a source take that time.

        Args:
            room: A room with shape: mesh.
            medium: The air.
            folder: Where its files are.
            source_m: A source, from where the reverberation time is found.

        Raises:
            FileFormatError: A file is no mesh.
            DataError: The mesh leaks, or a material is unknown.
        """
        self._speed = medium.speed_of_sound_m_s
        self._air = air_per_m(medium)
        self._mesh = read_room_mesh(room, folder)
        self.check_inside("source", np.asarray(source_m)[None], SOURCE_DEPTH_M)
        times = self._traced_rt60_s(source_m)
        if room.rt60_s is not None:
            wanted = np.array(per_band(room.rt60_s))
            # The air's share of the decay stays.
            of_air = self._speed * self._air / (6 * np.log(10))
            for _ in range(_ROUNDS):
                factor = np.maximum(1 / wanted - of_air, 1e-3) / np.maximum(
                    1 / times - of_air, 1e-3
                )
                absorption = 1 - (1 - np.clip(self._mesh.absorption, 1e-3, 1 - 1e-9)) ** factor
                self._mesh = replace(self._mesh, absorption=absorption)
                times = self._traced_rt60_s(source_m)
            # What is left of a difference, the late part gets as a factor that falls.
            self._also = 1 / wanted - 1 / times
            times = wanted
        else:
            self._also = np.zeros(len(times))
        self.rt60_s = times
        self._curves = lru_cache(maxsize=32)(self._late_curves)

    @property
    def mesh(self) -> ClosedMesh:
        """The surface, with its absorption as it is rendered."""
        return self._mesh

    def check_inside(
        self, who: str, places_m: Float[np.ndarray, "places 3"], depth_m: float = HEAD_RADIUS_M
    ) -> None:
        """Refuse places outside the room, or nearer to its walls than a depth.

        Raises:
            DataError: One is; the message says which.
        """
        for place in np.unique(np.round(places_m, 3), axis=0):
            if self._mesh.depth_inside_m(place) < depth_m:
                low = self._mesh.triangles_m.min(axis=(0, 1))
                high = self._mesh.triangles_m.max(axis=(0, 1))
                raise DataError(
                    f"the {who} at {_shown(place)} is outside the room's mesh or in a wall of it; "
                    f"the mesh lies between {_shown(low)} and {_shown(high)}."
                )

    def arrivals(
        self, source_m: Float[np.ndarray, "3"], listener_m: Float[np.ndarray, "3"], order: int
    ) -> Arrivals:
        """Return the ways from a source to a listener over up to `order` facets."""
        return mesh_arrivals(self._mesh, source_m, listener_m, order)

    def inside(self, place_m: Float[np.ndarray, "3"]) -> bool:
        """Whether a place is inside the walls."""
        return self._mesh.depth_inside_m(place_m) > 0

    def default_order(self, *, moving: bool) -> int:
        """Return how many reflections are followed where the scene does not say."""
        facets = len(self._mesh.normals)
        return 2 if facets * (facets - 1) <= MOST_IMAGES else 1

    def longest_m(self, order: int) -> float:
        """Return a length that no way over up to `order` walls exceeds, wherever anybody is."""
        size = np.ptp(self._mesh.triangles_m, axis=(0, 1))
        return float((order + 1) * np.linalg.norm(size))

    def late_energies(
        self,
        source_m: Float[np.ndarray, "3"],
        listener_m: Float[np.ndarray, "3"],
        order: int,
        times_s: Float[np.ndarray, "T"],
    ) -> Float64[np.ndarray, "bands T"]:
        """Return the energy per second that `arrivals` leaves out.

        The energy of all rays, less that of rays that only met up to `order` mirrors, spread
        over the room: 4πc/V per second for what is left of the source's. Nothing comes before
        the first reflection.
        """
        curves = self._curves(tuple(np.round(source_m, 3).tolist()), order)
        times = np.asarray(times_s, dtype=np.float64)
        nodes = (np.arange(curves.shape[1]) + 0.5) * BIN_S
        energies = np.stack([np.interp(times, nodes, curve) for curve in curves])
        # Beyond what was traced, the curve falls on.
        end = nodes[-1]
        tail = np.mean(curves[:, -10:], axis=1, keepdims=True)
        walls = np.maximum(1 / self.rt60_s - self._also - self._air_rate(), 0)
        energies = np.where(times > end, tail * 1e-6 ** ((times - end) * walls[:, None]), energies)
        energies = energies * 1e-6 ** (times * (self._also + self._air_rate())[:, None])
        first = self.arrivals(source_m, listener_m, 1).positions_m[1:]
        ways = np.linalg.norm(first - listener_m, axis=1)
        first_s = ways.min(initial=np.linalg.norm(source_m - listener_m)) / self._speed
        return energies * (4 * np.pi * self._speed / self._mesh.volume_m3) * (times >= first_s)

    def _late_curves(
        self, source_m: tuple[float, float, float], order: int
    ) -> Float64[np.ndarray, "bands T"]:
        longest_s = _TRACED * float(np.max(self.rt60_s))
        curves = [
            energy_curve(
                self._mesh,
                np.array(source_m),
                absorption=self._mesh.absorption,
                speed_m_s=self._speed,
                longest_s=longest_s,
                rng=np.random.default_rng(_SEED),
                mirrors=mirrors,
            )
            for mirrors in (None, order)
        ]
        return np.maximum(curves[0] - curves[1], 0.0)

    def _traced_rt60_s(self, source_m: Float[np.ndarray, "3"]) -> Float64[np.ndarray, "bands"]:
        """Return the reverberation time that rays take, with the air's share."""
        mesh = self._mesh
        guess = eyring_rt60_s(
            mesh.volume_m3, mesh.areas_m2, mesh.absorption, self._speed, np.zeros(len(self._air))
        )
        curves = energy_curve(
            mesh,
            np.asarray(source_m),
            absorption=mesh.absorption,
            speed_m_s=self._speed,
            longest_s=float(np.clip(guess.max(), 0.1, LONGEST_RT60_S)),
            rng=np.random.default_rng(_SEED),
        )
        times = np.array([decay_time_s(curve) for curve in curves])
        return np.minimum(1 / (1 / times + self._air_rate()), LONGEST_RT60_S)

    def _air_rate(self) -> Float64[np.ndarray, "bands"]:
        """Return the air's part of 1 / reverberation time."""
        return self._speed * self._air / (6 * np.log(10))


def _shown(place_m: Sequence[float] | Float[np.ndarray, "3"]) -> str:
    return "[" + ", ".join(f"{value:.2f}" for value in place_m) + "]"
