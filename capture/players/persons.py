"""Tell people from things.

A person has a head above a trunk, is of a person's size, and moves, if only by breathing. Desks of
music stands that stand close together have corners that look like heads, but much is beside them,
and they stand still: the points in each voxel keep their mean to a millimetre or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from capture.players.divide import DivideConfig, divide
from capture.players.head_paths import HeadPath, LinkConfig, people_at
from capture.players.heads import HeadConfig, find_heads
from capture.players.segment import Components
from capture.players.view import View, Views

_CHECKED_IMAGES = 8
_STILL_IMAGES = 24
_FEWEST_STILL_IMAGES = 5
_STILL_POINTS = 6
_STILL_SHARE = 0.6
_UPPER_M = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonConfig:
    """What a person is.

    Attributes:
        head: What a head is.
        least_area_m2: A person's voxels cover at least this; a music stand covers less.
        least_extent_m: From lowest to highest voxel.
        least_depth_m: A person is at least this thick (standard deviation across, from above); what
            is thinner is a piece of wall or a curtain.
        headless_area_m2: What has no head is somebody only if its voxels cover this,
        headless_top_m: it reaches this high,
        headless_width_m: it is at most this wide,
        edge: and its top or its side is this near to the edge of the view (in directions).
        busy_m2: A head beside which this much is (half width `busy_m`, without the head's own box)
            is one only if it moves:
        still_m: the mean of the points in a voxel has a larger standard deviation over time.
        busy_m: Half width of what is beside.
    """

    head: HeadConfig = field(default_factory=HeadConfig)
    least_area_m2: float = 0.3
    least_extent_m: float = 0.5
    least_depth_m: float = 0.04
    headless_area_m2: float = 0.55
    headless_top_m: float = 1.2
    headless_width_m: float = 1.3
    edge: float = 0.07
    busy_m2: float = 0.055
    still_m: float = 0.003
    busy_m: float = 0.275


def are_people(
    paths: Sequence[HeadPath],
    images: Sequence[Components],
    times_s: Float64[np.ndarray, "images"],
    voxel_m: float,
    config: PersonConfig,
    link: LinkConfig,
    division: DivideConfig,
) -> list[HeadPath]:
    """Keep the paths of people.

    Their bodies are a person's in most of the images that are looked at.

    Args:
        paths: Of heads.
        images: In the order of time.
        times_s: When they were seen.
        voxel_m: Side of a voxel.
        config: What a person is.
        link: How long somebody may be hidden.
        division: How far a person reaches.
    """
    votes: list[list[bool]] = [[] for _ in paths]
    looked_at = {
        path.images[int(place)]
        for path in paths
        for place in np.linspace(0, len(path.images) - 1, _CHECKED_IMAGES)
    }
    for index in sorted(looked_at):
        names, heads = people_at(paths, float(times_s[index]), link)
        divided = divide(images[index], heads, voxel_m, division)
        for row, name in enumerate(names):
            if index in paths[name].images:
                body = images[index].cells[divided == row]
                votes[name].append(_is_person(body, voxel_m, config))
    return [path for path, vote in zip(paths, votes, strict=True) if np.mean(vote) > 0.5]


def _is_person(cells: Int64[np.ndarray, "voxels 3"], voxel_m: float, config: PersonConfig) -> bool:
    if len(cells) * voxel_m**2 < config.least_area_m2:
        return False
    low, high = np.percentile(cells[:, 2], [1, 99]) * voxel_m
    return bool(
        high - low >= config.least_extent_m and _depth_m(cells, voxel_m) >= config.least_depth_m
    )


def _depth_m(cells: Int64[np.ndarray, "voxels 3"], voxel_m: float) -> float:
    """Return the smaller standard deviation of what is seen from above."""
    across = (cells[:, :2] - cells[:, :2].mean(axis=0)) * voxel_m
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(across.T @ across / len(cells))[0])))


def find_people_in(
    image: Components,
    voxel_m: float,
    config: PersonConfig,
    view: View | Views | None,
    things_m: Float64[np.ndarray, "things 3"],
) -> Float64[np.ndarray, "heads 3"]:
    """Return the heads of an image, and the tops of bodies whose head is out of view."""
    heads = find_heads(image, voxel_m, config.head, things_m)
    if view is None:
        return heads
    sizes = np.bincount(image.labels, minlength=image.count) * voxel_m**2
    tops: list[np.ndarray] = []
    for component in np.flatnonzero(sizes >= config.headless_area_m2):
        cells = image.cells[image.labels == component]
        columns_m = (cells[:, None, :2] + 0.5) * voxel_m
        nearest_m = np.linalg.norm(columns_m - heads[:, :2], axis=2).min(initial=np.inf)
        if nearest_m < DivideConfig().trunk_radius_m:
            continue
        low, high = np.percentile(cells, [1, 99], axis=0) * voxel_m
        if (
            high[2] >= config.headless_top_m
            and max(high[:2] - low[:2]) <= config.headless_width_m
            and _is_cut(cells, voxel_m, config, view)
            and _is_person(cells, voxel_m, config)
        ):
            tops.append(np.append(np.median(cells[:, :2], axis=0) * voxel_m, high[2]))
    return np.concatenate([heads, np.array(tops).reshape(-1, 3)])


def _is_cut(
    cells: Int64[np.ndarray, "voxels 3"], voxel_m: float, config: PersonConfig, view: View | Views
) -> bool:
    """Return whether the upper part of something reaches the edge of the view."""
    middles = (cells + 0.5) * voxel_m
    upper = middles[:, 2] > middles[:, 2].max() - _UPPER_M
    return bool(np.percentile(view.from_edge(middles[upper]), 2) <= config.edge)


def is_thing(
    path: HeadPath, images: Sequence[Components], voxel_m: float, config: PersonConfig
) -> bool:
    """Return whether what was taken for a head stands still among other things."""
    count = len(path.images)
    if count < _FEWEST_STILL_IMAGES:
        return False
    picked = np.unique(np.linspace(0, count - 1, min(_STILL_IMAGES, count)).astype(int))
    middle = np.median(np.array(path.heads_m), axis=0)
    beside: list[float] = []
    means: dict[tuple[int, ...], list[np.ndarray]] = {}
    for place in picked:
        image = images[path.images[int(place)]]
        off_m = (image.cells + 0.5) * voxel_m - middle
        away_m = np.abs(off_m[:, :2]).max(axis=1)
        level = (off_m[:, 2] < 0) & (off_m[:, 2] > -config.head.height_m)
        around = level & (away_m > config.head.half_width_m) & (away_m < config.busy_m)
        beside.append(float(np.count_nonzero(around)) * voxel_m**2)
        own = level & (away_m <= config.head.half_width_m) & (image.point_counts >= _STILL_POINTS)
        for cell, mean in zip(image.cells[own].tolist(), image.centroids_m[own], strict=True):
            means.setdefault(tuple(cell), []).append(mean)
    if np.median(beside) < config.busy_m2:
        return False
    lasting = [np.array(each) for each in means.values() if len(each) >= _STILL_SHARE * len(picked)]
    if not lasting:
        return False
    moved_m = float(np.median([np.sqrt(each.var(axis=0).sum()) for each in lasting]))
    return 0.0 < moved_m < config.still_m
