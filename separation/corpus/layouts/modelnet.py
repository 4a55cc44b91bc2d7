"""ModelNet40: triangle meshes in OFF files, for pretraining the point-cloud network.

    ModelNet40/chair/train/chair_0001.off

Some files have their counts on the line of the word OFF ("OFF490 518 0"), which readers of the
format refuse; this one reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from capture.errors import DataError, FileFormatError


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One mesh of the data set.

    Attributes:
        path: The OFF file.
        category: What it is, such as "chair".
        split: "train" or "test", as the data set has it.
    """

    path: Path
    category: str
    split: str

    def points(self, count: int, rng: np.random.Generator) -> Float32[np.ndarray, "count 3"]:
        """Return points drawn evenly from the surface, centred, the longest half side 1.

        Raises:
            FileFormatError: The file is broken.
        """
        vertices, faces = read_off(self.path)
        corners = vertices[faces]
        edges = corners[:, 1:] - corners[:, :1]
        areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
        if not areas.sum() > 0:
            raise FileFormatError(f"{self.path}: the mesh has no surface.")
        chosen = rng.choice(len(faces), count, p=areas / areas.sum())
        along = rng.random((count, 2))
        along = np.where(along.sum(axis=1, keepdims=True) > 1, 1 - along, along)
        points = corners[chosen, 0] + np.einsum("ne,ned->nd", along, edges[chosen])
        low, high = vertices[faces].min(axis=(0, 1)), vertices[faces].max(axis=(0, 1))
        return ((points - (low + high) / 2) / ((high - low).max() / 2)).astype(np.float32)


def modelnet_shapes(folder: str | Path) -> list[Shape]:
    """Return the meshes of a folder, sorted by category.

    Raises:
        DataError: There is none.
    """
    shapes = [
        Shape(path=path, category=path.parent.parent.name, split=path.parent.name)
        for path in sorted(Path(folder).glob("*/*/*.off"))
        if path.parent.name in ("train", "test")
    ]
    if not shapes:
        raise DataError(f"{folder} holds no CATEGORY/train/NAME.off: give ModelNet40's folder.")
    return shapes


def read_off(
    path: str | Path,
) -> tuple[Float64[np.ndarray, "vertices 3"], Int64[np.ndarray, "faces 3"]]:
    """Read a mesh of triangles; polygons are cut into fans.

    Raises:
        FileFormatError: The file is broken or cut short.
    """
    try:
        words = Path(path).read_text(encoding="ascii").split()
        if not words or not words[0].startswith("OFF"):
            raise ValueError("it does not begin with OFF")
        rest = words[0].removeprefix("OFF")
        numbers = ([rest] if rest else []) + words[1:]
        vertex_count, face_count = int(numbers[0]), int(numbers[1])
        start = 3
        stop = start + 3 * vertex_count
        vertices = np.array(numbers[start:stop], dtype=np.float64).reshape(vertex_count, 3)
        faces: list[tuple[int, int, int]] = []
        for _ in range(face_count):
            sides = int(numbers[stop])
            corners = [int(word) for word in numbers[stop + 1 : stop + 1 + sides]]
            if len(corners) < sides:
                raise ValueError("it is cut short")
            faces += [(corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)]
            stop += 1 + sides
        triangles = np.array(faces, dtype=np.int64).reshape(-1, 3)
        if triangles.size and not 0 <= triangles.min() <= triangles.max() < vertex_count:
            raise ValueError("a face names a vertex that is not there")
        if not np.isfinite(vertices).all():
            raise ValueError("a coordinate is not finite")
    except (OSError, ValueError, IndexError) as error:
        raise FileFormatError(f"{path}: not a readable OFF mesh ({error}).") from error
    return vertices, triangles
