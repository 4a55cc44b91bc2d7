"""Find the players of a take: cut its images, follow who is in them, and say where they face.

Images are read once, in the order of time. What is kept of each is small and goes to a temporary
file beyond 64 MiB; of the clouds, a bounded number. In memory stay some 3 KB an image: 50 MB for an
hour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16, Int64

from capture.performer import Performer, Visitor
from capture.players.background import find_background
from capture.players.component_store import ComponentStore
from capture.players.correct import People, corrected, fixed
from capture.players.corrections import Corrections
from capture.players.desks import DeskConfig, without_desks
from capture.players.follow import FollowConfig, Followed, follow
from capture.players.gather import Course, azimuth_rad, course_of, gather
from capture.players.segment import Components, SegmentConfig, components
from capture.players.view import SeveralCameras, cameras_of, find_view, find_views
from capture.point_cloud import PointCloud


class DepthImages(Protocol):
    """What players are found in: a take, or anything else that sees points over time."""

    @property
    def times_s(self) -> Float64[np.ndarray, "images"]:
        """When each image was seen."""
        ...

    def image_point_cloud(self, index: int, *, color: bool = True) -> PointCloud:
        """Return the points of one image in the world frame."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FindConfig:
    """How players are found.

    Attributes:
        rate_hz: Images a second that are looked at.
        clouds_hz: Clouds a second that are kept of each player,
        most_clouds: and how many at most: a long take has fewer a second.
        cloud_voxel_m: At most one point a cube of this side is kept.
        background_images: Images from which floor and walls are found.
        seed: Draws the planes that are tried.
        segment: How images are cut.
        desk: What the desk of a music stand is, which is nobody's.
        follow: What a player is.
    """

    rate_hz: float = 5.0
    clouds_hz: float = 2.0
    most_clouds: int = 240
    cloud_voxel_m: float = 0.01
    background_images: int = 6
    seed: int = 0
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    desk: DeskConfig = field(default_factory=DeskConfig)
    follow: FollowConfig = field(default_factory=FollowConfig)

    def __post_init__(self) -> None:
        if self.rate_hz <= 0 or self.clouds_hz <= 0 or self.cloud_voxel_m <= 0:
            raise ValueError("rate_hz, clouds_hz and cloud_voxel_m must be positive.")
        if self.most_clouds < 1:
            raise ValueError(f"most_clouds must be at least 1, got {self.most_clouds}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Who is in a take.

    Attributes:
        performers: The players, from left to right as the camera sees them.
        visitors: Others, such as a page-turner, in the order of their coming.
    """

    performers: tuple[Performer, ...]
    visitors: tuple[Visitor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A cloud that is kept, and the voxel of each point."""

    cloud: PointCloud
    point_cells: Int64[np.ndarray, "points"]


def find_performers(
    take: DepthImages,
    config: FindConfig | None = None,
    *,
    corrections: Corrections | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Performer, ...]:
    """Find and follow the players of a take; see `find_people`."""
    return find_people(take, config, corrections=corrections, progress=progress).performers


def find_people(
    take: DepthImages,
    config: FindConfig | None = None,
    *,
    corrections: Corrections | None = None,
    progress: Callable[[float], None] | None = None,
) -> Found:
    """Find and follow the players of a take, and whoever else is in it.

    Args:
        take: The recording.
        config: How; the defaults suit a seated or standing ensemble in one view.
        corrections: What a person knows better (`capture.players.corrections`).
        progress: Takes the fraction done.

    Returns:
        Players named performer-1, … from left to right as the camera sees them, and visitors; none
        if nobody is there.

    Raises:
        DataError: An image of the take is broken, or a correction names nobody.
        OutputError: There is no room for temporary files.
    """
    config = config or FindConfig()
    report = progress or (lambda fraction: None)
    chosen = _at_rate(take.times_s, config.rate_hz)
    times_s = take.times_s[chosen]
    sample = _sample_images(take, chosen, config)
    background = find_background(sample, config.segment, np.random.default_rng(config.seed))
    cameras = cameras_of(take)
    eyes_m = np.array([camera.eye_m for camera in cameras])
    view = (
        find_views(take, cameras, _spread(chosen, config))
        if isinstance(take, SeveralCameras)
        else find_view(sample)
    )
    del sample
    clouds_hz = min(config.clouds_hz, config.most_clouds / max(times_s[-1] - times_s[0], 1e-9))
    with_color = set(_at_rate(times_s, clouds_hz)[: config.most_clouds].tolist())
    clouds: dict[int, _Kept] = {}
    with ComponentStore() as images:
        for step, index in enumerate(chosen):
            cloud = take.image_point_cloud(int(index), color=step in with_color)
            cloud = cloud.select(background.foreground(cloud.positions_m, config.segment, eyes_m))
            image = components(cloud.positions_m, config.segment)
            image = without_desks(image, config.segment.voxel_m, config.desk, eyes_m)
            if step in with_color:
                first = cloud.thinned_rows(config.cloud_voxel_m)
                clouds[step] = _Kept(
                    cloud=cloud.select(first), point_cells=image.point_cells[first]
                )
            images.append(image)
            report(0.8 * (step + 1) / len(chosen))
        followed = follow(images, times_s, config.segment.voxel_m, config.follow, view)
        report(0.95)
        courses = _courses(images, followed.labels, times_s, config)
        people = _named(followed, courses)
        if corrections is not None:
            people = corrected(people, corrections, images, times_s, config.segment.voxel_m)
            courses = _courses(images, people.labels, times_s, config)
    found = _found(people, courses, clouds, times_s)
    report(1.0)
    return found


def _sample_images(
    take: DepthImages, chosen: Int64[np.ndarray, "images"], config: FindConfig
) -> list[Float32[np.ndarray, "points 3"]]:
    """Return all points of some images, spread over the take."""
    spread = _spread(chosen, config)
    return [take.image_point_cloud(index, color=False).positions_m for index in spread]


def _spread(chosen: Int64[np.ndarray, "images"], config: FindConfig) -> list[int]:
    """Return some images, spread over the take."""
    count = min(config.background_images, len(chosen))
    places = np.unique(np.linspace(0, len(chosen) - 1, count).astype(int))
    return chosen[places].tolist()


def _courses(
    images: Sequence[Components],
    labels: list[Int16[np.ndarray, "voxels"]],
    times_s: Float64[np.ndarray, "images"],
    config: FindConfig,
) -> dict[int, Course]:
    """Return the course of each label that is somewhere."""
    count = 1 + max((int(image.max(initial=-1)) for image in labels), default=-1)
    sightings = gather(images, labels, count, config.segment.voxel_m)
    return {
        label: course_of(seen, times_s) for label, seen in enumerate(sightings) if seen.sizes.any()
    }


def _named(followed: Followed, courses: dict[int, Course]) -> People:
    """Name players from left to right, and visitors in the order of their coming."""
    players = [label for label in courses if label < followed.players]
    players.sort(key=lambda label: -azimuth_rad(courses[label]))
    visitors = [label for label in courses if label >= followed.players]
    visitors.sort(key=lambda label: float(courses[label].trajectory.times_s[0]))
    return People(
        labels=followed.labels,
        performers={f"performer-{n}": label for n, label in enumerate(players, start=1)},
        visitors={f"visitor-{n}": label for n, label in enumerate(visitors, start=1)},
        reasons=dict(enumerate(followed.reasons, start=followed.players)),
    )


def _found(
    people: People,
    courses: dict[int, Course],
    clouds: dict[int, _Kept],
    times_s: Float64[np.ndarray, "images"],
) -> Found:
    """Make performers and visitors of what was labelled."""
    performers: list[Performer] = []
    for name, label in people.performers.items():
        course = fixed(courses[label], people.fixes.get(label, ()))
        kept = [index for index in clouds if course.whole[index]]
        kept = kept or [index for index in clouds if (people.labels[index] == label).any()]
        performers.append(
            Performer(
                name=name,
                trajectory=course.trajectory,
                cloud_times_s=times_s[kept],
                clouds=tuple(
                    _cloud(clouds[index], people.labels[index] == label) for index in kept
                ),
                instrument=people.instruments.get(label),
                position_std_m=course.position_std_m,
            )
        )
    visitors = tuple(
        Visitor(name=name, trajectory=courses[label].trajectory, reason=people.reasons[label])
        for name, label in people.visitors.items()
    )
    return Found(performers=tuple(performers), visitors=visitors)


def _cloud(kept: _Kept, mine: Bool[np.ndarray, "voxels"]) -> PointCloud:
    """Return the points of a cloud whose voxels are somebody's."""
    return kept.cloud.select(np.append(mine, False)[kept.point_cells])  # row −1: noise


def _at_rate(times_s: Float64[np.ndarray, "images"], rate_hz: float) -> Int64[np.ndarray, "kept"]:
    """Return the indices of images about 1 / rate_hz apart, from the first on."""
    slots = np.floor((times_s - times_s[0]) * rate_hz + 1e-6).astype(np.int64)
    return np.unique(slots, return_index=True)[1]
