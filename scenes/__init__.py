"""Scenes: sources around a listener, as types and as YAML files.

World frame: x front, y left, z up; metres, seconds; degrees only in keys that end in `_deg`.
"""

from scenes.keyframes import keyframes_from_trajectory
from scenes.listener import Listener, ListenerKeyframe
from scenes.room import Medium, Room, RoomMesh
from scenes.scene import Output, Scene
from scenes.scene_file import read_scene, write_scene
from scenes.scene_text import scene_text
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
