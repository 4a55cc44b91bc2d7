"""A room fitted to a take: walls that were seen are where they are, others by the rule."""

from __future__ import annotations

import numpy as np
import pytest

from auralize.rooms.from_take import (
    ASSUMED_HEIGHT_M,
    UNSEEN_WALL_M,
    SeenRoom,
    fit_room,
    room_from_take,
)
from capture.players.background import find_background
from capture.players.segment import SegmentConfig
from scenes import Scene

EARS = np.array([0.0, 0.0, 1.2])


def plane(rng, low, high, count=8000, noise_m=0.004):
    """Points on an axis-parallel rectangle, with the noise of a depth camera."""
    return rng.uniform(low, high, (count, 3)) + rng.normal(scale=noise_m, size=(count, 3))


def turned(points, yaw_deg):
    yaw = np.radians(yaw_deg)
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return points @ turn.T


def seen(points):
    background = find_background([points], SegmentConfig(), np.random.default_rng(0))
    return SeenRoom(background=background, points_m=points)


@pytest.fixture(scope="module")
def corner():
    """A floor, a wall at 3.5 m in front and one 2.2 m to the left, up to 2.3 m; two players."""
    rng = np.random.default_rng(1)
    players = np.array([[2.0, 1.0, 1.1], [2.4, -1.3, 1.1]])
    return np.concatenate(
        [
            plane(rng, (0.8, -2.5, 0), (3.5, 2.2, 0)),
            plane(rng, (3.5, -2.5, 0), (3.5, 2.2, 2.3)),
            plane(rng, (0.8, 2.2, 0), (3.5, 2.2, 2.3)),
            *(
                place * (1, 1, 0) + plane(rng, (-0.2, -0.2, 0.4), (0.2, 0.2, 1.7), 1000)
                for place in players
            ),
        ]
    ), np.vstack([EARS, players])


@pytest.mark.parametrize("yaw_deg", [0.0, 20.0, -35.0])
def test_walls_that_were_seen_are_where_they_are(corner, yaw_deg):
    points, people = (turned(each, yaw_deg) for each in corner)
    room = fit_room(seen(points), people)
    assert room.yaw_deg == pytest.approx(yaw_deg, abs=0.5)
    # The middle of each wall, in the room's own axes.
    for on_wall in ((3.5, 0.0, 1.0), (0.0, 2.2, 1.0)):
        depth = room.depth_inside_m(turned(np.array(on_wall), yaw_deg))
        assert depth == pytest.approx(0, abs=0.04)
    assert "the camera saw floor, front, left; assumed are back, right, ceiling" in room.note


def test_other_walls_are_placed_by_the_rule(corner):
    points, people = corner
    room = fit_room(seen(points), people)
    length, width, height = room.size_m
    assert height == ASSUMED_HEIGHT_M
    assert length == pytest.approx(3.5 + UNSEEN_WALL_M, abs=0.05)  # behind the listener
    assert width == pytest.approx(2.2 + 2.5 + UNSEEN_WALL_M, abs=0.1)  # behind the floor seen
    assert room.floor_center_m[2] == pytest.approx(0, abs=0.02)


def test_a_ceiling_that_was_seen(corner):
    points, people = corner
    rng = np.random.default_rng(2)
    with_ceiling = np.concatenate([points, plane(rng, (1.5, -2.5, 2.45), (3.5, 2.2, 2.45))])
    room = fit_room(seen(with_ceiling), people)
    assert room.size_m[2] == pytest.approx(2.45, abs=0.03)
    assert "ceiling" in room.note.split(";")[0]


def test_everybody_is_inside_even_where_a_wall_is_seen_before_them(corner):
    points, people = corner
    behind = np.vstack([people, [3.9, 0.0, 1.1]])
    room = fit_room(seen(points), behind, highest_m=2.6)
    assert room.depth_inside_m(behind).min() > 0.4
    assert room.size_m[2] > 3.0


def test_nothing_seen_is_a_room_around_the_listener():
    rng = np.random.default_rng(3)
    floor_only = plane(rng, (0.5, -1, 0), (2, 1, 0))
    room = fit_room(seen(floor_only), EARS[None])
    assert room.note.startswith("fitted to the take: the camera saw the floor; assumed are front")
    assert room.yaw_deg == 0
    assert room.depth_inside_m(EARS) > 1.0


def test_the_room_of_a_take_holds_its_players(duo_take):
    from capture.players import FindConfig, find_performers
    from capture.take import open_take

    with open_take(duo_take) as take:
        performers = find_performers(take, FindConfig(rate_hz=1.0, clouds_hz=1.0))
        room = room_from_take(take, performers, rt60_s=0.5)
    places = np.concatenate([performer.trajectory.positions_m for performer in performers])
    assert room.depth_inside_m(np.vstack([places, EARS])).min() > 0.3
    assert room.rt60_s == 0.5
    scene = Scene.model_validate(
        {
            "sample_rate_hz": 48_000,
            "room": room,
            "sources": [{"name": "a", "file": "a.wav", "position_m": places[0]}],
        }
    )
    assert scene.room == room
