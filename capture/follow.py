"""Follow the people of a take by their heads, and label what each of them occupies.

Heads are found in every image and linked over time, each path predicted by a Kalman filter of
constant velocity and assigned by the smallest sum of distances; paths bridge short gaps, while
somebody is hidden. Then each image is divided among the people who are there. Who is there for a
good part of the take is a player; who walks through takes voxels along, but is none. What stood
alone as furniture in most images stays furniture where a bow touches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int32, Int64
from scipy.optimize import linear_sum_assignment

from capture.desks import DeskConfig, find_desks
from capture.divide import CLUTTER, DivideConfig, divide
from capture.heads import HeadConfig, find_heads
from capture.segment import Components

_CHECKED_IMAGES = 8
_FARTHEST = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """What a player is, and how people move.

    Attributes:
        head: What a head is.
        desk: What the desk of a music stand is, which is nobody's.
        divide: How far a person reaches.
        least_area_m2: A person's voxels cover at least this; a music stand covers less.
        least_extent_m: From lowest to highest voxel.
        least_depth_m: A person is at least this thick (standard deviation across, from above); what
            is thinner is a piece of wall or a curtain.
        headless_area_m2: What has no head, as at the edge of the view, is somebody only if its
            voxels cover this,
        headless_top_m: it reaches this high,
        headless_width_m: and it is at most this wide.
        head_noise_m: Standard deviation of where a head is found.
        acceleration_m_s2: How hard people accelerate, as white noise over a second.
        gate_m: A head this far from where it is expected is another one.
        forget_s: A path that was not seen for this long has ended.
        least_share: A player is there in at least this share of the images.
        furniture_share: A voxel that is nobody's in this share of the images it is occupied in is
            furniture.
    """

    head: HeadConfig = field(default_factory=HeadConfig)
    desk: DeskConfig = field(default_factory=DeskConfig)
    divide: DivideConfig = field(default_factory=DivideConfig)
    least_area_m2: float = 0.3
    least_extent_m: float = 0.5
    least_depth_m: float = 0.04
    headless_area_m2: float = 0.55
    headless_top_m: float = 1.2
    headless_width_m: float = 1.3
    head_noise_m: float = 0.05
    acceleration_m_s2: float = 1.0
    gate_m: float = 0.45
    forget_s: float = 3.0
    least_share: float = 0.3
    furniture_share: float = 0.5


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
        numbered in the order in which they were found.
    """
    free = [~find_desks(image, voxel_m, config.desk) for image in images]
    images = [image.select(mine) for image, mine in zip(images, free, strict=True)]
    seen = [_people(image, voxel_m, config) for image in images]
    paths = [
        path for path in _link(seen, times_s, config) if len(path.images) > 1 or len(images) < 3
    ]
    paths = _are_people(paths, images, times_s, voxel_m, config)
    labels: list[Int32[np.ndarray, "voxels"]] = []
    for image, time_s in zip(images, times_s, strict=True):
        names, heads = _there(paths, float(time_s), config)
        divided = divide(image, heads, voxel_m, config.divide)
        labels.append(np.append(names, CLUTTER)[divided].astype(np.int32))  # row −1 is clutter
    _take_furniture_out(images, labels, config)
    enough = max(1.0, config.least_share * len(images))
    kept = np.array([len(path.images) >= enough for path in paths], dtype=bool)
    number = np.append(np.where(kept, np.cumsum(kept) - 1, CLUTTER), CLUTTER).astype(np.int32)
    players: list[Int32[np.ndarray, "voxels"]] = []
    for mine, label in zip(free, labels, strict=True):
        players.append(np.full(len(mine), CLUTTER, np.int32))
        players[-1][mine] = number[label]
    return players


class _Path:
    """One head over time, with a Kalman filter of nearly constant velocity.

    Axes are alike and independent, so that one covariance serves the three.
    """

    def __init__(self, image: int, time_s: float, head_m: np.ndarray, noise_m: float) -> None:
        self.images = [image]
        self.times_s = [time_s]
        self.heads_m = [head_m]
        self._state = np.vstack([head_m, np.zeros(3)])
        self._covariance = np.diag([noise_m**2, 0.25])

    def expect(self, time_s: float) -> Float64[np.ndarray, "3"]:
        """Return where the head should be."""
        return self._state[0] + (time_s - self.times_s[-1]) * self._state[1]

    def add(self, image: int, time_s: float, head_m: np.ndarray, config: FollowConfig) -> None:
        """Take a sighting in."""
        step_s = time_s - self.times_s[-1]
        transition = np.array([[1.0, step_s], [0.0, 1.0]])
        drive = np.array([[step_s**3 / 3, step_s**2 / 2], [step_s**2 / 2, step_s]])
        state = transition @ self._state
        covariance = transition @ self._covariance @ transition.T
        covariance += config.acceleration_m_s2**2 * drive
        gain = covariance[:, 0] / (covariance[0, 0] + config.head_noise_m**2)
        self._state = state + gain[:, None] * (head_m - state[0])
        self._covariance = covariance - np.outer(gain, covariance[0])
        self.images.append(image)
        self.times_s.append(time_s)
        self.heads_m.append(head_m)

    def at(self, time_s: float) -> Float64[np.ndarray, "3"]:
        """Return where the head was, between sightings by interpolation."""
        heads = np.array(self.heads_m)
        return np.array([np.interp(time_s, self.times_s, heads[:, axis]) for axis in range(3)])


