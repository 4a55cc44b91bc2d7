"""Files that people write and read: whole or not at all, and with errors that say where.

Names are imported when they are first used: training writes files, and needs no YAML.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from capture.files.atomic import atomic_folder, atomic_path
    from capture.files.yaml_document import YamlDocument, read_yaml

__all__ = ["YamlDocument", "atomic_folder", "atomic_path", "read_yaml"]

_HOMES = {
    "YamlDocument": "capture.files.yaml_document",
    "atomic_folder": "capture.files.atomic",
    "atomic_path": "capture.files.atomic",
    "read_yaml": "capture.files.yaml_document",
}

__getattr__ = lazy(__name__, _HOMES)
