"""Files of point clouds: PLY, PCD and NPZ, told apart by their suffix."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from capture.errors import DataError, FileFormatError
from capture.point_cloud import PointCloud, read_ply
from capture.take.pcd import read_pcd

_POSITION_NAMES = ("positions_m", "points", "xyz", "positions", "vertices")
_COLOR_NAMES = ("colors", "rgb", "color")


def read_cloud(path: str | os.PathLike[str]) -> PointCloud:
    """Read a point cloud.

    Raises:
        FileFormatError: The file is missing, broken or of another kind.
        DataError: A position is not finite.
    """
    reader = CLOUD_READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise FileFormatError(f"{path}: is no point cloud: give {', '.join(CLOUD_READERS)}.")
    return reader(path)


def read_npz(path: str | os.PathLike[str]) -> PointCloud:
    """Read an NPZ file with an array of positions, and one of colors where there is one.

    Positions are called positions_m, points, xyz, positions or vertices; colors are called colors,
    rgb or color, as bytes or from 0 to 1. An image of points, shape (rows, columns, 3), is taken as
    a list, without the points that are (0, 0, 0): nothing was measured there.

    Raises:
        FileFormatError: The file is missing, no NPZ, or holds no positions.
        DataError: A position is not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            positions_name = next((name for name in _POSITION_NAMES if name in arrays), None)
            colors_name = next((name for name in _COLOR_NAMES if name in arrays), None)
            if positions_name is None:
                raise ValueError(f"it holds none of {', '.join(_POSITION_NAMES)}")
            positions = np.asarray(arrays[positions_name], dtype=np.float32)
            colors = None if colors_name is None else np.asarray(arrays[colors_name])
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path}: not readable as a point cloud ({error}).") from error
    if positions.ndim < 2 or positions.shape[-1] != 3:
        raise FileFormatError(
            f"{path}: {positions_name} has shape {positions.shape}, not (points, 3)."
        )
    if colors is not None and colors.shape != positions.shape:
        raise FileFormatError(
            f"{path}: {colors_name} has shape {colors.shape}, {positions_name} {positions.shape}."
        )
    if not np.isfinite(positions).all():
        raise DataError(f"{path}: a point is not finite. Export the cloud again without NaN.")
    if colors is not None and np.issubdtype(colors.dtype, np.floating):
        colors = np.clip(np.rint(colors * 255), 0, 255)
    measured = slice(None) if positions.ndim == 2 else positions.any(axis=-1)
    return PointCloud(
        positions_m=positions[measured].reshape(-1, 3),
        colors=None if colors is None else colors[measured].reshape(-1, 3).astype(np.uint8),
    )


CLOUD_READERS: dict[str, Callable[[str | os.PathLike[str]], PointCloud]] = {
    ".ply": read_ply,
    ".pcd": read_pcd,
    ".npz": read_npz,
}
"""What reads a file, by its suffix."""
