"""The stage: players, what else stands and walks there, and the camera that films them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from capture.simulate.floors import FLAT, Relief
from capture.simulate.kinect import SimulatedKinect
from capture.simulate.player import Player, PlayerState
from capture.simulate.solids import Mesh, join


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """Somebody or something on the stage that plays nothing.

    Attributes:
        name: "page_turner", "passer", "piano", "chair" or "stand".
        mesh: As at the beginning; faces and colors stay.
        moving: Gives the vertices at a time; None for what stands still.
    """

    name: str
    mesh: Mesh
    moving: Callable[[float], Float32[np.ndarray, "V 3"]] | None = None

    def vertices_at(self, time_s: float) -> Float32[np.ndarray, "V 3"]:
        """Return where the vertices are at a time, on a flat floor."""
        return self.mesh.vertices_m if self.moving is None else self.moving(time_s)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the camera films.

    Attributes:
        players: In the order of the parts.
        kinect: The camera in its place.
        seconds: Length of the take.
        seed: Draws the camera's noise.
        fps: Images a second.
        bounds_m: Of the room: lowest and highest x, y and z.
        extras: What else is there.
        relief: Of the floor; extras are put on it, players are on theirs (`Player.floor_m`).
    """

    players: Sequence[Player]
    kinect: SimulatedKinect
    seconds: float
    seed: int
    fps: int
    bounds_m: Float64[np.ndarray, "2 3"]
    extras: Sequence[Extra] = ()
    relief: Relief = FLAT

    @property
    def times_s(self) -> Float64[np.ndarray, "images"]:
        """Times of the images."""
        return np.arange(int(np.floor(self.seconds * self.fps + 1e-9))) / self.fps

    @cached_property
    def _mesh(self) -> Mesh:
        return join(
            [player.mesh_at(0.0) for player in self.players] + [extra.mesh for extra in self.extras]
        )

    @property
    def faces(self) -> Int32[np.ndarray, "F 3"]:
        """Of all meshes: first the players', then the extras'."""
        return self._mesh.faces

    @property
    def colors(self) -> UInt8[np.ndarray, "V 3"]:
        """Of the vertices."""
        return self._mesh.colors

    def at(self, time_s: float) -> tuple[list[PlayerState], Float32[np.ndarray, "V 3"]]:
        """Return the players' states and all vertices at a time."""
        states = [player.state_at(time_s) for player in self.players]
        others = [extra.vertices_at(time_s) for extra in self.extras]
        if self.relief != FLAT:
            others = [self._lifted(vertices) for vertices in others]
        return states, np.concatenate([*(state.vertices_m for state in states), *others])

    def _lifted(self, vertices_m: Float32[np.ndarray, "V 3"]) -> Float32[np.ndarray, "V 3"]:
        """Raise something to the floor where it stands."""
        low = vertices_m[vertices_m[:, 2] < vertices_m[:, 2].min() + 0.1, :2].mean(axis=0)
        lifted = vertices_m.copy()
        lifted[:, 2] += np.float32(self.relief.height_m(low[0], low[1]))
        return lifted
