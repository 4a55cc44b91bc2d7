"""A project for Godot 4."""

from __future__ import annotations

from pathlib import Path

from scenes.export.exported import ExportedScene
from scenes.export.godot.dialect import GODOT_4
from scenes.export.godot.project import write_project


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a Godot 4 project into an empty folder."""
    write_project(GODOT_4, exported, folder)
