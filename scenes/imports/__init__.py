"""Scenes from other formats: one module a format (see `formats`).

Names are imported when they are first used, so that commands that only print their help start at
once.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from scenes.imports.formats import FORMATS, Format
    from scenes.imports.scene_import import import_scene

__all__ = ["FORMATS", "Format", "import_scene"]

_HOMES = {
    "FORMATS": "scenes.imports.formats",
    "Format": "scenes.imports.formats",
    "import_scene": "scenes.imports.scene_import",
}

__getattr__ = lazy(__name__, _HOMES)
