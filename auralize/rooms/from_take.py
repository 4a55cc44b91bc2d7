"""Fit a box-shaped room to a take: its floor and the walls that its camera saw.

A camera sees one or two walls, rarely the ceiling, and never what is behind it. What it saw is
placed where it is; the rest by a rule: a wall 1.5 m behind the outermost of players, listener and
points seen, a ceiling at 2.7 m, or higher: half a metre above the highest head, and at the highest
point seen. How the room sounds cannot be seen; its reverberation time is an assumption that the
scene states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from capture.performer import Performer
from capture.players.background import Background, find_background
from capture.players.segment import SegmentConfig
from capture.take import Take
from scenes.room import Room

ASSUMED_RT60_S = 0.4
"""Reverberation time of a furnished room for music, where nothing better is known."""

UNSEEN_WALL_M = 1.5
"""A wall that was not seen is this far behind the outermost of everybody and everything seen."""

ASSUMED_HEIGHT_M = 2.7
"""Height of a ceiling that was not seen, if nobody is too tall for it."""

_MARGIN_M = 0.5
_IMAGES = 6
_POINTS = 50_000
_SAME_WALL = np.cos(np.radians(20.0))
_LOWEST_CEILING_M = 2.1
_CEILING_BIN_M = 0.05
_CEILING_SHARE = 0.02
_ABOVE_CEILING = 0.002
_SIDES = {"front": (1.0, 0.0), "back": (-1.0, 0.0), "left": (0.0, 1.0), "right": (0.0, -1.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRoom:
    """What a camera saw of a room.

    Attributes:
        background: Floor and walls.
        points_m: Some points of its images, world frame.
    """

    background: Background
    points_m: Float64[np.ndarray, "points 3"]


def room_from_take(
    take: Take, performers: Sequence[Performer], *, rt60_s: float = ASSUMED_RT60_S, seed: int = 0
) -> Room:
    """Fit a room to some images of a take.

    Args:
        take: The take.
        performers: Its players, who are inside.
        rt60_s: How long the room is to ring.
        seed: Draws the points that planes are tried through.

    Raises:
        DataError: An image of the take is broken.
    """
    count = len(take.times_s)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _IMAGES)).astype(int))
    clouds = [take.image_point_cloud(int(i), color=False).positions_m for i in chosen]
    background = find_background(clouds, SegmentConfig(), np.random.default_rng(seed))
    points = np.concatenate(clouds).astype(np.float64)
    seen = SeenRoom(background=background, points_m=points[:: max(1, len(points) // _POINTS)])
    people = [performer.trajectory.positions_m for performer in performers]
    tops = [np.max(cloud.positions_m[:, 2]) for p in performers for cloud in p.clouds if len(cloud)]
    return fit_room(
        seen,
        np.concatenate([np.array([[0.0, 0.0, 1.2]]), *people]),
        highest_m=float(max(tops, default=0.0)),
        rt60_s=rt60_s,
    )


def fit_room(
    seen: SeenRoom,
    people_m: Float[np.ndarray, "people 3"],
    *,
    highest_m: float = 0.0,
    rt60_s: float = ASSUMED_RT60_S,
) -> Room:
    """Fit a room to what was seen of it.

    The box is turned as the walls that were seen are, and has everybody inside.

    Args:
        seen: Floor, walls and points.
        people_m: Places of players and listener over time.
        highest_m: How high above the floor somebody reaches.
        rt60_s: How long the room is to ring.
    """
    walls = seen.background.walls
    yaw = _yaw_of(walls)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    world_from_room = np.array([[cosine, -sine], [sine, cosine]])
    people = people_m[:, :2] @ world_from_room
    # A door may let the camera see farther: one point in two hundred.
    points = seen.points_m[:, :2] @ world_from_room
    distances: dict[str, float] = {}
    found: list[str] = []
    for name, side in _SIDES.items():
        nearest_m = float(np.max(people @ side)) + _MARGIN_M
        there = [
            float(wall[2])
            for wall in walls
            if wall[:2] @ world_from_room @ np.array(side) > _SAME_WALL
        ]
        if there:
            distances[name] = max(min(there), nearest_m)
            found.append(name)
        else:
            reach_m = np.percentile(points @ side, 99.5) if len(points) else 0.0
            distances[name] = max(float(np.max(people @ side)), float(reach_m)) + UNSEEN_WALL_M
    a, b, c = seen.background.floor
    middle = np.array(
        [
            (distances["front"] - distances["back"]) / 2,
            (distances["left"] - distances["right"]) / 2,
        ]
    )
    x, y = world_from_room @ middle
    floor_m = min(float(a * x + b * y + c), float(people_m[:, 2].min()) - _MARGIN_M)
    height_m, ceiling = _height_of(seen, floor_m, max(highest_m, float(people_m[:, 2].max())))
    found += ["ceiling"] * ceiling
    guessed = [name for name in (*_SIDES, "ceiling") if name not in found]
    return Room(
        size_m=(
            _centimetres(distances["front"] + distances["back"]),
            _centimetres(distances["left"] + distances["right"]),
            _centimetres(height_m),
        ),
        floor_center_m=(_centimetres(x), _centimetres(y), _centimetres(floor_m)),
        yaw_deg=round(float(np.degrees(yaw)), 1) + 0.0,
        rt60_s=rt60_s,
        note=_note(found, guessed, rt60_s),
    )


def _yaw_of(walls: Float64[np.ndarray, "walls 3"]) -> float:
    """Return how far walls are turned, within ±45°, taking them to be at right angles."""
    if len(walls) == 0:
        return 0.0
    fourfold = np.sum(np.exp(4j * np.arctan2(walls[:, 1], walls[:, 0])))
    return float(np.angle(fourfold)) / 4


def _height_of(seen: SeenRoom, floor_m: float, highest_m: float) -> tuple[float, bool]:
    """Return the height of the ceiling, and whether it was seen.

    A ceiling is a level with many points and next to none above.
    """
    heights = seen.points_m[:, 2] - floor_m
    over = heights[heights > max(_LOWEST_CEILING_M, highest_m - floor_m)]
    if len(over) > 0:
        bins = np.floor(over / _CEILING_BIN_M).astype(int)
        counts = np.bincount(bins)
        best = int(np.argmax(counts))
        above = np.count_nonzero(bins > best + 1)
        if counts[best] > _CEILING_SHARE * len(heights) and above < _ABOVE_CEILING * len(heights):
            return float(np.median(over[np.abs(bins - best) <= 1])), True
    tallest_m = float(np.percentile(heights, 99.9)) if len(heights) else 0.0
    return max(ASSUMED_HEIGHT_M, highest_m - floor_m + _MARGIN_M, tallest_m), False


def _note(found: list[str], guessed: list[str], rt60_s: float) -> str:
    seen = f"the camera saw floor, {', '.join(found)}" if found else "the camera saw the floor"
    assumed = f"; assumed are {', '.join(guessed)}" if guessed else ""
    return f"fitted to the take: {seen}{assumed}, and the reverberation time of {rt60_s:g} s"


def _centimetres(value_m: float) -> float:
    return round(float(value_m), 2) + 0.0
