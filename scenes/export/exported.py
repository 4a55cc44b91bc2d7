"""What an exporter gets: a scene with all that its file names read, checked and laid out.

World axes (x front, y left, z up), metres, seconds; `capture.axes` has the way to those of each
engine. A source is as loud as its samples at its reference distance, times `10 ** (gain_db / 20)`,
and falls by 6 dB per doubling of the distance:

    amplitude = 10 ** (gain_db / 20) · reference_distance_m / distance_m

(`distance_law` has it, with its limit close to the head.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from capture.cloud_sequence import CloudSequence
from capture.pose import Trajectory

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int32, UInt8

    from scenes.room import Medium, Room
    from scenes.scene import Scene
    from scenes.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangleMesh:
    """Triangles with colors; anticlockwise seen from outside.

    Attributes:
        vertices_m: Shape (V, 3), float32.
        faces: Shape (F, 3), int32: rows of `vertices_m`.
        colors: Shape (V, 3), uint8, sRGB.
    """

    vertices_m: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    colors: UInt8[np.ndarray, "V 3"]

    @property
    def normals(self) -> Float32[np.ndarray, "V 3"]:
        """Unit normals of the vertices, weighted by the areas of their triangles."""
        corners = self.vertices_m[self.faces]
        crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        sums = np.zeros_like(self.vertices_m)
        for corner in range(3):
            np.add.at(sums, self.faces[:, corner], crossed)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        up = np.array([0.0, 0.0, 1.0], dtype=np.float32)
        return np.where(lengths > 0, sums / np.where(lengths > 0, lengths, 1), up)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSource:
    """One source of a scene.

    Attributes:
        name: As the scene says: any text.
        identifier: Of the letters, digits and underscores of ASCII, begins with a letter, at most
            48 long, differs from all others even where case does not count: good for files and
            nodes of every system.
        samples: Mono, float32, on the scene's time: silence in front where it starts later; as long
            as those of all other sources. The gain is not in it, and it may go beyond ±1.
        gain_db: Level on top of the distance law.
        reference_distance_m: Where it is as loud as its samples.
        heard: Whether it is neither muted nor left out because others are solo.
        instrument: What is played.
        color: sRGB, for people to tell sources apart.
        trajectory: Where it is; one key where it stands still. Straight lines between keys stay
            within 1 mm of the scene's path. Turned about z to where the player faces; to where the
            listener is at the start, where nothing says so.
        clouds: The player's clouds over time, world axes, which go where the source goes.
        mesh: The player as triangles, world axes, relative to where the source is at the start:
            up to about 5000 of them, for engines that show points badly. It shows the player as
            turned at the start.
        described: All that the scene's file says about it.
    """

    name: str
    identifier: str
    samples: Float32[np.ndarray, "samples"]
    gain_db: float
    reference_distance_m: float
    heard: bool
    instrument: str | None
    color: tuple[int, int, int]
    trajectory: Trajectory
    clouds: CloudSequence | None
    mesh: TriangleMesh | None
    described: Source

    @property
    def moves(self) -> bool:
        """Whether its position or its orientation changes over time."""
        return len(self.trajectory.times_s) > 1

    @property
    def first_position_m(self) -> Float64[np.ndarray, "3"]:
        """Where it is at the start of the scene."""
        return self.trajectory.at(0.0).position_m


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedListener:
    """The head.

    Attributes:
        trajectory: Middle of the head and how it is turned (x front, y left, z up of the head).
        sofa: The scene's own HRTF, or None for the MIT KEMAR head.
    """

    trajectory: Trajectory
    sofa: Path | None

    @property
    def moves(self) -> bool:
        """Whether it moves or turns."""
        return len(self.trajectory.times_s) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomBox:
    """A box-shaped room.

    Attributes:
        size_m: Length along its own x, width along y, height.
        center_m: Middle of the box (not of its floor), world axes.
        yaw_rad: Turned about z by so much, anticlockwise seen from above.
    """

    size_m: tuple[float, float, float]
    center_m: tuple[float, float, float]
    yaw_rad: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRoom:
    """The room as geometry.

    Attributes:
        vertices_m: Shape (V, 3), float32, world axes.
        faces: Shape (F, 3), int32; anticlockwise seen from inside, so that who is inside sees it.
        box: The box, where it is one.
        rt60_s: Seven values (125 Hz … 8 kHz) where the scene says so; else None.
        described: All that the scene's file says about it.
    """

    vertices_m: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    box: RoomBox | None
    rt60_s: tuple[float, ...] | None
    described: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedScene:
    """A scene, ready to be written for an engine.

    Attributes:
        title: As the scene says: any text.
        identifier: As that of a source.
        sample_rate_hz: Rate of all samples.
        duration_s: Length of all samples.
        sources: In the order of the scene, also those that are muted.
        listener: The head.
        room: The room; None in the open.
        medium: The air.
        provenance: Where the scene came from.
        renders: What was rendered of the scene for a target that needs it: "ambix" (of the order of
            the scene's output), "ambix1" (first order), "binaural", and "room_response", what two
            ears hear of the room, without the straight way, of an impulse from the middle of the
            sources with reference_distance_m 1: times reference distance and gain, it is a
            source's. All AmbiX is ACN and SN3D; these files are float32 WAV at the scene's level.
            "head" is an .npz of the scene's own HRTF all round (see `auralize.exported_head`).
        described: The scene itself.
        folder: The folder of the scene file, to which paths in `described` are relative.
    """

    title: str
    identifier: str
    sample_rate_hz: int
    duration_s: float
    sources: tuple[ExportedSource, ...]
    listener: ExportedListener
    room: ExportedRoom | None
    medium: Medium
    provenance: Mapping[str, str | int | float | bool]
    renders: Mapping[str, Path] = field(default_factory=dict[str, Path])
    described: Scene
    folder: Path

    @property
    def sample_count(self) -> int:
        """Samples of each source."""
        return len(self.sources[0].samples)
