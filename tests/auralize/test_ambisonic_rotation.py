"""Rotations of sound fields: against turned directions, closed forms and the group's laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auralize.ambisonics.rotation import (
    HeadTurner,
    channels_for_turned_head,
    rotation_of_channels,
)
from auralize.dsp.sphere_grids import golden_spiral
from auralize.dsp.spherical_harmonics import spherical_harmonics
from capture.pose import (
    Pose,
    quaternion_from_euler,
    quaternion_from_yaw,
    quaternion_multiply,
    rotation_matrix_from_quaternion,
)

ORDER = 7
ANGLES = st.floats(-7, 7)
TURNS = st.tuples(ANGLES, ANGLES, ANGLES).map(lambda angles: quaternion_from_euler(*angles))


def matrix_of(quaternion, order=ORDER):
    return rotation_of_channels(rotation_matrix_from_quaternion(quaternion), order)


@given(TURNS)
@settings(max_examples=25, deadline=None)
def test_agrees_with_encoding_from_the_turned_direction(turn):
    directions = golden_spiral(40)
    turned = directions @ rotation_matrix_from_quaternion(turn).T
    for normalisation in ("sn3d", "n3d"):
        got = spherical_harmonics(directions, ORDER, normalisation=normalisation)
        expected = spherical_harmonics(turned, ORDER, normalisation=normalisation)
        np.testing.assert_allclose(got @ matrix_of(turn).T, expected, atol=1e-12)


@given(TURNS, TURNS)
@settings(max_examples=25, deadline=None)
def test_forms_a_group_of_orthogonal_matrices(first, second):
    one, two = matrix_of(first), matrix_of(second)
    np.testing.assert_allclose(one @ one.T, np.eye(64), atol=1e-12)
    both = matrix_of(quaternion_multiply(second, first))
    np.testing.assert_allclose(two @ one, both, atol=1e-12)


@given(TURNS)
@settings(max_examples=25, deadline=None)
def test_there_and_back_is_where_it_was(turn):
    sound = np.random.default_rng(3).normal(size=(64, 10))
    back = matrix_of(turn * [1, -1, -1, -1]) @ (matrix_of(turn) @ sound)
    np.testing.assert_allclose(back, sound, atol=1e-12)


def test_about_the_vertical_it_mixes_pairs_by_multiples_of_the_angle():
    angle = 0.7
    matrix = matrix_of(quaternion_from_yaw(angle))
    expected = np.zeros((64, 64))
    for n in range(ORDER + 1):
        for m in range(-n, n + 1):
            here, other = n * n + n + m, n * n + n - m
            expected[here, here] = np.cos(m * angle)
            if m:
                expected[here, other] = -np.sin(m * angle)
    np.testing.assert_allclose(matrix, expected, atol=1e-13)


def test_the_first_order_turns_like_the_directions():
    rotation = rotation_matrix_from_quaternion(quaternion_from_euler(0.3, -0.4, 1.1))
    matrix = rotation_of_channels(rotation, 1)
    y_z_x = [1, 2, 0]
    np.testing.assert_allclose(matrix[1:, 1:], rotation[np.ix_(y_z_x, y_z_x)], atol=1e-14)


def test_rotates_many_at_once():
    turns = np.stack([quaternion_from_yaw(a) for a in (0.1, 0.2, 0.3)])
    matrices = matrix_of(turns, 3)
    assert matrices.shape == (3, 16, 16)
    np.testing.assert_allclose(matrices[2], matrix_of(turns[2], 3), atol=1e-15)


def test_a_head_turned_to_the_left_has_the_front_on_its_right():
    turned = channels_for_turned_head(quaternion_from_yaw(np.pi / 2), 2)
    front, right = spherical_harmonics(np.array([[1.0, 0, 0], [0, -1.0, 0]]), 2)
    np.testing.assert_allclose(turned @ front, right, atol=1e-14)


def test_a_turned_head_hears_what_its_pose_says():
    orientation = quaternion_from_euler(0.5, 0.2, -0.3)
    direction = golden_spiral(7)[2]
    seen = Pose(position_m=np.zeros(3), orientation_wxyz=orientation).inverse().transform(direction)
    got = channels_for_turned_head(orientation, 4) @ spherical_harmonics(direction, 4)
    np.testing.assert_allclose(got, spherical_harmonics(seen, 4), atol=1e-13)


def test_head_turning_fades_over_a_block_and_stays():
    sound = np.random.default_rng(1).normal(size=(16, 64)).astype(np.float32)
    turner = HeadTurner(16)
    straight = quaternion_from_yaw(0.0)
    np.testing.assert_allclose(turner.process(sound, straight), sound, atol=1e-6)
    left = quaternion_from_yaw(1.0)
    turned = (channels_for_turned_head(left, 3) @ sound).astype(np.float32)
    fading = turner.process(sound, left)
    np.testing.assert_allclose(fading[:, -1], turned[:, -1], atol=1e-6)
    np.testing.assert_allclose(fading[:, 31], (sound + turned)[:, 31] / 2, atol=1e-5)
    np.testing.assert_allclose(turner.process(sound, left), turned, atol=1e-6)


def test_head_turning_needs_a_full_sphere():
    with pytest.raises(ValueError, match="5 channels"):
        HeadTurner(5)
