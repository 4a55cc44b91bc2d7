"""Follow players through the images of a take, by passing each voxel's label on.

In the image where most players stand apart, each person-sized component starts a player; whatever
else is there (music stands, empty chairs) is clutter. From there labels travel to the images
before and after: a component that touches what one player occupied last is that player; one that
touches several, as when neighbours meet or a bow meets a stand, is divided voxel by voxel to the
nearest of them. So players stay who they are while they touch, and while they are hidden for a
short time. Somebody who walks in later becomes a player when no label is near.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.ndimage
import scipy.spatial
from jaxtyping import Float64, Int32, Int64

from capture.segment import Components

CLUTTER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """What a player is, and how far labels reach.

    Attributes:
        least_area_m2: A player's occupied voxels, seen from one side, cover at least this.
        most_extent_m: What is wider than this, seen from above, is furniture.
    least_top_m: A player reaches at least this high.
        least_extent_m: A player measures at least this from lowest to highest voxel.
        least_depth_m: A player is at least this thick (standard deviation across, from above); what
        is thinner is a piece of wall or a curtain.
    head_gap_m: Two upright bodies in one component stand at least this far apart.
        touch_m: A component within this of what a player occupied last touches the player.
        join_m: A loose piece within this of a player belongs to the player.
    under_share: So does a loose piece that, seen from above, lies by this share within a
        player: legs that a music stand hides in part.
        forget_s: A player who was not seen for this long is gone.
        least_share: A player is there in at least this share of the images.
    """

    least_area_m2: float = 0.55
    most_extent_m: float = 3.5
    least_top_m: float = 0.9
    least_extent_m: float = 0.6
    least_depth_m: float = 0.04
    head_gap_m: float = 0.5
    touch_m: float = 0.12
    join_m: float = 0.15
    under_share: float = 0.5
    forget_s: float = 3.0
    least_share: float = 0.3


@dataclass(slots=True)
class _Thing:
    """What a label occupied last: a player (label ≥ 0) or clutter."""

    cells: Int64[np.ndarray, "voxels 3"]
    seen_s: float


@dataclass(slots=True)
class _State:
    """What has been seen up to one image, going one way through time."""

    players: dict[int, _Thing] = field(default_factory=dict[int, "_Thing"])
    clutter: Int64[np.ndarray, "voxels 3"] = field(
        default_factory=lambda: np.zeros((0, 3), np.int64)
    )


def follow(
    images: Sequence[Components],
    times_s: Float64[np.ndarray, "images"],
    voxel_m: float,
    config: FollowConfig,
) -> list[Int32[np.ndarray, "voxels"]]:
    """Label the voxels of every image.

    Args:
        images: Components of each image, in the order of time.
        times_s: When they were seen.
        voxel_m: Side of a voxel.
        config: Sizes and reaches.

    Returns:
        One array an image: the player of each voxel, 0 … players − 1, or `CLUTTER`. Players are
        numbered in the order in which they were found; those seen too rarely are clutter.
    """
    if not images:
        return []
    starts = [_bodies(image, voxel_m, config) for image in images]
    counts = np.array([len(bodies) for bodies in starts])
    # Many players, and in the middle of the take rather than at its ends, where people sit down.
    middle = np.abs(np.arange(len(images)) - len(images) / 2) / len(images)
    first = int(np.argmax(counts - middle))
    labels: list[Int32[np.ndarray, "voxels"]] = [
        np.full(len(image.cells), CLUTTER, np.int32) for image in images
    ]
    names = _Names()
    here = _State()
    for body in starts[first]:
        labels[first][body] = names.new()
    _join_under(images[first], labels[first], config)
    _remember(here, images[first], labels[first], float(times_s[first]))
    forward = _State(players=dict(here.players), clutter=here.clutter)
    for index in range(first + 1, len(images)):
        labels[index] = _pass_on(
            forward, images[index], starts[index], float(times_s[index]), voxel_m, config, names
        )
    backward = _State(players=dict(here.players), clutter=here.clutter)
    for index in range(first - 1, -1, -1):
        labels[index] = _pass_on(
            backward, images[index], starts[index], float(times_s[index]), voxel_m, config, names
        )
    return _without_rare(labels, len(names), config)


class _Names:
    """Hands out labels."""

    def __init__(self) -> None:
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def new(self) -> int:
        self._count += 1
        return self._count - 1


def _bodies(
    image: Components, voxel_m: float, config: FollowConfig
) -> list[Int64[np.ndarray, "rows"]]:
    """Return the rows of each person-sized body of an image; a component may hold several."""
    bodies: list[Int64[np.ndarray, "rows"]] = []
    for component in range(image.count):
        rows = np.flatnonzero(image.labels == component)
        if not _is_person(image.cells[rows], voxel_m, config):
            continue
        parts = _upright_parts(image.cells[rows], voxel_m, config)
        people = [part for part in parts if _is_person(image.cells[rows[part]], voxel_m, config)]
        if len(people) < 2:
            bodies.append(rows)
        else:
            bodies.extend(rows[part] for part in people)
    return bodies


def _is_person(cells: Int64[np.ndarray, "voxels 3"], voxel_m: float, config: FollowConfig) -> bool:
    if len(cells) * voxel_m**2 < config.least_area_m2:
        return False
    low, high = np.percentile(cells[:, 2], [1, 99]) * voxel_m
    if high < config.least_top_m or high - low < config.least_extent_m:
        return False
    across = (cells[:, :2] - cells[:, :2].mean(axis=0)) * voxel_m
    depth = np.sqrt(max(0.0, float(np.linalg.eigvalsh(across.T @ across / len(cells))[0])))
    wide = np.ptp(np.percentile(across, [2, 98], axis=0), axis=0).max()
    return bool(depth >= config.least_depth_m and wide < config.most_extent_m)


def _upright_parts(
    cells: Int64[np.ndarray, "voxels 3"], voxel_m: float, config: FollowConfig
) -> list[Int64[np.ndarray, "rows"]]:
    """Divide a component among the upright bodies in it, seen from above.

    Each column of voxels weighs as much as it is filled above the seat; a body is a peak of that
    weight, smoothed to the width of a trunk, and gets the columns that are nearest to it.
    """
    upper = cells[cells[:, 2] * voxel_m > 0.4]
    if len(upper) == 0:
        return [np.arange(len(cells))]
    origin = cells[:, :2].min(axis=0)
    shape = cells[:, :2].max(axis=0) - origin + 1
    weight = np.zeros(shape)
    np.add.at(weight, tuple((upper[:, :2] - origin).T), 1.0)
    smooth = scipy.ndimage.gaussian_filter(weight, 0.13 / voxel_m, mode="constant")
    size = 2 * round(config.head_gap_m / voxel_m) + 1
    peaks = np.argwhere(
        (smooth == scipy.ndimage.maximum_filter(smooth, size)) & (smooth > 0.5 * smooth.max())
    )
    if len(peaks) < 2:
        return [np.arange(len(cells))]
    nearest = scipy.spatial.KDTree(peaks).query(cells[:, :2] - origin)[1]
    return [np.flatnonzero(nearest == peak) for peak in range(len(peaks))]


def _pass_on(
    state: _State,
    image: Components,
    bodies: Sequence[Int64[np.ndarray, "rows"]],
    time_s: float,
    voxel_m: float,
    config: FollowConfig,
    names: _Names,
) -> Int32[np.ndarray, "voxels"]:
    """Label an image from what was seen before, and remember it."""
    _forget(state, time_s, config)
    owners = sorted(state.players)
    distances = _distances(state, owners, image, voxel_m)
    labels = _inherited(image, owners, distances, config)
    for body in bodies:
        # Somebody new: a body of which next to nothing was claimed, where no clutter stood.
        fresh = labels[body] == CLUTTER
        fresh &= distances[-1][body] >= config.touch_m
        if fresh.mean() > 0.8:
            labels[body] = names.new()
    _join_under(image, labels, config)
    _remember(state, image, labels, time_s)
    return labels


def _forget(state: _State, time_s: float, config: FollowConfig) -> None:
    """Drop players who were not seen for long."""
    state.players = {
        name: thing
        for name, thing in state.players.items()
        if abs(time_s - thing.seen_s) <= config.forget_s
    }


def _distances(
    state: _State, owners: Sequence[int], image: Components, voxel_m: float
) -> Float64[np.ndarray, "owners_and_clutter voxels"]:
    """Return how far each voxel is from what each player, and last the clutter, occupied."""
    known = [*(state.players[name].cells for name in owners), state.clutter]
    distances = np.full((len(known), len(image.cells)), np.inf)
    for row, cells in enumerate(known):
        if len(cells) and len(image.cells):
            distances[row] = scipy.spatial.KDTree(cells).query(image.cells)[0] * voxel_m
    return distances


def _inherited(
    image: Components,
    owners: Sequence[int],
    distances: Float64[np.ndarray, "owners_and_clutter voxels"],
    config: FollowConfig,
) -> Int32[np.ndarray, "voxels"]:
    """Label each component by what it touches."""
    labels = np.full(len(image.cells), CLUTTER, np.int32)
    if len(image.cells) == 0:
        return labels
    name_of = np.array([*owners, CLUTTER], dtype=np.int32)
    touch = distances < config.touch_m
    for component in range(image.count):
        rows = np.flatnonzero(image.labels == component)
        # A touch of a voxel or two is a bow's tip, not a body.
        touched = np.flatnonzero(touch[:, rows].sum(axis=1) >= max(2, 0.02 * len(rows)))
        if len(touched) == 0:
            row, place = np.unravel_index(distances[:, rows].argmin(), (len(name_of), len(rows)))
            if distances[row, rows[place]] < config.join_m:
                labels[rows] = name_of[row]
        else:
            labels[rows] = name_of[touched[distances[np.ix_(touched, rows)].argmin(axis=0)]]
    return labels


def _join_under(
    image: Components, labels: Int32[np.ndarray, "voxels"], config: FollowConfig
) -> None:
    """Give loose pieces to the player in whose outline, seen from above, they lie."""
    if not np.any(labels >= 0):
        return
    columns = image.cells[:, :2] - image.cells[:, :2].min(axis=0)
    outlines = np.zeros((int(labels.max()) + 1, *(columns.max(axis=0) + 1)), dtype=bool)
    for name in np.unique(labels[labels >= 0]):
        outlines[(name, *columns[labels == name].T)] = True
        outlines[name] = scipy.ndimage.binary_dilation(outlines[name], iterations=2)
    for component in np.unique(image.labels[labels == CLUTTER]):
        rows = np.flatnonzero((image.labels == component) & (labels == CLUTTER))
        inside = outlines[(slice(None), *columns[rows].T)].mean(axis=1)
        if inside.max() >= config.under_share:
            labels[rows] = int(inside.argmax())


def _remember(
    state: _State, image: Components, labels: Int32[np.ndarray, "voxels"], time_s: float
) -> None:
    for name in np.unique(labels[labels >= 0]):
        state.players[int(name)] = _Thing(cells=image.cells[labels == name], seen_s=time_s)
    state.clutter = image.cells[labels == CLUTTER]


def _without_rare(
    labels: list[Int32[np.ndarray, "voxels"]], count: int, config: FollowConfig
) -> list[Int32[np.ndarray, "voxels"]]:
    """Make players who are seldom seen clutter, and number the others without gaps."""
    seen = np.zeros(count)
    for image in labels:
        present = np.unique(image[image >= 0])
        seen[present] += 1
    kept = seen >= max(1.0, config.least_share * len(labels))
    number = np.append(np.where(kept, np.cumsum(kept) - 1, CLUTTER), CLUTTER).astype(np.int32)
    return [number[image] for image in labels]  # the last one is for CLUTTER
