"""A project for Godot 3."""

from __future__ import annotations

from pathlib import Path

from scenes.export.exported import ExportedScene
from scenes.export.godot.dialect import GODOT_3
from scenes.export.godot.project import write_project


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a Godot 3 project into an empty folder."""
    write_project(GODOT_3, exported, folder)
