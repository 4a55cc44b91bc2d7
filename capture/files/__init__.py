"""Files that people write and read: whole or not at all, and with errors that say where."""

from capture.files.atomic import atomic_folder, atomic_path
from capture.files.yaml_document import YamlDocument, read_yaml

__all__ = ["YamlDocument", "atomic_folder", "atomic_path", "read_yaml"]
