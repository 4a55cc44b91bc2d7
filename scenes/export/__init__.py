"""Scenes for engines, players and tools: one module or folder a target (see `targets`).

Names are imported when they are first used, so that commands that only print their help start at
once.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
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

_HOMES = {
    "ExportedListener": "scenes.export.exported",
    "ExportedRoom": "scenes.export.exported",
    "ExportedScene": "scenes.export.exported",
    "ExportedSource": "scenes.export.exported",
    "RoomBox": "scenes.export.exported",
    "TARGETS": "scenes.export.targets",
    "Target": "scenes.export.targets",
    "TriangleMesh": "scenes.export.exported",
    "export_folder": "scenes.export.folder",
    "prepare_export": "scenes.export.prepare",
}

__getattr__ = lazy(__name__, _HOMES)
