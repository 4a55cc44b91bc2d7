"""The room around players and listener, and the air in it."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Float64
from pydantic import Field, model_validator

from scenes.model import (
    Degrees,
    Integer,
    Length,
    Number,
    Position,
    SceneModel,
    Switch,
    Text,
    misplaced,
)
from scenes.surface import DecayTimePerBand, Material, Surfaces


class RoomMesh(SceneModel):
    """A part of a room's surface that is of one material."""

    file: Text
    """Triangles (PLY, OBJ, STL, glTF), relative to the scene file; metres. Axes are the scene's
    (z up), but for glTF, whose y is up."""

    surface: Material = "plaster"
    """Its material: a name of the library, or absorption and scattering."""


PARTS = ("direct", "early", "late")
"""What of a room can be heard alone, by its switches."""


class Room(SceneModel):
    """The room around sources and listener: a box, or a mesh.

    A scene without a room is in the open (a free field). Walls are known by materials, by the
    reverberation time, or by both: then the materials' absorption is scaled until the
    reverberation time (Eyring) is the one that is asked for.
    """

    shape: Literal["shoebox", "mesh"] = "shoebox"
    """A rectangular room (size_m), or one of triangles (meshes)."""

    size_m: tuple[Length, Length, Length] | None = None
    """Length (x), width (y) and height (z) of a box in metres."""

    floor_center_m: Position = (0.0, 0.0, 0.0)
    """Where the middle of a box's floor, or the origin of the meshes, lies: world coordinates
    [x, y, z] in metres."""

    yaw_deg: Degrees = 0.0
    """How far the room is turned about that place, anticlockwise seen from above."""

    surfaces: Surfaces | None = None
    """What a box is made of: one material for all walls, or by wall (floor, ceiling, front, back,
    left, right, others). A material is a name of the library, or absorption and scattering."""

    meshes: Annotated[tuple[RoomMesh, ...], Field(min_length=1)] | None = None
    """What a mesh is made of: files, each of one material, that together are closed."""

    rt60_s: DecayTimePerBand | None = None
    """Seconds in which the sound falls by 60 dB: one number, or seven (125 Hz … 8 kHz)."""

    image_order: Annotated[Integer, Field(ge=0, le=40)] | None = None
    """Up to how many reflections are followed one by one, each through the head's filters; the
    late part has the others. Default: 6 for a box where nothing moves, 2 where something does,
    and for a mesh (1 for one of more than 548 facets)."""

    direct: Switch = True
    """Hear the straight way from the sources."""

    early: Switch = True
    """Hear the reflections that are followed one by one."""

    late: Switch = True
    """Hear the reverberation."""

    note: Text | None = None
    """A remark for people, such as what of the room was seen."""

    @model_validator(mode="after")
    def _shape_has_its_keys(self) -> Room:
        if not (self.direct or self.early or self.late):
            raise ValueError(
                "direct, early and late are all switched off, and nothing is left to hear"
            )
        if self.shape == "shoebox":
            if self.meshes is not None:
                raise misplaced("meshes belong to a room with shape: mesh", "meshes")
            if self.size_m is None:
                raise ValueError("a box needs size_m")
            if self.surfaces is None and self.rt60_s is None:
                raise ValueError("a room needs surfaces, rt60_s or both")
            return self
        for key in ("size_m", "surfaces"):
            if getattr(self, key) is not None:
                raise misplaced(
                    f"{key} belongs to a box; a mesh has meshes, each with its surface", key
                )
        if self.meshes is None:
            raise ValueError("a room with shape: mesh needs meshes")
        return self

    def to_room(
        self, positions_m: Float[np.ndarray, "*batch 3"]
    ) -> Float64[np.ndarray, "*batch 3"]:
        """Return world positions in the room's own axes, from the middle of its floor."""
        return (np.asarray(positions_m) - self.floor_center_m) @ self._world_from_room

    def to_world(
        self, positions_m: Float[np.ndarray, "*batch 3"]
    ) -> Float64[np.ndarray, "*batch 3"]:
        """Return positions in the room's own axes in the world: the inverse of `to_room`."""
        return np.asarray(positions_m) @ self._world_from_room.T + self.floor_center_m

    @property
    def _world_from_room(self) -> Float64[np.ndarray, "3 3"]:
        yaw = np.radians(self.yaw_deg)
        cosine, sine = np.cos(yaw), np.sin(yaw)
        return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])

    def depth_inside_m(
        self, positions_m: Float[np.ndarray, "*batch 3"]
    ) -> Float64[np.ndarray, "*batch"]:
        """Return how far inside a box positions are: the distance of the nearest wall.

        Raises:
            ValueError: The room is no box.
        """
        if self.size_m is None:
            raise ValueError("only a box knows its inside; this room is a mesh.")
        length, width, height = self.size_m
        x, y, z = np.moveaxis(self.to_room(positions_m), -1, 0)
        return np.minimum.reduce(
            [length / 2 - np.abs(x), width / 2 - np.abs(y), height / 2 - np.abs(z - height / 2)]
        )


class Medium(SceneModel):
    """The air: it sets the speed of sound, and swallows high frequencies if it is told to."""

    temperature_c: Annotated[Number, Field(ge=-50, le=60)] = 20.0
    """Degrees Celsius."""

    relative_humidity_percent: Annotated[Number, Field(ge=0, le=100)] = 50.0
    """Relative humidity. It counts for air_absorption."""

    pressure_kpa: Annotated[Number, Field(ge=30, le=200)] = 101.325
    """Air pressure in kilopascals. It counts for air_absorption."""

    propagation_delay: Switch = False
    """Let the sound take its time from source to listener: late arrivals, and Doppler shift where
    something moves. Off, everything arrives at once, as in the recording."""

    air_absorption: Switch = False
    """Let the air swallow high frequencies, by temperature, humidity and pressure (ISO 9613-1), on
    what the way to the listener is longer than a source's reference distance; up to there it sounds
    as its file. Off by default: over the few metres of a room it is hardly heard."""

    @property
    def speed_of_sound_m_s(self) -> float:
        """Speed of sound in dry air.

        Source: ISO 9613-1:1993, eq. (A.5): 343.2 m/s at 293.15 K, with the root of the absolute
        temperature; humidity changes it by less than 0.4 %.
        """
        return 343.2 * ((self.temperature_c + 273.15) / 293.15) ** 0.5