def _link(
    seen: Sequence[Float64[np.ndarray, "heads 3"]],
    times_s: Float64[np.ndarray, "images"],
    config: FollowConfig,
) -> list[_Path]:
    """Link the heads of all images to paths."""
    paths: list[_Path] = []
    for index, (heads, time) in enumerate(zip(seen, times_s, strict=True)):
        time_s = float(time)
        open_paths = [path for path in paths if time_s - path.times_s[-1] <= config.forget_s]
        free = set(range(len(heads)))
        if open_paths and len(heads):
            expected = np.array([path.expect(time_s)[:2] for path in open_paths])
            distance = np.linalg.norm(expected[:, None] - heads[None, :, :2], axis=2)
            # Somebody hidden is expected to have stayed as much as to have moved on.
            last = np.array([path.heads_m[-1][:2] for path in open_paths])
            distance = np.minimum(
                distance, np.linalg.norm(last[:, None] - heads[None, :, :2], axis=2)
            )
            cost = np.where(distance <= config.gate_m, distance, _FARTHEST)
            for path, head in zip(*linear_sum_assignment(cost), strict=True):
                if cost[path, head] < _FARTHEST:
                    open_paths[path].add(index, time_s, heads[head], config)
                    free.remove(int(head))
        paths.extend(
            _Path(index, time_s, heads[head], config.head_noise_m) for head in sorted(free)
        )
    return paths


def _there(
    paths: Sequence[_Path], time_s: float, config: FollowConfig
) -> tuple[Int64[np.ndarray, "people"], Float64[np.ndarray, "people 3"]]:
    """Return which paths are there at a time, and their heads.

    Somebody is there a little before the first and after the last sighting, as far as the
    sightings are from each other: the head may have been hidden while the body was not.
    """
    names: list[int] = []
    heads: list[np.ndarray] = []
    for name, path in enumerate(paths):
        lasted_s = path.times_s[-1] - path.times_s[0]
        slack_s = min(config.forget_s, lasted_s)
        if path.times_s[0] - slack_s <= time_s <= path.times_s[-1] + slack_s:
            names.append(name)
            heads.append(path.at(time_s))
    return np.array(names, dtype=np.int64), np.array(heads).reshape(-1, 3)


def _are_people(
    paths: Sequence[_Path],
    images: Sequence[Components],
    times_s: Float64[np.ndarray, "images"],
    voxel_m: float,
    config: FollowConfig,
) -> list[_Path]:
    """Keep the paths whose bodies are a person's in most of the images that are looked at."""
    votes: list[list[bool]] = [[] for _ in paths]
    looked_at = {
        path.images[int(place)]
        for path in paths
        for place in np.linspace(0, len(path.images) - 1, _CHECKED_IMAGES)
    }
    for index in sorted(looked_at):
        names, heads = _there(paths, float(times_s[index]), config)
        divided = divide(images[index], heads, voxel_m, config.divide)
        for row, name in enumerate(names):
            if index in paths[name].images:
                body = images[index].cells[divided == row]
                votes[name].append(_is_person(body, voxel_m, config))
    return [path for path, vote in zip(paths, votes, strict=True) if np.mean(vote) > 0.5]


def _is_person(cells: Int64[np.ndarray, "voxels 3"], voxel_m: float, config: FollowConfig) -> bool:
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


def _people(
    image: Components, voxel_m: float, config: FollowConfig
) -> Float64[np.ndarray, "heads 3"]:
    """Return the heads of an image, and the tops of bodies whose head is out of view."""
    heads = find_heads(image, voxel_m, config.head)
    sizes = np.bincount(image.labels, minlength=image.count) * voxel_m**2
    tops: list[np.ndarray] = []
    for component in np.flatnonzero(sizes >= config.headless_area_m2):
        cells = image.cells[image.labels == component]
        columns_m = (cells[:, None, :2] + 0.5) * voxel_m
        nearest_m = np.linalg.norm(columns_m - heads[:, :2], axis=2).min(initial=np.inf)
        if nearest_m < config.divide.trunk_radius_m:
            continue
        low, high = np.percentile(cells, [1, 99], axis=0) * voxel_m
        if (
            high[2] >= config.headless_top_m
            and max(high[:2] - low[:2]) <= config.headless_width_m
            and _is_person(cells, voxel_m, config)
        ):
            tops.append(np.append(np.median(cells[:, :2], axis=0) * voxel_m, high[2]))
    return np.concatenate([heads, np.array(tops).reshape(-1, 3)])


def _take_furniture_out(
    images: Sequence[Components],
    labels: Sequence[Int32[np.ndarray, "voxels"]],
    config: FollowConfig,
) -> None:
    """Make clutter of voxels that are clutter in most images, where somebody touches them."""
    if len(images) < 3:
        return
    every = np.concatenate([image.cells for image in images])
    if len(every) == 0:
        return
    origin = every.min(axis=0)
    shape = tuple((every.max(axis=0) - origin + 1).tolist())
    places = [
        np.asarray(np.ravel_multi_index(tuple((image.cells - origin).T), shape)) for image in images
    ]
    size = int(np.prod(shape))
    occupied = np.bincount(np.concatenate(places), minlength=size)
    nobodys = np.bincount(
        np.concatenate([place[label < 0] for place, label in zip(places, labels, strict=True)]),
        minlength=size,
    )
    furniture = (nobodys >= config.furniture_share * occupied) & (nobodys >= 0.2 * len(images))
    for place, label in zip(places, labels, strict=True):
        label[furniture[place]] = CLUTTER
