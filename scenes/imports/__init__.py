"""Scenes from other formats: one module a format (see `formats`)."""

from scenes.imports.formats import FORMATS, Format
from scenes.imports.scene_import import import_scene

__all__ = ["FORMATS", "Format", "import_scene"]
