"""GLB files: a JSON document and one buffer, put together or taken apart.

Source: glTF 2.0 specification, 3.6 (binary data storage) and 4 (GLB file format).
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from capture.errors import OutputError

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
COMPONENT_TYPES = {
    5120: np.dtype("<i1"),
    5121: np.dtype("<u1"),
    5122: np.dtype("<i2"),
    UNSIGNED_SHORT: np.dtype("<u2"),
    UNSIGNED_INT: np.dtype("<u4"),
    FLOAT: np.dtype("<f4"),
}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_VERTICES, _INDICES = 34962, 34963
_LARGEST_BYTES = 2**32 - 1


class GlbFile:
    """A document of glTF while it is put together: lists of objects, and the buffer."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, kind: str, thing: dict[str, Any]) -> int:
        """Add an object to one of the document's lists ("nodes", …); return its index."""
        things: list[dict[str, Any]] = self.document.setdefault(kind, [])
        things.append(thing)
        return len(things) - 1

    def add_bytes(self, data: bytes, **view: Any) -> int:
        """Add data to the buffer; return the index of its bufferView."""
        index = self.add(
            "bufferViews",
            {"buffer": 0, "byteOffset": self._length, "byteLength": len(data), **view},
        )
        padded = data + bytes(-len(data) % 4)
        self._parts.append(padded)
        self._length += len(padded)
        return index

    def add_vertices(
        self, values: Shaped[np.ndarray, "V width"], *, bounds: bool = False, **accessor: Any
    ) -> int:
        """Add an attribute of vertices; return the index of its accessor."""
        return self._accessor(values, bounds, accessor, target=_VERTICES)

    def add_indices(self, values: Shaped[np.ndarray, "C"]) -> int:
        """Add the corners of triangles; return the index of the accessor."""
        return self._accessor(values, False, {}, target=_INDICES)

    def add_keys(self, values: Shaped[np.ndarray, "..."], *, bounds: bool = False) -> int:
        """Add times or values of an animation; return the index of the accessor."""
        return self._accessor(values, bounds, {})

    def _accessor(
        self, values: Shaped[np.ndarray, "..."], bounds: bool, more: dict[str, Any], **view: Any
    ) -> int:
        table = np.ascontiguousarray(values).reshape(len(values), -1)
        kind = next(key for key, dtype in COMPONENT_TYPES.items() if dtype == table.dtype)
        accessor = {
            "bufferView": self.add_bytes(table.tobytes(), **view),
            "componentType": kind,
            "count": len(table),
            "type": _KINDS[table.shape[1]],
            **more,
        }
        if bounds:
            accessor |= {"min": table.min(axis=0).tolist(), "max": table.max(axis=0).tolist()}
        return self.add("accessors", accessor)

    def write(self, path: Path) -> None:
        """Write the file.

        Raises:
            OutputError: It would be larger than a GLB can be (4 GiB).
            OSError: It cannot be written.
        """
        if self._length:
            self.document["buffers"] = [{"byteLength": self._length}]
        text = json.dumps(
            self.document, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode("utf-8")
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + (8 + self._length if self._length else 0)
        if length > _LARGEST_BYTES:
            raise OutputError(
                f"a GLB holds at most 4 GiB, and this scene needs {length / 2**30:.1f} GiB. "
                "Export fewer sources or a shorter scene, or another target."
            )
        with path.open("wb") as file:
            file.write(struct.pack("<III", MAGIC, 2, length))
            file.write(struct.pack("<II", len(text), JSON_CHUNK) + text)
            if self._length:
                file.write(struct.pack("<II", self._length, BINARY_CHUNK))
                file.writelines(self._parts)
