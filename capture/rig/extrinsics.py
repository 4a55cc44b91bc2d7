"""Find where several cameras stand that saw one scene at the same time.

Each take is levelled by its own floor. A turn and a shift are guessed from maps of what stands
where, or given, and ICP refines all six degrees of freedom on points of several times at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from capture.errors import DataError
from capture.pose import Pose, quaternion_from_yaw
from capture.rig.icp import Match, Target
from capture.rig.lag import Lag, find_lag, without_ways
from capture.rig.motion_lag import moved_points
from capture.rig.seeds import are_apart, first_guesses
from capture.rig.sight import Sight
from capture.rig.surface import Surface, surface_of

if TYPE_CHECKING:
    from capture.take import Take

_MOMENTS = 3
_VOXEL_M = 0.02
_GUESSING_POINTS = 3_000
_POINTS = 10_000
_LEAST_SHARE = 0.08
_LEAST_UPRIGHT = 200
_WORST_RMS_M = 0.0085
"""What lies on one another by chance is up to 2 cm off evenly, 12 mm on average; noise is 5 mm."""
_MOST_DENIED = 0.1
"""Share of points, of both, that stand in the other camera's way: 1 % where all is right."""
_CLOSE_SECOND = 0.85
_POLISHED = 4
_TURNED_RAD, _SHIFTED_M = np.radians(6.0), 0.25
_SAME_M, _SAME_RAD = 0.05, np.radians(3.0)
_ROUGH_REACHES_M = (0.3, 0.2, 0.12, 0.08)
_NEAR_REACHES_M = (0.15, 0.08, 0.05, 0.05)
_FINDING_LAGS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """Where the camera of one take stands.

    Attributes:
        world_from_camera: In the world of the first take.
        share: Of its upright points, how many lie on what others see; 1 for the first take.
        rms_m: How far these are off; 0 for the first take.
        lag: How much later its times are than those of the first.
    """

    world_from_camera: Pose
    share: float
    rms_m: float
    lag: Lag


