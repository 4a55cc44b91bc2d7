"""Scenes for engines, players and tools: one module or folder a target (see `targets`)."""

from scenes.export.exported import (
    ExportedListener,
    ExportedRoom,
    ExportedScene,
    ExportedSource,
    RoomBox,
    TriangleMesh,
)
from scenes.export.folder import export_folder
from scenes.export.prepare import prepare_export
from scenes.export.targets import TARGETS, Target

__all__ = [
    "TARGETS",
    "ExportedListener",
    "ExportedRoom",
    "ExportedScene",
    "ExportedSource",
    "RoomBox",
    "Target",
    "TriangleMesh",
    "export_folder",
    "prepare_export",
]
