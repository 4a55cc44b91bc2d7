"""Target `iem`: mono stems and directions for the ambisonic plug-ins of IEM and SPARTA.

    stems/01_NAME.wav     24 bits, mono, at the level that the listener hears: the plug-ins know
                          directions, and no distances
    directions.json       "GenericLayout", which IEM's MultiEncoder and SPARTA's AmbiENC,
                          Binauraliser and Panner read; element n is channel n is stem n
    movement.csv          where there is movement: direction and distance 20 times a second
    room.csv              for a box: what IEM's RoomEncoder is to be set to
    muted/NAME.wav        what is muted in the scene

Directions are the listener's: azimuth anticlockwise from where the head looks, elevation up.

Source: `resources/ConfigurationHelper.h` of the IEM Plug-in Suite (what a layout must have, and of
which type: Channel an integer, IsImaginary a boolean), `loadConfiguration` of its MultiEncoder
(which takes directions, mutes channels that are not named, and ignores Gain and Radius) and of
SPARTA's plug-ins (which count elements).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64

from capture.axes import identity, spherical_from_world
from capture.pose import quaternion_conjugate, rotation_matrix_from_quaternion
from scenes.export.distance_law import NEAREST_M
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.readme import readme
from scenes.export.wav import gain_that_fits_db, write_wav

MOST_CHANNELS = 64
"""Channels of one encoder; where a scene has more sources, there is a layout for each 64."""

_STEPS_HZ = 20.0
_LEVELS_HZ = 200.0

_OPENING = """\
1. In a DAW with tracks of many channels (Reaper, Ardour), put stem 1 on channel 1 of a track,
   stem 2 on channel 2, … all from the same start.
2. Insert an encoder on that track and let it import `directions.json`:

   | plug-in | what it takes from the file |
   |---|---|
   | IEM MultiEncoder | number of channels, azimuth, elevation |
   | SPARTA AmbiENC | the same |
   | SPARTA Binauraliser, Panner | the same: straight to headphones or loudspeakers |

3. Decode what an encoder gives (AmbiX: ACN, SN3D) with a decoder of the same suite. IEM's
   SceneRotator goes in between for a head tracker.

