"""Follow the people of a take by their heads, and label what each of them occupies.

Heads are found in every image (`capture.players.persons`) and linked over time
(`capture.players.head_paths`). Then each image is divided among the people who are there. Who is
there for a good part of the take, and mostly at one place, is a player. Who walks about or looks
in, such as a page-turner, is a visitor: followed like the players, so that nothing of theirs goes
along, but counted apart. What stood alone as furniture in most images stays furniture where a bow
touches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int16

from capture.players.divide import CLUTTER, DivideConfig, divide
from capture.players.head_paths import HeadPath, LinkConfig, link_heads, people_at
from capture.players.persons import PersonConfig, are_people, find_people_in, is_thing
from capture.players.segment import Components
from capture.players.view import View, Views

_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """What a player is, and how people are followed.

    Attributes:
        person: What a person is.
        link: How people move.
        divide: How far a person reaches.
        least_sightings: What looked like a head less often is nobody (in short takes: in less than
            half of the images).
        least_share: A player is there in at least this share of the images; where the head is
            hidden between sightings, the body counts,
        place_m: and within this of one place, seen from above,
        astray_share: in all but this share of the sightings,
        lasting_share: or in all of them, if there in less than this share of the images.
        furniture_share: A voxel that is nobody's in this share of the images it is occupied in is
            furniture.
    """

    person: PersonConfig = field(default_factory=PersonConfig)
    link: LinkConfig = field(default_factory=LinkConfig)
    divide: DivideConfig = field(default_factory=DivideConfig)
    least_sightings: int = 5
    least_share: float = 0.3
    place_m: float = 0.6
    astray_share: float = 0.2
    lasting_share: float = 0.8
    furniture_share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Who each voxel of each image belongs to.

    Attributes:
        labels: One array an image: the person of each voxel, or `CLUTTER`. Players come first, 0 …
            players − 1, in the order in which they were found; then visitors.
        players: How many people are players.
        reasons: For each visitor, why it is no player.
    """

    labels: list[Int16[np.ndarray, "voxels"]]
    players: int
    reasons: tuple[str, ...]


def follow(
    images: Sequence[Components],
    times_s: Float64[np.ndarray, "images"],
    voxel_m: float,
    config: FollowConfig,
    view: View | Views | None = None,
) -> Followed:
    """Label the voxels of every image.

    Args:
        images: Components of each image, in the order of time, without the desks of music stands.
        times_s: When they were seen.
        voxel_m: Side of a voxel.
        config: Sizes and reaches.
        view: Where the view ends: only there may a head be out of sight. None: nowhere.
    """
    paths = _paths(images, times_s, voxel_m, config, view)
    paths = are_people(paths, images, times_s, voxel_m, config.person, config.link, config.divide)
    labels: list[Int16[np.ndarray, "voxels"]] = []
    sighted = [set(path.images) for path in paths]
    there = np.array([len(images_of) for images_of in sighted], dtype=np.int64)
    for index, (image, time_s) in enumerate(zip(images, times_s, strict=True)):
        names, heads = people_at(paths, float(time_s), config.link)
        divided = divide(image, heads, voxel_m, config.divide)
        labels.append(np.append(names, CLUTTER)[divided].astype(np.int16))  # row −1 is clutter
        sizes_m2 = np.bincount(divided[divided >= 0], minlength=len(names)) * voxel_m**2
        for name, size_m2 in zip(names, sizes_m2, strict=True):
            first, last = paths[name].images[0], paths[name].images[-1]
            hidden = first < index < last and index not in sighted[name]
            there[name] += hidden and size_m2 >= config.person.least_area_m2
    reasons = [
        _why_no_player(path, count / len(images), config)
        for path, count in zip(paths, there, strict=True)
    ]
    order = [name for name, reason in enumerate(reasons) if not reason]
    players = len(order)
    order += [name for name, reason in enumerate(reasons) if reason]
    number = np.append(np.argsort(order), CLUTTER).astype(np.int16)
    labels = [number[label] for label in labels]
    _take_furniture_out(images, labels, config)
    return Followed(
        labels=labels,
        players=players,
        reasons=tuple(reasons[name] for name in order[players:]),
    )


def _paths(
    images: Sequence[Components],
    times_s: Float64[np.ndarray, "images"],
    voxel_m: float,
    config: FollowConfig,
    view: View | Views | None,
) -> list[HeadPath]:
    """Return the paths of heads.

    What looked like a head, and turns out to stand still among other things, is looked past: behind
    the bout of a double bass is its player's head.
    """
    things = np.zeros((0, 3))
    paths: list[HeadPath] = []
    for _ in range(_ROUNDS):
        seen = [find_people_in(image, voxel_m, config.person, view, things) for image in images]
        paths = [
            path
            for path in link_heads(seen, times_s, config.link)
            if len(path.images) >= min(config.least_sightings, len(images) / 2)
        ]
        still = [path for path in paths if is_thing(path, images, voxel_m, config.person)]
        if not still:
            break
        tops = [np.median(np.array(path.heads_m), axis=0) for path in still]
        things = np.concatenate([things, tops])
        paths = [path for path in paths if path not in still]
    return paths


def _why_no_player(path: HeadPath, share: float, config: FollowConfig) -> str:
    """Return why somebody, who is there in a share of the images, is no player, or nothing."""
    if share < config.least_share:
        return f"there in {100 * share:.0f} % of the images"
    places = np.array(path.heads_m)[:, :2]
    astray = np.linalg.norm(places - np.median(places, axis=0), axis=1) > config.place_m
    if astray.mean() > (config.astray_share if share >= config.lasting_share else 0.0):
        return "walks about"
    return ""


def _take_furniture_out(
    images: Sequence[Components],
    labels: Sequence[Int16[np.ndarray, "voxels"]],
    config: FollowConfig,
) -> None:
    """Make clutter of voxels that are clutter in most images, where somebody touches them."""
    if len(images) < 3:
        return
    reach = [
        (image.cells.min(axis=0), image.cells.max(axis=0)) for image in images if len(image.cells)
    ]
    if not reach:
        return
    origin = np.min([low for low, _ in reach], axis=0)
    shape = np.max([high for _, high in reach], axis=0) - origin + 1
    occupied = np.zeros(shape, np.int32)
    nobodys = np.zeros(shape, np.int32)
    for image, label in zip(images, labels, strict=True):
        places = tuple((image.cells - origin).T)
        occupied[places] += 1
        nobodys[places] += label < 0
    furniture = (nobodys >= config.furniture_share * occupied) & (nobodys >= 0.2 * len(images))
    for image, label in zip(images, labels, strict=True):
        label[furniture[tuple((image.cells - origin).T)]] = CLUTTER
