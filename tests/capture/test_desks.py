"""Desks of music stands, alone and where they touch, and flat things that are no desks."""

import numpy as np
import pytest

from capture.players.desks import DeskConfig, find_desks
from capture.players.segment import SegmentConfig, components

VOXEL_M = 0.05


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def panel(rng, *, width, height, lean_rad, center=(1.6, 0.0, 1.0), turn_rad=0.0):
    """A flat thing; with a positive lean its top is nearer to the camera than its foot."""
    along, up = rng.uniform(-0.5, 0.5, (2, 8000)) * np.array([[width], [height]])
    flat = np.column_stack([-up * np.sin(lean_rad), along, up * np.cos(lean_rad)])
    flat += rng.normal(0, 0.003, flat.shape)
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    return flat @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]) + center


def body(rng, center=(1.95, 0.0, 0.9)):
    directions = rng.normal(size=(20_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return center + directions * (0.15, 0.25, 0.6)


def share_found(*parts):
    """Which share of each part's points is in a voxel of a desk."""
    points = np.concatenate(parts).astype(np.float32)
    image = components(points, SegmentConfig())
    desk = np.append(find_desks(image, VOXEL_M, DeskConfig()), False)[image.point_cells]
    cuts = np.cumsum([len(part) for part in parts])[:-1]
    return [float(own.mean()) for own in np.split(desk, cuts)]


@pytest.mark.parametrize("lean_rad", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("turn_rad", [0.0, 0.6])
def test_a_desk_is_found(rng, lean_rad, turn_rad):
    desk = panel(rng, width=0.46, height=0.3, lean_rad=lean_rad, turn_rad=turn_rad)
    assert share_found(desk)[0] > 0.9


def test_a_desk_that_touches_a_body_is_found_and_the_body_is_not(rng):
    desk = panel(rng, width=0.46, height=0.3, lean_rad=0.7, center=(1.68, 0.05, 1.0))
    person = body(rng)
    together = components(np.concatenate([desk, person]).astype(np.float32), SegmentConfig())
    assert together.count == 1
    of_desk, of_person = share_found(desk, person)
    assert of_desk > 0.9
    assert of_person < 0.03


@pytest.mark.parametrize(
    ("width", "height", "lean_rad"),
    [
        (0.44, 0.75, -0.35),  # the front of a cello
        (0.20, 0.33, 0.8),  # the back of a violin
        (3.0, 2.0, 0.0),  # a wall
        (0.45, 0.45, -np.pi / 2),  # a seat, from above
    ],
)
def test_other_flat_things_are_no_desks(rng, width, height, lean_rad):
    assert share_found(panel(rng, width=width, height=height, lean_rad=lean_rad)) == [0.0]


def test_bodies_and_nothing_have_no_desks(rng):
    assert share_found(body(rng)) == [0.0]
    empty = components(np.zeros((0, 3), np.float32), SegmentConfig())
    assert find_desks(empty, VOXEL_M, DeskConfig()).shape == (0,)
