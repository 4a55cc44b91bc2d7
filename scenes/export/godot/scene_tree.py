"""The main scene: players with their stems, the listener, the room, and what moves them."""

from __future__ import annotations

import math

import numpy as np

from capture.axes import gltf_from_world, gltf_quaternion_from_world
from capture.pose import Pose, quaternion_conjugate
from scenes.export.distance_law import NEAREST_M
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.godot.dialect import Dialect
from scenes.export.godot.movement import add_movement
from scenes.export.godot.resource_file import SceneFile, color, number, string, transform
from scenes.export.godot.shapes import unlit

_HINT = (
    "Click and look around | W A S D walk | Q E down, up | Space pause | R restart | P points | "
    "Home back | Esc mouse"
)
_HINT_PLACE = {"offset_left": "16.0", "offset_top": "12.0"}
_SILENT_DB = -80.0
_INVERSE_DISTANCE = 0
_NO_FILTER_HZ = 20_500
_BACKGROUND = (14, 15, 18)
_MARKER_M = 0.12
_LABEL_ABOVE_M = 0.25


def main_scene(dialect: Dialect, exported: ExportedScene, *, turned_down_db: float) -> str:
    """Return the file of the main scene.

    Args:
        dialect: Of which Godot.
        exported: The scene.
        turned_down_db: Gain of all stems' files; players make up for it.
    """
    file = SceneFile(dialect)
    file.node(
        "Ensemble",
        "Node3D",
        None,
        {"script": file.external("ensemble.gd", "Script")},
    )
    _add_surroundings(file)
    if exported.room is not None:
        room = file.external("room.tscn", "PackedScene")
        file.instance("Room", room, ".", {})
    _add_listener(file, dialect, exported)
    file.node("Players", "Node3D", ".")
    for source in exported.sources:
        _add_player(file, dialect, source, turned_down_db)
    add_movement(file, dialect, exported)
    _add_hint(file)
    return file.text()


def engine_pose(dialect: Dialect, pose: Pose) -> str:
    """Return a pose in the world as a transform of Godot."""
    return transform(
        dialect,
        gltf_from_world(pose.position_m),
        gltf_quaternion_from_world(pose.orientation_wxyz),
    )


def _add_surroundings(file: SceneFile) -> None:
    environment = file.internal(
        "Environment", {"background_mode": "1", "background_color": color(_BACKGROUND)}
    )
    file.node("Surroundings", "WorldEnvironment", ".", {"environment": environment})


def _add_listener(file: SceneFile, dialect: Dialect, exported: ExportedScene) -> None:
    start = exported.listener.trajectory.at(0.0)
    file.node("Listener", "Node3D", ".", {"transform": engine_pose(dialect, start)})
    file.node(
        "Camera",
        "Camera3D",
        "Listener",
        {
            "current": "true",
            "fov": "75.0",
            "near": "0.05",
            "script": file.external("free_look.gd", "Script"),
        },
    )
    file.node("Ears", "AudioListener3D", "Listener/Camera", {"current": "true"})


def _add_hint(file: SceneFile) -> None:
    """Add the line that says which keys there are; the script takes it away after a while."""
    file.node("Hint", "CanvasLayer", ".")
    file.node("Keys", "Label", "Hint", {**_HINT_PLACE, "text": string(_HINT)})


def _add_player(
    file: SceneFile,
    dialect: Dialect,
    source: ExportedSource,
    turned_down_db: float,
) -> None:
    start = source.trajectory.at(0.0)
    place = f"Players/{source.identifier}"
    file.node(source.identifier, "Node3D", "Players", {"transform": engine_pose(dialect, start)})
    _add_stem(file, source, place, turned_down_db)
    # Shapes are in world axes, so they are turned back by how the player is turned at the start.
    upright = Pose(
        position_m=np.zeros(3), orientation_wxyz=quaternion_conjugate(start.orientation_wxyz)
    )
    top_m = _MARKER_M
    if source.mesh is None:
        _add_marker(file, dialect, source, place)
    else:
        top_m = float(source.mesh.vertices_m[:, 2].max())
        shape = file.external(f"shapes/{source.identifier}.tscn", "PackedScene")
        file.instance("Shape", shape, place, {"transform": engine_pose(dialect, upright)})
    if dialect.version == 4:  # Godot 3 has labels from 3.5 on only.
        above = Pose(position_m=np.array([0.0, 0.0, top_m + _LABEL_ABOVE_M]))
        label = {
            "transform": engine_pose(dialect, above),
            "billboard": "1",
            "pixel_size": "0.002",
            "text": string(source.name),
            "font_size": "64",
            "outline_size": "16",
            "modulate": color(source.color),
        }
        file.node("Name", "Label3D", place, label)


def _add_stem(file: SceneFile, source: ExportedSource, place: str, turned_down_db: float) -> None:
    volume_db = source.gain_db - turned_down_db if source.heard else _SILENT_DB
    # Godot's law, with unit_size as the distance of no change: 1 / (d / unit_size + 1e-5), limited
    # to max_db after volume_db; and by default it also dulls what is far.
    nearest_db = volume_db + 20 * math.log10(source.reference_distance_m / NEAREST_M)
    file.node(
        "Stem",
        "AudioStreamPlayer3D",
        place,
        {
            "stream": file.external(f"stems/{source.identifier}.wav", "AudioStreamWAV"),
            "volume_db": number(volume_db),
            "attenuation_model": str(_INVERSE_DISTANCE),
            "unit_size": number(source.reference_distance_m),
            "max_db": number(nearest_db),
            "max_distance": "0.0",
            "attenuation_filter_cutoff_hz": f"{_NO_FILTER_HZ}.0",
            "attenuation_filter_db": "0.0",
        },
    )


def _add_marker(file: SceneFile, dialect: Dialect, source: ExportedSource, place: str) -> None:
    ball = file.internal(
        "SphereMesh",
        {
            "radius": number(_MARKER_M),
            "height": number(2 * _MARKER_M),
            "radial_segments": "24",
            "rings": "12",
        },
    )
    material = file.internal("StandardMaterial3D", unlit(dialect, albedo_color=color(source.color)))
    file.node("Marker", "MeshInstance3D", place, {"mesh": ball, "material_override": material})
