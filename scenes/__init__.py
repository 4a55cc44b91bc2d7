"""Scenes: sources around a listener, as types and as YAML files.

World frame: x front, y left, z up; metres, seconds; degrees only in keys that end in `_deg`.

Names are imported when they are first used, so that commands that only print their help start at
once.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from scenes.keyframes import keyframes_from_trajectory
    from scenes.listener import Listener, ListenerKeyframe
    from scenes.room import Medium, Room, RoomMesh
    from scenes.scene import Output, Scene
    from scenes.scene_file import read_scene, write_scene
    from scenes.scene_yaml import scene_text
    from scenes.source import Source, SourceKeyframe
    from scenes.surface import Surface, Walls

__all__ = [
    "Listener",
    "ListenerKeyframe",
    "Medium",
    "Output",
    "Room",
    "RoomMesh",
    "Scene",
    "Source",
    "SourceKeyframe",
    "Surface",
    "Walls",
    "keyframes_from_trajectory",
    "read_scene",
    "scene_text",
    "write_scene",
]

_HOMES = {
    "Listener": "scenes.listener",
    "ListenerKeyframe": "scenes.listener",
    "Medium": "scenes.room",
    "Output": "scenes.scene",
    "Room": "scenes.room",
    "RoomMesh": "scenes.room",
    "Scene": "scenes.scene",
    "Source": "scenes.source",
    "SourceKeyframe": "scenes.source",
    "Surface": "scenes.surface",
    "Walls": "scenes.surface",
    "keyframes_from_trajectory": "scenes.keyframes",
    "read_scene": "scenes.scene_file",
    "scene_text": "scenes.scene_yaml",
    "write_scene": "scenes.scene_file",
}

__getattr__ = lazy(__name__, _HOMES)
