"""A closed surface around the points of a player, for engines that show points badly.

A depth camera sees the front of things, so the points are a curtain without a back. Each point
fills a small ball; the surface lies around all of them, smoothed, so that gaps of a few centimetres
close. It makes players a few centimetres thicker than they are.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from capture.point_cloud import PointCloud
from scenes.export.exported import TriangleMesh

MOST_TRIANGLES = 5000

_FINEST_M = 0.02
_COARSEST_M = 0.5
_LEAST_POINTS = 20
_SMOOTHED_CELLS = 0.9
_SURFACE = 0.32
_LEAST_PART = 0.02
_COLOR_POINTS = 8
_GREY = 160

# Corners of a cell, and its edges as pairs of them.
_CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)])
_EDGES = np.array(
    [(a, b) for a in range(8) for b in range(a + 1, 8) if abs(_CORNERS[a] - _CORNERS[b]).sum() == 1]
)


def mesh_from_cloud(
    cloud: PointCloud, *, most_triangles: int = MOST_TRIANGLES
) -> TriangleMesh | None:
    """Return a closed, colored surface around points.

    Args:
        cloud: The points, in metres.
        most_triangles: The cells grow until there are no more.

    Returns:
        None where there are too few points.
    """
    if len(cloud) < _LEAST_POINTS:
        return None
    cell_m = _FINEST_M
    while cell_m < _COARSEST_M:
        vertices, faces = _surface(cloud.positions_m, cell_m)
        if 0 < len(faces) <= most_triangles:
            return TriangleMesh(
                vertices_m=vertices, faces=faces.astype(np.int32), colors=_colors(vertices, cloud)
            )
        # The number of triangles goes with the inverse square of the cell's side.
        cell_m *= max(1.05, float(np.sqrt(len(faces) / most_triangles)))
    return None


def _surface(
    points_m: Float32[np.ndarray, "P 3"], cell_m: float
) -> tuple[Float32[np.ndarray, "V 3"], Int64[np.ndarray, "F 3"]]:
    """Return where smoothed occupancy falls below a level."""
    import scipy.ndimage

    border = 4
    low = points_m.min(axis=0) - border * cell_m
    cells = np.floor((points_m - low) / cell_m).astype(np.int64)
    shape = tuple(int(size) for size in cells.max(axis=0) + border + 1)
    occupied = np.zeros(shape, dtype=np.float32)
    occupied[tuple(cells.T)] = 1.0
    field = scipy.ndimage.gaussian_filter(occupied, _SMOOTHED_CELLS)
    field[~_large_parts(field > _SURFACE)] = 0.0
    vertices, faces = surface_nets(field, _SURFACE)
    # A cell's value stands for its middle.
    return (low + (vertices + 0.5) * cell_m).astype(np.float32), faces


def _large_parts(inside: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Return the cells but those of small parts that hang on nothing, and what is around those."""
    import scipy.ndimage

    labels, _ = scipy.ndimage.label(inside, structure=np.ones((3, 3, 3), dtype=bool))  # pyright: ignore[reportGeneralTypeIssues]
    sizes = np.bincount(labels.ravel())
    sizes[0] = inside.size
    return (sizes >= _LEAST_PART * sizes[1:].max(initial=0))[labels]


def surface_nets(
    field: Float32[np.ndarray, "x y z"], level: float
) -> tuple[Float64[np.ndarray, "V 3"], Int64[np.ndarray, "F 3"]]:
    """Return the closed surface around where a field is above a level.

    Each cell of eight grid points that are not all on one side has a vertex: the mean of where its
    edges meet the surface. Each edge of the grid that meets it gives two triangles.

    Source: Gibson 1998, "Constrained elastic surface nets".

    Args:
        field: Values on a grid; below the level all along its border.
        level: Where the surface lies.

    Returns:
        Vertices in steps of the grid, and triangles, anticlockwise seen from where the field is
        below.
    """
    inside = field > level
    last = np.array(field.shape) - 1
    sums = np.zeros(last, dtype=np.int8)
    for corner in _CORNERS:
        sums += inside[tuple(map(slice, corner, corner + last))]
    mixed = (sums > 0) & (sums < 8)
    cells = np.argwhere(mixed)
    row = np.full(sums.shape, -1, dtype=np.int64)
    row[mixed] = np.arange(len(cells))
    return _vertices(field, level, cells), _faces(inside, row)


def _vertices(
    field: Float32[np.ndarray, "x y z"], level: float, cells: Int64[np.ndarray, "V 3"]
) -> Float64[np.ndarray, "V 3"]:
    values = np.stack(
        [field[tuple((cells + corner).T)] for corner in _CORNERS], axis=1, dtype=np.float64
    )
    first, second = values[:, _EDGES[:, 0]], values[:, _EDGES[:, 1]]
    crosses = (first > level) != (second > level)
    part = np.where(crosses, (level - first) / np.where(crosses, second - first, 1.0), 0.0)
    start, stop = _CORNERS[_EDGES[:, 0]], _CORNERS[_EDGES[:, 1]]
    meets = start + part[:, :, None] * (stop - start)
    meets *= crosses[:, :, None]
    return cells + meets.sum(axis=1) / crosses.sum(axis=1)[:, None]


def _faces(
    inside: Bool[np.ndarray, "x y z"], row: Int64[np.ndarray, "cx cy cz"]
) -> Int64[np.ndarray, "F 3"]:
    faces: list[Int64[np.ndarray, "F 3"]] = []
    for axis in range(3):
        along = np.moveaxis(inside, axis, 0)
        before, after = along[:-1], along[1:]
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for edges, leaves in ((before & ~after, True), (~before & after, False)):
            at = np.argwhere(np.moveaxis(edges, 0, axis))
            around = [at.copy() for _ in range(4)]  # anticlockwise about the axis
            for corner, (step_u, step_v) in zip(
                around, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True
            ):
                corner[:, u] -= 1 - step_u
                corner[:, v] -= 1 - step_v
            a, b, c, d = (row[tuple(corner.T)] for corner in around)
            quads = (a, b, c, d) if leaves else (a, d, c, b)
            faces += [np.stack(quads[:3], axis=1), np.stack((quads[0], *quads[2:]), axis=1)]
    return np.concatenate(faces)


def _colors(vertices: Float32[np.ndarray, "V 3"], cloud: PointCloud) -> UInt8[np.ndarray, "V 3"]:
    """Return the mean color of the nearest points; grey where points have none."""
    if cloud.colors is None:
        return np.full(vertices.shape, _GREY, dtype=np.uint8)
    from scipy.spatial import KDTree

    _, nearest = KDTree(cloud.positions_m).query(vertices, k=min(_COLOR_POINTS, len(cloud)))
    return np.rint(cloud.colors[nearest].mean(axis=1)).astype(np.uint8)
