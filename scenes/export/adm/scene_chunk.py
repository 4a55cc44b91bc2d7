"""The scene inside a BW64 file: JSON in a chunk of our own.

It names the SHA-256 of the ADM metadata that it belongs to. A program that edits the metadata and
keeps chunks that it doesn't know leaves a chunk that no longer fits: then the metadata counts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from capture.errors import FileFormatError
from scenes.export.adm.bw64 import Bw64
from scenes.export.exported import ExportedScene
from scenes.migrations import migrated
from scenes.scene import Scene

CHUNK = b"aurl"
_FORMAT = "auralize-adm-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedScene:
    """What the chunk holds.

    Attributes:
        scene: The scene, with the names that its files had; source i is channel i + 1.
        names: An identifier for each source.
        gain_db: What the samples were turned down by.
    """

    scene: Scene
    names: tuple[str, ...]
    gain_db: float


def scene_chunk(exported: ExportedScene, *, axml: bytes, gain_db: float) -> bytes:
    """Return the content of the chunk."""
    document = {
        "format": _FORMAT,
        "axml_sha256": hashlib.sha256(axml).hexdigest(),
        "gain_db": gain_db,
        "names": [source.identifier for source in exported.sources],
        "scene": exported.described.model_dump(mode="json"),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def carried_scene(file: Bw64) -> CarriedScene | None:
    """Return the scene that a file carries; None if there is none that fits its metadata."""
    try:
        document: Any = json.loads(file.chunks[CHUNK])
        if document["format"] != _FORMAT:
            return None
        if document["axml_sha256"] != hashlib.sha256(file.chunks[b"axml"]).hexdigest():
            return None
        carried = CarriedScene(
            scene=Scene.model_validate(migrated(document["scene"])),
            names=tuple(_file_name(name) for name in document["names"]),
            gain_db=float(document["gain_db"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError, FileFormatError):
        return None
    count = len(carried.scene.sources)
    return carried if count == file.channel_count == len(set(carried.names)) else None


def _file_name(name: str) -> str:
    """Return a name that is surely one of our identifiers, and no way out of the folder."""
    if not (name.isascii() and name.replace("_", "a").isalnum()):
        raise ValueError(name)
    return name
