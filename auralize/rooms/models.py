"""The model of a scene's room, with everybody inside."""

from __future__ import annotations

import os

import numpy as np

from auralize.rooms.box_room import BoxRoom, RoomModel
from auralize.rooms.mesh_room import MeshRoom
from scenes.room_check import SOURCE_DEPTH_M
from scenes.scene import Scene


def room_model(scene: Scene, folder: str | os.PathLike[str] | None = None) -> RoomModel:
    """Return the model of a scene's room.

    Args:
        scene: A scene with a room.
        folder: Where its files are (the folder of the scene file); a mesh needs it.

    Raises:
        FileFormatError: A mesh cannot be read.
        DataError: A mesh leaks, or somebody is outside (for a box, the scene says so itself); a
            material is unknown; or the reverberation time is impossible.
        ValueError: The scene has no room, or a mesh but no folder is given.
    """
    room = scene.room
    if room is None:
        raise ValueError(f"the scene {scene.title!r} has no room.")
    if room.shape == "shoebox":
        return BoxRoom(room, scene.medium)
    if folder is None:
        raise ValueError("a room's meshes lie in the folder of the scene: give it.")
    start = np.zeros(1)
    first = scene.heard_sources[0].positions_at(start)[0]
    model = MeshRoom(room, scene.medium, folder, first)
    # A mesh need not be convex: paths are looked at ten times a second, and at every keyframe.
    for source in scene.heard_sources:
        keys = [key.time_s for key in source.keyframes or ()]
        places = source.positions_at(_times(keys))
        model.check_inside(f"source {source.name!r}", places, SOURCE_DEPTH_M)
    keys = [key.time_s for key in scene.listener.keyframes or ()]
    model.check_inside("listener", scene.listener.trajectory.positions_at(_times(keys)))
    return model


def _times(keys_s: list[float]) -> np.ndarray:
    if len(keys_s) < 2:
        return np.zeros(1)
    between = np.arange(keys_s[0], keys_s[-1], 0.1)
    return np.union1d(between, keys_s)
