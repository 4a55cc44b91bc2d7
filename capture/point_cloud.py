"""PointCloud: points in space with colors, and PLY files of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from capture.errors import DataError, FileFormatError
from capture.files.atomic import atomic_path
from capture.pose import Pose

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int64, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCloud:
    """Points, most often in the world frame.

    Attributes:
        positions_m: Shape (points, 3), float32.
        colors: Shape (points, 3), uint8 RGB, or None.
    """

    positions_m: Float32[np.ndarray, "points 3"]
    colors: UInt8[np.ndarray, "points 3"] | None = None

    def __post_init__(self) -> None:
        positions = np.asarray(self.positions_m, dtype=np.float32)
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise ValueError(f"positions_m must be (points, 3), got shape {positions.shape}.")
        object.__setattr__(self, "positions_m", positions)
        if self.colors is not None:
            colors = np.asarray(self.colors, dtype=np.uint8)
            if colors.shape != positions.shape:
                raise ValueError(
                    f"colors must match positions {positions.shape}, got shape {colors.shape}."
                )
            object.__setattr__(self, "colors", colors)

    def __len__(self) -> int:
        return len(self.positions_m)

    @property
    def centroid_m(self) -> Float64[np.ndarray, "3"]:
        """The mean of the points.

        Raises:
            ValueError: The cloud is empty.
        """
        if len(self) == 0:
            raise ValueError("an empty point cloud has no centroid.")
        return self.positions_m.mean(axis=0, dtype=np.float64)

    def select(self, keep: np.ndarray) -> PointCloud:
        """Return the points that a mask or an index array picks."""
        return PointCloud(
            positions_m=self.positions_m[keep],
            colors=None if self.colors is None else self.colors[keep],
        )

    def transformed(self, pose: Pose) -> PointCloud:
        """Return the cloud moved from the pose's frame to the world's."""
        return PointCloud(positions_m=pose.transform(self.positions_m), colors=self.colors)

    def thinned(self, voxel_m: float) -> PointCloud:
        """Return the cloud with at most one point (the first) in each cube of side `voxel_m`."""
        return self.select(self.thinned_rows(voxel_m))

    def thinned_rows(self, voxel_m: float) -> Int64[np.ndarray, "kept"]:
        """Return which points `thinned` keeps, in their order."""
        if voxel_m <= 0:
            raise ValueError(f"voxel_m must be positive, got {voxel_m}.")
        if len(self) == 0:
            return np.zeros(0, dtype=np.int64)
        cells = np.floor(self.positions_m / voxel_m).astype(np.int64)
        cells -= cells.min(axis=0)
        spans = cells.max(axis=0) + 1
        keys = (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
        return np.sort(np.unique(keys, return_index=True)[1])


def read_ply(path: str | os.PathLike[str]) -> PointCloud:
    """Read the vertices of a PLY file, with their colors where it has them.

    Positions are taken as metres in the file's own axes.

    Raises:
        FileFormatError: The file is missing or no PLY with vertices.
        DataError: A position is not finite.
    """
    import trimesh

    try:
        loaded: Any = trimesh.load(Path(path), file_type="ply", process=False)
        positions = np.asarray(loaded.vertices, dtype=np.float32).reshape(-1, 3)
    except Exception as error:  # trimesh raises whatever its parser meets
        raise FileFormatError(f"{path}: not readable as PLY ({error}).") from error
    if not np.isfinite(positions).all():
        raise DataError(f"{path}: a point is not finite. Export the cloud again without NaN.")
    colors = getattr(loaded, "colors", None)
    if colors is None or np.shape(colors)[0] != len(positions):
        visual = getattr(loaded, "visual", None)
        colors = getattr(visual, "vertex_colors", None)
    has_colors = colors is not None and np.shape(colors)[:1] == (len(positions),)
    return PointCloud(
        positions_m=positions,
        colors=np.asarray(colors, dtype=np.uint8)[:, :3] if has_colors else None,
    )


def write_ply(path: str | os.PathLike[str], cloud: PointCloud) -> None:
    """Write a binary little-endian PLY file.

    Raises:
        OutputError: The file cannot be written.
    """
    import trimesh

    points: Any = trimesh.PointCloud(cloud.positions_m, colors=cloud.colors)
    with atomic_path(path) as temporary:
        temporary.write_bytes(points.export(file_type="ply"))
