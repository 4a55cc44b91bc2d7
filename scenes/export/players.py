"""The clouds and the mesh of the player who is seen where a source is heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from capture.cloud_sequence import CloudSequence
from capture.performer import open_performer
from capture.point_cloud import PointCloud
from scenes.export.exported import TriangleMesh
from scenes.export.mesh import mesh_from_cloud
from scenes.source import Source

# A cloud is whole if it has at least this share of the points that clouds mostly have.
_WHOLE = 0.8
_LOOKED_AT = 15


def clouds_of(source: Source, folder: Path) -> CloudSequence | None:
    """Return the clouds of a source's performer, which go where the source goes.

    They stay where the camera saw them as long as the source stays where the performer was: where a
    source that stands still is put elsewhere, they are put there, too, and sway as they did.

    Raises:
        FileFormatError: The performer cannot be read.
    """
    if source.performer is None:
        return None
    path, clouds = open_performer(folder / source.performer)
    # A source that stands still is in the middle of where the performer was.
    middle = path.mean_position_m
    seen_m = path.positions_at(clouds.times_s) if source.moves else middle
    offsets_m = source.positions_at(clouds.times_s) - seen_m

    def read(index: int) -> PointCloud:
        cloud = clouds.at(index)
        return PointCloud(
            positions_m=cloud.positions_m + offsets_m[index].astype(np.float32),
            colors=cloud.colors,
        )

    return CloudSequence(times_s=clouds.times_s, read=read)


def mesh_of(source: Source, clouds: CloudSequence | None) -> TriangleMesh | None:
    """Return the player as triangles, relative to the source, from the first cloud that is whole.

    Returns:
        None where there is no cloud with points enough.
    """
    cloud = None if clouds is None else whole_cloud(clouds, source.path())
    return None if cloud is None else mesh_from_cloud(cloud)


def whole_cloud(
    clouds: CloudSequence,
    positions_at: Callable[[Float64[np.ndarray, "T"]], Float64[np.ndarray, "T 3"]],
) -> PointCloud | None:
    """Return the first cloud that is whole, relative to where its source is at that time.

    Args:
        clouds: The clouds of a source, world axes.
        positions_at: Where the source is at times.

    Returns:
        None where there are no clouds.
    """
    if len(clouds) == 0:
        return None
    some = np.unique(np.linspace(0, len(clouds) - 1, _LOOKED_AT).astype(np.int64))
    usual = float(np.median([len(clouds.at(int(index))) for index in some]))
    index = next(i for i in range(len(clouds)) if len(clouds.at(i)) >= _WHOLE * usual)
    cloud = clouds.at(index)
    place = positions_at(clouds.times_s[index : index + 1])[0]
    return PointCloud(positions_m=cloud.positions_m - place.astype(np.float32), colors=cloud.colors)
