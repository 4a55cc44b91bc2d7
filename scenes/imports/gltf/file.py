"""Read glTF files (.glb, .gltf): the document, its buffers, and how nodes move.

Source: glTF 2.0 specification, 3.6 (buffers, accessors), 3.11 (animations), appendix C
(interpolation).
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from capture.errors import FileFormatError
from scenes.export.gltf.glb import BINARY_CHUNK, COMPONENT_TYPES, JSON_CHUNK, MAGIC, WIDTHS
from scenes.imports.media import file_inside


class GltfFile:
    """A glTF document with its buffers, read as they are asked for.

    What is broken raises FileFormatError, also where it is only found later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FileFormatError(f"{path}: cannot be read ({error.strerror}).") from error
        text, self._binary = _chunks(path, data)
        try:
            document = json.loads(text)
            version = document["asset"]["version"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise FileFormatError(f"{path}: no glTF inside ({error}).") from error
        if not str(version).startswith("2."):
            raise FileFormatError(f"{path}: is glTF {version}; glTF 2.0 is needed.")
        self.document: dict[str, Any] = document
        self._buffers: dict[int, bytes] = {}

    def things(self, kind: str) -> list[dict[str, Any]]:
        """Return one of the document's lists ("nodes", …); empty where there is none."""
        return _list(self.document.get(kind))

    def extension(self, name: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return an extension of an object (of the document); empty where there is none."""
        extensions = (self.document if owner is None else owner).get("extensions")
        found = extensions.get(name) if isinstance(extensions, dict) else None
        return found if isinstance(found, dict) else {}

    def thing(self, kind: str, index: Any) -> dict[str, Any]:
        """Return an object of one of the document's lists."""
        return self.item(self.things(kind), index, kind)

    def item(self, things: list[dict[str, Any]], index: Any, what: str) -> dict[str, Any]:
        """Return an object of a list that another object names by its index."""
        if not isinstance(index, int) or not 0 <= index < len(things):
            raise self.broken(f"{what}[{index!r}] is asked for, and there are {len(things)}")
        return things[index]

    def broken(self, reason: str) -> FileFormatError:
        """Return the error for something that is wrong in the file."""
        return FileFormatError(f"{self.path}: {reason}. Export the file again.")

    def uri_bytes(self, uri: str) -> bytes:
        """Return the data of a data: URI, or of a file beside this one."""
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(",")[2], validate=True)
            except binascii.Error as error:
                raise self.broken(f"a data URI is broken ({error})") from error
        return file_inside(self.path.parent, uri, named_by=self.path).read_bytes()

    def view_bytes(self, index: Any) -> bytes:
        """Return the data of a bufferView."""
        view = self.thing("bufferViews", index)
        data = self._buffer(view.get("buffer"))
        start, length = view.get("byteOffset", 0), view.get("byteLength")
        if not (isinstance(start, int) and isinstance(length, int) and start >= 0 <= length):
            raise self.broken(f"bufferViews[{index}] has no place in its buffer")
        if start + length > len(data):
            raise self.broken(f"bufferViews[{index}] ends after its buffer")
        return data[start : start + length]

    def values(self, index: Any) -> Float64[np.ndarray, "count width"]:
        """Return the values of an accessor, normalised integers as fractions."""
        accessor = self.thing("accessors", index)
        try:
            dtype = np.dtype(COMPONENT_TYPES[accessor["componentType"]])
            width, count = WIDTHS[accessor["type"]], int(accessor["count"])
        except (KeyError, TypeError, ValueError) as error:
            raise self.broken(f"accessors[{index}] is of no known kind ({error})") from error
        if "sparse" in accessor or "bufferView" not in accessor:
            raise self.broken(f"accessors[{index}] is sparse, which is not read")
        view = self.thing("bufferViews", accessor["bufferView"])
        data = self.view_bytes(accessor["bufferView"])
        size = dtype.itemsize * width
        stride = view.get("byteStride", size)
        start = accessor.get("byteOffset", 0)
        needed = start + stride * (count - 1) + size
        if count < 1 or stride < size or start < 0 or needed > len(data):
            raise self.broken(f"accessors[{index}] does not fit into its bufferView")
        table = np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))
        values = table.astype(np.float64)
        if accessor.get("normalized") and dtype.kind != "f":
            values = np.maximum(values / np.iinfo(str(dtype)).max, -1.0)
        if not np.isfinite(values).all():
            raise self.broken(f"accessors[{index}] holds a value that is not finite")
        return values

    def _buffer(self, index: Any) -> bytes:
        buffer = self.thing("buffers", index)
        if index not in self._buffers:
            uri = buffer.get("uri")
            if uri is not None:
                self._buffers[index] = self.uri_bytes(str(uri))
            elif index == 0 and self._binary is not None:
                self._buffers[index] = self._binary
            else:
                raise self.broken(f"buffers[{index}] has no data")
        return self._buffers[index]


def _chunks(path: Path, data: bytes) -> tuple[bytes, bytes | None]:
    """Return the JSON and the buffer of a GLB; a .gltf is all JSON."""
    if len(data) < 12 or struct.unpack_from("<I", data)[0] != MAGIC:
        return data, None
    _, version, length = struct.unpack_from("<III", data)
    if version != 2 or length > len(data):
        raise FileFormatError(
            f"{path}: a GLB of version {version} and {length} bytes, of which {len(data)} are "
            "there. Export or copy the file again."
        )
    found: dict[int, bytes] = {}
    place = 12
    while place + 8 <= length:
        size, kind = struct.unpack_from("<II", data, place)
        if place + 8 + size > length:
            raise FileFormatError(f"{path}: a chunk ends after the file. Export the file again.")
        found.setdefault(kind, data[place + 8 : place + 8 + size])
        place += 8 + size
    return found.get(JSON_CHUNK, b""), found.get(BINARY_CHUNK)


def _list(value: Any) -> list[dict[str, Any]]:
    return (
        [item if isinstance(item, dict) else {} for item in value]
        if isinstance(value, list)
        else []
    )
