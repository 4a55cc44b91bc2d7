"""Bodies and instruments as meshes and skeletons."""

from collections import Counter

import numpy as np
import pytest

from capture.simulate.bodies import (
    BONES,
    PARENTS,
    TEST_BODIES,
    TRAIN_BODIES,
    dress,
    load_body,
    skin,
    vertex_normals,
)
from capture.simulate.bows import make_bow
from capture.simulate.instruments import make_instrument
from capture.simulate.make_bodies import PEOPLE
from capture.simulate.rotations import bend_limb, frame, turn, turn_about, twist_angle
from capture.simulate.string_sizes import STRING_SIZES


def edges_of(faces):
    """Count directed edges."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return Counter(map(tuple, pairs.tolist()))


def volume(vertices, faces):
    """Return the enclosed volume (divergence theorem); negative when wound inside out."""
    a, b, c = vertices[faces].astype(np.float64).transpose(1, 0, 2)
    return float(np.einsum("fx,fx->", a, np.cross(b, c)) / 6)


def closed_share(faces):
    """Return the share of edges that another face runs along the other way."""
    edges = edges_of(faces)
    return np.mean([edges.get((b, a), 0) == count for (a, b), count in edges.items()])


def test_people_are_as_tall_and_as_heavy_as_people():
    statures = [float(load_body(i).landmarks_m["crown"][2]) for i in range(len(PEOPLE))]
    assert 1.5 < min(statures) < 1.65
    assert 1.8 < max(statures) < 2.0
    # Litres; people are about as dense as water.
    volumes = [1e3 * volume(load_body(i).vertices_m, load_body(i).faces) for i in range(16)]
    assert min(volumes) > 45
    assert max(volumes) < 125


def test_training_and_test_bodies_are_different_people():
    assert not set(TRAIN_BODIES) & set(TEST_BODIES)
    assert sorted((*TRAIN_BODIES, *TEST_BODIES)) == list(range(len(PEOPLE)))


def test_bodies_stand_on_the_floor_and_are_closed():
    body = load_body(0)
    assert closed_share(body.faces) > 0.999
    for number in range(len(PEOPLE)):
        assert abs(load_body(number).vertices_m[:, 2].min()) < 0.005


def test_bones_hang_on_bones_before_them():
    assert PARENTS[0] == -1
    assert all(0 <= parent < index for index, parent in enumerate(PARENTS) if index)
    assert PARENTS[BONES.index("hand_right")] == BONES.index("forearm_twist_right")


def test_an_unknown_body_is_refused():
    with pytest.raises(ValueError, match="choose 0 to 15"):
        load_body(16)


def test_the_rest_pose_leaves_the_mesh_as_it_is():
    body = load_body(3)
    rest = np.tile(np.eye(3), (len(BONES), 1, 1))
    np.testing.assert_allclose(
        skin(body.vertices_m, body, rest, body.joints_m), body.vertices_m, atol=1e-6
    )


def test_one_turn_of_all_bones_turns_the_mesh():
    body = load_body(5)
    rotation, shift = turn(0.7, -0.3, 0.2), np.array([1.0, -2.0, 0.5])
    moved = skin(
        body.vertices_m,
        body,
        np.tile(rotation, (len(BONES), 1, 1)),
        body.joints_m @ rotation.T + shift,
    )
    np.testing.assert_allclose(moved, body.vertices_m @ rotation.T + shift, atol=1e-5)


@pytest.mark.parametrize("number", [1, 14])
def test_clothes_go_outward_and_stay_thin(number):
    body = load_body(number)
    dressed, colors = dress(body, np.random.default_rng(number))
    along = np.einsum(
        "vx,vx->v", dressed - body.vertices_m, vertex_normals(body.vertices_m, body.faces)
    )
    # Soles are cut off at the floor, so a few vertices move less.
    assert along.min() > -0.02
    assert 0.003 < along.mean() < 0.03
    assert along.max() < 0.06
    assert len(np.unique(colors, axis=0)) >= 4


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", [*STRING_SIZES, "saxophone"])
def test_instruments_are_closed_and_wound_outward(name, split):
    mesh = make_instrument(name, np.random.default_rng(2), split=split).mesh
    assert closed_share(mesh.faces) == 1.0
    assert volume(mesh.vertices_m, mesh.faces) > 0
    assert 1000 < len(mesh.faces) < 5000


@pytest.mark.parametrize(
    ("name", "total_m", "body_m"),
    # Sizes of standard instruments: Wikipedia's articles of each, makers' tables.
    [
        ("violin", 0.59, 0.356),
        ("viola", 0.68, 0.410),
        ("cello", 1.22, 0.755),
        ("double_bass", 1.80, 1.11),
        ("guitar", 1.00, 0.49),
    ],
)
def test_stringed_instruments_have_their_size(name, total_m, body_m):
    instrument = make_instrument(name, np.random.default_rng(0))
    z = instrument.mesh.vertices_m[:, 2] / instrument.scale
    assert z.max() == pytest.approx(total_m, rel=0.03)
    assert instrument.strings().body / instrument.scale == pytest.approx(body_m, rel=0.01)


def test_test_variants_have_sizes_that_training_never_shows():
    scales = {
        split: [
            make_instrument("violin", np.random.default_rng(seed), split=split).scale
            for seed in range(20)
        ]
        for split in ("train", "test")
    }
    assert max(abs(scale - 1) for scale in scales["train"]) <= 0.02
    assert min(abs(scale - 1) for scale in scales["test"]) >= 0.02


@pytest.mark.parametrize("name", list(STRING_SIZES))
def test_strings_run_straight_from_nut_to_bridge(name):
    instrument = make_instrument(name, np.random.default_rng(1))
    s = instrument.strings()
    for string in range(len(s.open_pitches)):
        bridge, nut = (instrument.string_point(string, at) for at in (0.0, s.string))
        # Along z the length is exact; the slant adds less than 2 %.
        assert np.linalg.norm(nut - bridge) == pytest.approx(s.string, rel=0.02)
        middle = instrument.string_point(string, s.string / 2)
        np.testing.assert_allclose(middle, (bridge + nut) / 2, atol=1e-9)
    lowest, highest = (
        instrument.string_point(0, 0.0),
        instrument.string_point(len(s.open_pitches) - 1, 0),
    )
    assert lowest[0] > highest[0]


@pytest.mark.parametrize("name", ["violin", "viola", "cello", "double_bass"])
def test_bows_have_their_length(name):
    z = make_bow(name).mesh.vertices_m[:, 2]
    assert 0.68 < np.ptp(z) < 0.76
    assert closed_share(make_bow(name).mesh.faces) == 1.0


def test_a_limb_reaches_its_target_with_its_own_lengths():
    rng = np.random.default_rng(4)
    for _ in range(50):
        start, pole = rng.normal(size=3), rng.normal(size=3)
        upper, lower = rng.uniform(0.2, 0.4, 2)
        direction = rng.normal(size=3)
        reach = rng.uniform(abs(upper - lower) + 0.02, upper + lower - 0.01)
        target = start + reach * direction / np.linalg.norm(direction)
        middle, end = bend_limb(start, target, upper, lower, pole)
        np.testing.assert_allclose(end, target, atol=1e-9)
        assert np.linalg.norm(middle - start) == pytest.approx(upper)
        assert np.linalg.norm(end - middle) == pytest.approx(lower)
        along = (target - start) / reach
        side = pole - along * (pole @ along)
        assert (middle - start) @ side > 0


def test_a_limb_that_is_too_short_points_at_its_target():
    middle, end = bend_limb(np.zeros(3), np.array([0, 0, 5.0]), 0.3, 0.2, np.array([1.0, 0, 0]))
    np.testing.assert_allclose(end, [0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(middle, [0, 0, 0.3], atol=1e-6)


def test_twist_is_what_was_twisted():
    axis = np.array([0.3, -0.5, 0.8])
    swing_axis = np.cross(axis, [1.0, 0, 0])
    for angle in (-2.0, -0.4, 0.0, 1.1, 2.5):
        rotation = turn_about(swing_axis, 0.6) @ turn_about(axis, angle)
        assert twist_angle(rotation, axis) == pytest.approx(angle, abs=1e-9)


def test_frames_are_rotations():
    rng = np.random.default_rng(0)
    for _ in range(10):
        first, second = rng.normal(size=(2, 3))
        matrix = frame(first, second)
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert matrix[:, 1] @ second > 0
