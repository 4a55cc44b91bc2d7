"""Divide the occupied voxels of one image among people, whose heads are known.

Each person's trunk, below the head, is a seed. A component that holds one seed belongs to that
person; one that holds several, as when neighbours touch, is divided by random walks from voxel to
voxel: whose trunk is most likely reached first owns it, so that the cut falls where bodies hardly
touch, and an arm or a bow goes to the body that it grows from. A loose piece without a seed belongs
to a person if it is small and near, or lies below the person's outline, or is large and all but
touches: legs that a music stand hides in part. The rest is furniture.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float64, Int32, Int64
from scipy.sparse import csc_matrix, csr_matrix, diags
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from capture.players.segment import Components, thickness_m

CLUTTER = -1
_DESK_M = 0.25
_LEAST_WEIGHT = 1e-4  # keeps what hangs together solvable, however far its points are apart
# One of each pair of opposite neighbours.
_STEPS = np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])


@dataclass(frozen=True, slots=True, kw_only=True)
class DivideConfig:
    """How far a person reaches.

    Attributes:
        trunk_radius_m: Voxels this near to the axis below a head, seen from above, are the trunk.
        trunk_m: The trunk ends this far below the head's top.
        contact_m: Neighbouring voxels whose points are much farther apart than this hardly touch.
        end_weight: How readily a walk ends before it reaches a trunk; points that touch weigh 1.
        near_m: It ends e times as likely at somebody who is nearer by this.
        join_m: A loose small piece within this of a person belongs to the person.
        small_m2: What is larger, by the area of its voxels, is not a small piece.
        touch_m: Such a larger piece belongs to a person if it is within this
        reach_m: and centred within this of the axis below the head, seen from above,
        flat_m: unless its top is as flat as a music stand's (standard deviation across).
        under_share: A loose piece of which this share lies below a person's outline is the
            person's.
    """

    trunk_radius_m: float = 0.2
    trunk_m: float = 0.7
    contact_m: float = 0.03
    end_weight: float = 0.001
    near_m: float = 0.2
    join_m: float = 0.25
    small_m2: float = 0.15
    touch_m: float = 0.15
    reach_m: float = 0.5
    flat_m: float = 0.012
    under_share: float = 0.5


def divide(
    image: Components,
    heads_m: Float64[np.ndarray, "people 3"],
    voxel_m: float,
    config: DivideConfig,
) -> Int32[np.ndarray, "voxels"]:
    """Label each voxel with a person.

    Args:
        image: Occupied voxels.
        heads_m: The middle of the top of each person's head.
        voxel_m: Side of a voxel.
        config: Reaches.

    Returns:
        For each voxel a row of `heads_m`, or `CLUTTER`.
    """
    labels = np.full(len(image.cells), CLUTTER, np.int32)
    if len(image.cells) == 0 or len(heads_m) == 0:
        return labels
    seeds = _seeds(image.cells, heads_m, voxel_m, config)
    for component in np.unique(image.labels[seeds >= 0]):
        rows = np.flatnonzero(image.labels == component)
        own = seeds[rows]
        people = np.unique(own[own >= 0])
        if len(people) == 1:
            labels[rows] = people[0]
        else:
            labels[rows] = _by_walks(
                image.cells[rows], image.centroids_m[rows], own, heads_m, config
            )
    _join_pieces(image, labels, heads_m, voxel_m, config)
    return labels


def _seeds(
    cells: Int64[np.ndarray, "voxels 3"],
    heads_m: Float64[np.ndarray, "people 3"],
    voxel_m: float,
    config: DivideConfig,
) -> Int32[np.ndarray, "voxels"]:
    """Return whose trunk each voxel is; −1 for nobody's."""
    middles = (cells + 0.5) * voxel_m
    across = np.linalg.norm(middles[:, None, :2] - heads_m[None, :, :2], axis=2)
    below = heads_m[None, :, 2] - middles[:, None, 2]
    across[(below < 0) | (below > config.trunk_m)] = np.inf
    nearest = across.argmin(axis=1).astype(np.int32)
    return np.where(across.min(axis=1) <= config.trunk_radius_m, nearest, np.int32(-1))


