"""Colors of triangles as a picture, because not every viewer shows colors of vertices.

Each triangle has a small square of the picture to itself, and all its corners in the middle of it.
"""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import Float64
from PIL import Image

from scenes.export.exported import TriangleMesh

# Pixels of a square's side: smaller copies of the picture, for afar, keep colors apart that long.
_SIDE = 4


def texture_png(mesh: TriangleMesh) -> bytes:
    """Return the picture of a mesh's colors, as PNG."""
    count = len(mesh.faces)
    columns = _columns(count)
    squares = np.zeros((columns * columns, 3), dtype=np.uint8)
    squares[:count] = np.rint(mesh.colors[mesh.faces].mean(axis=1)).astype(np.uint8)
    image = squares.reshape(columns, columns, 3).repeat(_SIDE, axis=0).repeat(_SIDE, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def texture_coordinates(triangle_count: int) -> Float64[np.ndarray, "corners 2"]:
    """Return where the corners of all triangles are in the picture: right and up, from 0 to 1."""
    columns = _columns(triangle_count)
    row, column = np.divmod(np.arange(triangle_count), columns)
    places = np.stack([(column + 0.5) / columns, 1 - (row + 0.5) / columns], axis=1)
    return places.repeat(3, axis=0)


def _columns(triangle_count: int) -> int:
    return int(np.ceil(np.sqrt(triangle_count)))