def align(
    takes: Sequence[Take],
    *,
    lags: Sequence[Lag | None] | None = None,
    guesses: Sequence[Pose | None] | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> tuple[Aligned, ...]:
    """Find the poses of the cameras of several takes in the world of the first.

    Args:
        takes: Of the same scene at the same time.
        lags: Of each take, how much later its times are than those of the first, where that is
            known; None: found. The first take's is not looked at.
        guesses: Of each take, about where its camera is in the first one's world (some 30 cm and
            10 degrees off at most), or None. The first take's is not looked at.
        seed: Draws which points are looked at.
        progress: Called with the fraction done.

    Raises:
        ValueError: There are fewer than two takes, or not one lag and guess each.
        DataError: Takes do not overlap in time or space, or lie on one another in several ways.
    """
    given = list(lags) if lags is not None else [None] * len(takes)
    known = list(guesses) if guesses is not None else [None] * len(takes)
    if len(takes) < 2 or len(given) != len(takes) or len(known) != len(takes):
        raise ValueError(
            f"aligning needs two takes or more, and a lag and a guess for each: got {len(takes)}, "
            f"{len(given)} and {len(known)}."
        )
    report = progress or (lambda fraction: None)
    rng = np.random.default_rng(seed)
    lagging = _lags(takes, given, lambda done: report(_FINDING_LAGS * done))
    times = _common_times(takes, lagging)
    worlds = [take.world_from_camera for take in takes]
    surfaces: list[Surface] = []
    for number, (take, lag) in enumerate(zip(takes, lagging, strict=True)):
        surfaces.append(_surface(take, times + lag.at(times)))
        report(_FINDING_LAGS + (0.5 - _FINDING_LAGS) * (number + 1) / len(takes))
    placed = surfaces[0]
    sights = [Sight(surfaces[0], worlds[0].position_m)]
    found = {0: Aligned(world_from_camera=worlds[0], share=1.0, rms_m=0.0, lag=lagging[0])}
    waiting = list(range(1, len(takes)))
    while waiting:
        target = Target(placed)
        tried: dict[int, Match | DataError] = {}
        for number in waiting:
            guess = known[number]
            start = None if guess is None else guess.compose(worlds[number].inverse())
            own = Sight(surfaces[number], worlds[number].position_m)
            scene = _Scene(target, sights, own)
            try:
                tried[number] = _place(scene, surfaces[number], start, takes[number], rng)
            except DataError as error:
                tried[number] = error
        # The best first: those that overlap only others than the first take come later.
        matches = {n: m for n, m in tried.items() if isinstance(m, Match)}
        if not matches:
            first_error = tried[waiting[0]]
            assert isinstance(first_error, DataError)
            raise first_error
        number = max(matches, key=lambda n: matches[n].upright)
        match = matches[number]
        moved = surfaces[number].moved(match.pose)
        placed = placed.joined(moved)
        sights.append(Sight(moved, match.pose.compose(worlds[number]).position_m))
        found[number] = Aligned(
            world_from_camera=match.pose.compose(worlds[number]),
            share=match.share,
            rms_m=match.rms_m,
            lag=lagging[number],
        )
        waiting.remove(number)
        report(0.5 + 0.5 * (len(takes) - 1 - len(waiting)) / (len(takes) - 1))
    placed_takes = [found[number] for number in range(len(takes))]
    return _without_ways(takes[0], placed_takes)


def _lags(
    takes: Sequence[Take], given: Sequence[Lag | None], report: Callable[[float], None]
) -> list[Lag]:
    """Return the lag of each take: as given, or found."""
    lags = [Lag()]
    for number, (take, lag) in enumerate(zip(takes[1:], given[1:], strict=True)):

        def progress(done: float, number: int = number) -> None:
            report((number + done) / (len(takes) - 1))

        lags.append(find_lag(takes[0], take, progress) if lag is None else lag)
        progress(1.0)
    return lags


def _without_ways(first: Take, found: Sequence[Aligned]) -> tuple[Aligned, ...]:
    """Take the ways of the sound off lags that were heard, now that all cameras are placed."""
    if all(each.lag.source != "sound" for each in found):
        return tuple(found)
    points_m = moved_points(first)
    if len(points_m) == 0:
        return tuple(found)
    here = found[0].world_from_camera
    sources_m = here.transform(points_m)
    return tuple(
        replace(each, lag=without_ways(each.lag, sources_m, here, each.world_from_camera))
        for each in found
    )


def _common_times(takes: Sequence[Take], lags: Sequence[Lag]) -> np.ndarray:
    """Return times, of the first take, at which all saw something."""
    spans = [lag.of_first(take.times_s[[0, -1]]) for take, lag in zip(takes, lags, strict=True)]
    first, last = max(float(span[0]) for span in spans), min(float(span[1]) for span in spans)
    if last < first:
        raise DataError(
            f"{takes[0].path}: the takes were not recorded at the same time, or their lags are "
            "wrong: no time is in all of them."
        )
    return np.unique(np.linspace(first, last, _MOMENTS))


def _surface(take: Take, times_s: np.ndarray) -> Surface:
    """Return what a take saw at some times, in its own levelled world."""
    whole: Surface | None = None
    for moment, time_s in enumerate(times_s):
        cloud = take.point_cloud(float(time_s), color=False).thinned(_VOXEL_M)
        piece = surface_of(cloud.positions_m, take.world_from_camera.position_m, moment)
        whole = piece if whole is None else whole.joined(piece)
    assert whole is not None
    return whole


class _Scene:
    """What was placed already, and what cameras say about another's points."""

    def __init__(self, target: Target, sights: Sequence[Sight], own: Sight) -> None:
        self.target = target
        self._sights = tuple(sights)
        self._own = own

    def denied(self, moving: Surface, pose: Pose) -> float:
        """Return the share of points in one another's way, both ways added."""
        moved = moving.moved(pose)
        there = self.target.surface.moved(pose.inverse())
        return max(sight.denies(moved) for sight in self._sights) + self._own.denies(there)

    def quality(self, moving: Surface, match: Match) -> float:
        """Return how good a match is: how much it shares, less what cannot be."""
        left = 1 - self.denied(moving, match.pose) / _MOST_DENIED
        return match.upright * max(0.0, left)


def _place(
    scene: _Scene, moving: Surface, start: Pose | None, take: Take, rng: np.random.Generator
) -> Match:
    """Return the best match of a surface, from a given start or from guesses."""
    target = scene.target
    many = moving.thinned(_POINTS, rng)
    if start is not None:
        # A few degrees off at the camera are decimetres where the players are.
        some = moving.thinned(_GUESSING_POINTS, rng)
        tried = [target.match(some, near, _ROUGH_REACHES_M) for near in _around(start, moving)]
        close = max(tried, key=lambda match: scene.quality(many, match))
        best = target.match(many, close.pose, _NEAR_REACHES_M)
    else:
        first, there = _of_first(moving), _of_first(target.surface)
        guesses = first_guesses(first.points_m, there.points_m)
        some, target_then = first.thinned(_GUESSING_POINTS, rng), Target(there)
        rough = sorted(
            (target_then.match(some, guess, _ROUGH_REACHES_M) for guess in guesses),
            key=lambda match: -scene.quality(many, match),
        )
        some = moving.thinned(_GUESSING_POINTS, rng)
        ranked = sorted(
            (target.match(some, match.pose, _NEAR_REACHES_M) for match in rough[:_POLISHED]),
            key=lambda match: -scene.quality(many, match),
        )
        if not ranked:
            raise _no_overlap(take)
        middle = np.median(moving.points_m[:, :2], axis=0)
        others = [
            match
            for match in ranked[1:]
            if are_apart(match.pose, ranked[0].pose, middle, _SAME_M, _SAME_RAD)
        ]
        best_quality = scene.quality(many, ranked[0])
        if others and scene.quality(many, others[0]) > _CLOSE_SECOND * best_quality:
            raise DataError(
                f"{take.path}: it fits the other takes in more than one way. Say about where its "
                "camera stands (--pose X,Y,YAW)."
            )
        best = target.match(many, ranked[0].pose, _NEAR_REACHES_M)
    little = best.share < _LEAST_SHARE or best.upright < _LEAST_UPRIGHT
    if little or best.rms_m > _WORST_RMS_M or scene.denied(many, best.pose) > _MOST_DENIED:
        raise _no_overlap(take)
    return best


def _around(start: Pose, moving: Surface) -> list[Pose]:
    """Return a start, and starts turned and shifted a little about what is seen."""
    middle = start.transform(np.median(moving.points_m, axis=0)[None])[0]
    poses = [start]
    for yaw_rad in (-_TURNED_RAD, 0.0, _TURNED_RAD):
        turn = Pose(position_m=np.zeros(3), orientation_wxyz=quaternion_from_yaw(yaw_rad))
        for x, y in ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
            shift = np.array([_SHIFTED_M * x, _SHIFTED_M * y, 0.0])
            aside = Pose(
                position_m=middle + shift - turn.transform(middle[None])[0],
                orientation_wxyz=turn.orientation_wxyz,
            )
            poses.append(aside.compose(start))
    return poses


def _of_first(surface: Surface) -> Surface:
    rows = surface.moments == 0
    return Surface(
        points_m=surface.points_m[rows],
        normals=surface.normals[rows],
        moments=surface.moments[rows],
    )


def _no_overlap(take: Take) -> DataError:
    return DataError(
        f"{take.path}: sees too little of what the other takes see. Turn the cameras so that they "
        "share players or furniture, or say about where it stands (--pose X,Y,YAW)."
    )
