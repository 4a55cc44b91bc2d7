"""How players and listener move: one animation, as long as the scene."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from capture.axes import gltf_from_world, gltf_quaternion_from_world
from capture.pose import Trajectory
from scenes.export.exported import ExportedScene
from scenes.export.godot.dialect import Dialect
from scenes.export.godot.resource_file import SceneFile, array, number, numbers

_LINEAR = 1
_TRANSITION = 1.0  # of a key: straight on to the next


def add_movement(file: SceneFile, dialect: Dialect, exported: ExportedScene) -> None:
    """Add the node that moves what moves; none where nothing does."""
    moving = {
        f"Players/{source.identifier}": source.trajectory
        for source in exported.sources
        if source.moves
    }
    if exported.listener.moves:
        moving["Listener"] = exported.listener.trajectory
    if not moving:
        return
    length_s = max(exported.duration_s, *(float(path.times_s[-1]) for path in moving.values()))
    properties = {"resource_name": '"move"', "length": number(length_s)}
    tracks = [track for path, way in moving.items() for track in _tracks(dialect, path, way)]
    for index, track in enumerate(tracks):
        properties |= {f"tracks/{index}/{key}": value for key, value in track.items()}
    animation = file.internal("Animation", properties)
    if dialect.version == 3:
        file.node("Movement", "AnimationPlayer", ".", {"anims/move": animation})
        return
    library = file.internal("AnimationLibrary", {"_data": f'{{\n"move": {animation}\n}}'})
    file.node("Movement", "AnimationPlayer", ".", {"libraries": f'{{\n"": {library}\n}}'})


def _tracks(dialect: Dialect, node: str, way: Trajectory) -> list[dict[str, str]]:
    times = way.times_s[:, None]
    positions = gltf_from_world(way.positions_m)
    w, x, y, z = gltf_quaternion_from_world(way.orientations_wxyz).T
    turns = np.column_stack([x, y, z, w])
    if dialect.version == 3:
        scales = np.ones_like(positions)
        keys = np.hstack([times, np.full_like(times, _TRANSITION), positions, turns, scales])
        return [_track("transform", node, numbers(keys))]
    tracks = [_track_4(dialect, "position_3d", node, times, positions)]
    if np.ptp(turns, axis=0).any():
        tracks.append(_track_4(dialect, "rotation_3d", node, times, turns))
    return tracks


def _track_4(
    dialect: Dialect,
    kind: str,
    node: str,
    times: Float64[np.ndarray, "T 1"],
    values: Float64[np.ndarray, "T D"],
) -> dict[str, str]:
    keys = np.hstack([times, np.full_like(times, _TRANSITION), values])
    return _track(kind, node, array(dialect, "PackedFloat32Array", keys))


def _track(kind: str, node: str, keys: str) -> dict[str, str]:
    if kind == "transform":
        keys = f"[ {keys} ]"
    return {
        "type": f'"{kind}"',
        "imported": "false",
        "enabled": "true",
        "path": f'NodePath("{node}")',
        "interp": str(_LINEAR),
        "loop_wrap": "false",
        "keys": keys,
    }