def _by_walks(
    cells: Int64[np.ndarray, "voxels 3"],
    centroids_m: Float64[np.ndarray, "voxels 3"],
    seeds: Int32[np.ndarray, "voxels"],
    heads_m: Float64[np.ndarray, "people 3"],
    config: DivideConfig,
) -> Int32[np.ndarray, "voxels"]:
    """Label connected voxels by the trunk that a random walk from them most likely reaches first.

    A walk stays on its side of a narrow bridge, such as a bow or a scroll that touches a neighbour,
    where the shorter way would lead across it. At every step it may end, more likely at somebody
    near, by the way to the trunk and the distance from the axis below the head: that settles the
    cut where bodies lean against each other broadly.

    Source: Grady 2005, "Multilabel random walker image segmentation using prior models": the
    probabilities solve the combined Dirichlet problem of the graph's Laplacian plus the priors.
    """
    starts, stops = _edges(cells)
    apart_m = np.linalg.norm(centroids_m[starts] - centroids_m[stops], axis=1)
    touch = np.exp(-((apart_m / config.contact_m) ** 2)) + _LEAST_WEIGHT
    graph = _symmetric(starts, stops, touch, len(cells))
    ways = _symmetric(starts, stops, apart_m, len(cells))
    free = np.flatnonzero(seeds < 0)
    people = np.unique(seeds[seeds >= 0])
    trunks = [np.flatnonzero(seeds == name) for name in people]
    ways_m = np.array([dijkstra(ways, indices=trunk, min_only=True)[free] for trunk in trunks])
    across_m = np.linalg.norm(centroids_m[None, free, :2] - heads_m[people, None, :2], axis=2)
    far_m = ways_m + across_m
    nearness = np.exp((far_m.min(axis=0) - far_m) / config.near_m)
    priors = config.end_weight * nearness / nearness.sum(axis=0)

    from_free = graph[free]
    leaving = np.asarray(from_free.sum(axis=1)).ravel() + config.end_weight
    system = csc_matrix(diags(leaving) - from_free[:, free])
    to_trunks = np.array([np.asarray(from_free[:, trunk].sum(axis=1)).ravel() for trunk in trunks])
    # The matrix is symmetric and has a dominant diagonal, so that no pivots need to be looked for.
    factors = splu(
        system,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    reached = factors.solve((to_trunks + priors).T)
    labels = seeds.copy()
    labels[free] = people[np.argmax(reached, axis=1)]
    return labels


def _symmetric(
    starts: Int64[np.ndarray, "edges"],
    stops: Int64[np.ndarray, "edges"],
    weights: Float64[np.ndarray, "edges"],
    size: int,
) -> csr_matrix:
    """Return the matrix of a graph whose edges lead both ways."""
    half = csr_matrix((weights, (starts, stops)), shape=(size, size))
    return csr_matrix(half + half.T)


def _edges(
    cells: Int64[np.ndarray, "voxels 3"],
) -> tuple[Int64[np.ndarray, "edges"], Int64[np.ndarray, "edges"]]:
    """Return the rows of each two voxels that share a face, an edge or a corner, once."""
    origin = cells.min(axis=0) - 1
    places = cells - origin
    row_at = np.full(places.max(axis=0) + 2, -1, dtype=np.int64)
    row_at[tuple(places.T)] = np.arange(len(cells))
    starts: list[np.ndarray] = []
    stops: list[np.ndarray] = []
    for step in _STEPS:
        neighbour = row_at[tuple((places + step).T)]
        there = np.flatnonzero(neighbour >= 0)
        starts.append(there)
        stops.append(neighbour[there])
    return np.concatenate(starts), np.concatenate(stops)


def _join_pieces(
    image: Components,
    labels: Int32[np.ndarray, "voxels"],
    heads_m: Float64[np.ndarray, "people 3"],
    voxel_m: float,
    config: DivideConfig,
) -> None:
    """Give loose pieces to whom they belong."""
    people = np.unique(labels[labels >= 0])
    unowned = np.flatnonzero(labels == CLUTTER)
    if len(people) == 0 or len(unowned) == 0:
        return
    outlines = _outlines(image.cells, labels, people)
    columns = image.cells[:, :2] - image.cells[:, :2].min(axis=0)
    taken = np.flatnonzero(labels >= 0)
    owner_of = labels[taken].copy()
    distances, nearest = KDTree(image.cells[taken]).query(image.cells[unowned])
    order = np.argsort(image.labels[unowned], kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(image.labels[unowned][order])) + 1)
    for piece in pieces:
        rows = unowned[piece]
        inside = outlines[(slice(None), *columns[rows].T)].mean(axis=1)
        if inside.max() >= config.under_share:
            labels[rows] = people[int(inside.argmax())]
            continue
        best = int(piece[distances[piece].argmin()])
        gap_m, owner = float(distances[best]) * voxel_m, int(owner_of[np.asarray(nearest)[best]])
        if len(rows) * voxel_m**2 <= config.small_m2:
            joined = gap_m <= config.join_m
        else:
            middle = (image.cells[rows, :2].mean(axis=0) + 0.5) * voxel_m
            joined = (
                gap_m <= config.touch_m
                and float(np.hypot(*(middle - heads_m[owner, :2]))) <= config.reach_m
                and not _is_flat(image.centroids_m[rows], config)
            )
        if joined:
            labels[rows] = owner


def _is_flat(points_m: Float64[np.ndarray, "points 3"], config: DivideConfig) -> bool:
    """Return whether the top is flat, as that of a music stand."""
    top = points_m[points_m[:, 2] > points_m[:, 2].max() - _DESK_M]
    return thickness_m(top) < config.flat_m


def _outlines(
    cells: Int64[np.ndarray, "voxels 3"],
    labels: Int32[np.ndarray, "voxels"],
    people: Int32[np.ndarray, "people"],
) -> Bool[np.ndarray, "people x y"]:
    """Return each person's outline seen from above, two voxels wider."""
    columns = cells[:, :2] - cells[:, :2].min(axis=0)
    outlines = np.zeros((len(people), *(columns.max(axis=0) + 1)), dtype=bool)
    for row, name in enumerate(people):
        outlines[(row, *columns[labels == name].T)] = True
        outlines[row] = scipy.ndimage.binary_dilation(outlines[row], iterations=2)
    return outlines