IEM's StereoEncoder takes one source each: set azimuth and elevation of the table below by hand.
"""

_LOUDNESS = """\
The stems are **at the level that the listener hears**: gain and distance are in them, also over
time, because the plug-ins know no distances. Leave all gains of the encoder at 0 dB.
"""


def write(exported: ExportedScene, folder: Path) -> None:
    """Write stems and directions.

    Raises:
        OSError: A file cannot be written.
    """
    heard = [source for source in exported.sources if source.heard]
    sounds = {source.identifier: _as_heard(source, exported) for source in exported.sources}
    gain_db = gain_that_fits_db(sounds.values(), "pcm24")
    for name in ("stems", *(["muted"] if len(heard) < len(exported.sources) else [])):
        (folder / name).mkdir()
    digits = len(str(len(heard)))
    files: list[str] = []
    for number, source in enumerate(exported.sources):
        name = f"muted/{source.identifier}.wav"
        if source.heard:
            files.append(f"stems/{len(files) + 1:0{max(digits, 2)}}_{source.identifier}.wav")
            name = files[-1]
        write_wav(
            folder / name,
            sounds[source.identifier],
            exported.sample_rate_hz,
            "pcm24",
            gain_db=gain_db,
            number=number,
        )
    for first in range(0, len(heard), MOST_CHANNELS):
        part = heard[first : first + MOST_CHANNELS]
        ending = f"_{first // MOST_CHANNELS + 1}" if len(heard) > MOST_CHANNELS else ""
        (folder / f"directions{ending}.json").write_text(_layout(exported, part), encoding="utf-8")
    moving = [source for source in heard if source.moves or exported.listener.moves]
    if moving:
        _write_movement(exported, heard, moving, folder / "movement.csv")
    if exported.room is not None and exported.room.box is not None:
        _write_room(exported, heard, folder / "room.csv")
    (folder / "README.md").write_text(
        readme(
            exported,
            engine="the IEM and SPARTA plug-ins",
            opening=_OPENING,
            axes="x front, y left, z up; metres",
            engine_from_world=identity,
            gain_db=gain_db,
            loudness=_LOUDNESS,
            more=_more(exported, heard, files, bool(moving)),
            checked_with="The layout is what the published sources of both suites read; directions "
            "and levels agree with Auralize's own ambisonic render. No DAW was run.",
        ),
        encoding="utf-8",
    )


def directions(
    exported: ExportedScene, source: ExportedSource, times_s: Float[np.ndarray, "T"]
) -> tuple[Float64[np.ndarray, "T"], Float64[np.ndarray, "T"], Float64[np.ndarray, "T"]]:
    """Return where the listener hears a source.

    Returns:
        Azimuth (anticlockwise from where the head looks) and elevation in degrees, and the distance
        in metres.
    """
    head = exported.listener.trajectory
    away = source.trajectory.positions_at(times_s) - head.positions_at(times_s)
    turns = rotation_matrix_from_quaternion(quaternion_conjugate(head.orientations_at(times_s)))
    azimuth, elevation, distance = spherical_from_world(np.einsum("tij,tj->ti", turns, away))
    return np.degrees(azimuth), np.degrees(elevation), distance


def _as_heard(source: ExportedSource, exported: ExportedScene) -> Float32[np.ndarray, "samples"]:
    """Return the sound at the level that the listener hears, by gain and distance."""
    if not (source.moves or exported.listener.moves):
        level = _levels(exported, source, np.zeros(1))[0]
        return source.samples * np.float32(level)
    times_s = np.arange(0, exported.duration_s + 1 / _LEVELS_HZ, 1 / _LEVELS_HZ)
    levels = _levels(exported, source, times_s)
    at_samples = np.arange(exported.sample_count) / exported.sample_rate_hz
    return source.samples * np.interp(at_samples, times_s, levels).astype(np.float32)


def _levels(
    exported: ExportedScene, source: ExportedSource, times_s: Float[np.ndarray, "T"]
) -> Float64[np.ndarray, "T"]:
    distance = directions(exported, source, times_s)[2]
    amplitude = 10 ** (source.gain_db / 20)
    return amplitude * source.reference_distance_m / np.maximum(distance, NEAREST_M)


def _layout(exported: ExportedScene, heard: Sequence[ExportedSource]) -> str:
    elements: list[dict[str, object]] = []
    for channel, source in enumerate(heard, start=1):
        azimuth, elevation, distance = (x[0] for x in directions(exported, source, np.zeros(1)))
        elements.append(
            {
                "Name": source.name,
                "Azimuth": round(float(azimuth), 4) + 0.0,
                "Elevation": round(float(elevation), 4) + 0.0,
                "Radius": round(float(distance), 4),
                "IsImaginary": False,
                "Channel": channel,
                "Gain": 1.0,
            }
        )
    layout = {
        "Name": exported.title,
        "Description": "Sources as the listener hears them at the start. Written by Auralize.",
        "GenericLayout": {"Name": exported.title, "Description": "", "Elements": elements},
    }
    return json.dumps(layout, indent=2, ensure_ascii=False) + "\n"


def _write_movement(
    exported: ExportedScene,
    heard: Sequence[ExportedSource],
    moving: Sequence[ExportedSource],
    path: Path,
) -> None:
    times_s = np.arange(0, exported.duration_s, 1 / _STEPS_HZ)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("time_s", "channel", "name", "azimuth_deg", "elevation_deg", "distance_m"))
        for source in moving:
            channel = heard.index(source) + 1
            for time, azimuth, elevation, distance in zip(
                times_s, *directions(exported, source, times_s), strict=True
            ):
                table.writerow(
                    (
                        f"{time:.2f}",
                        channel,
                        source.name,
                        f"{azimuth:.2f}",
                        f"{elevation:.2f}",
                        f"{distance:.3f}",
                    )
                )


def _write_room(exported: ExportedScene, heard: Sequence[ExportedSource], path: Path) -> None:
    """Write what RoomEncoder is set to: its axes are the room's, from the middle of the box."""
    assert exported.room is not None
    assert exported.room.box is not None
    box, room = exported.room.box, exported.room.described
    half_height = np.array([0.0, 0.0, box.size_m[2] / 2])

    def in_box(position_m: Float64[np.ndarray, "3"]) -> list[str]:
        return [
            f"{value + 0.0:.3f}" for value in np.round(room.to_room(position_m) - half_height, 3)
        ]

    ears = exported.listener.trajectory.at(0.0).position_m
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("what", "name", "x", "y", "z"))
        table.writerow(("room size", "", *(f"{value:g}" for value in box.size_m)))
        table.writerow(("listener", "", *in_box(ears)))
        for source in heard:
            table.writerow(("source", source.name, *in_box(source.first_position_m)))


def _more(
    exported: ExportedScene, heard: Sequence[ExportedSource], files: Sequence[str], moves: bool
) -> str:
    rows = ["| channel | file | azimuth | elevation | distance |", "|---|---|---|---|---|"]
    for number, (source, file) in enumerate(zip(heard, files, strict=True)):
        azimuth, elevation, distance = (x[0] for x in directions(exported, source, np.zeros(1)))
        rows.append(
            f"| {number % MOST_CHANNELS + 1} | `{file}` | {azimuth + 0.0:.1f}° | "
            f"{elevation + 0.0:.1f}° | {distance:.2f} m |"
        )
    parts = [
        "## Directions at the start, as the listener hears them\n\n" + "\n".join(rows),
    ]
    if len(heard) > MOST_CHANNELS:
        parts.append("Each layout is for an encoder of its own with the next 64 stems.")
    if moves:
        parts.append(
            "Layouts hold still. `movement.csv` has the directions over time, for automation: the "
            "parameters of MultiEncoder are called azimuth0, elevation0 for channel 1, and so on."
        )
    if exported.room is not None and exported.room.box is not None:
        parts.append(
            "For IEM's RoomEncoder, `room.csv` has the size of the room and all places in its axes "
            "(x front, y left, z up, from the middle of the box). It takes one dry source each, "
            "with its own law of distance."
        )
    return "\n\n".join(parts)
