"""Axis conversions: round trips, lengths, handedness, and directions named in words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from capture import axes
from capture.pose import quaternion_from_euler, rotation_matrix_from_quaternion

POINTS = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-1e3, 1e3)
)
PAIRS = {
    "camera": (axes.camera_from_world_axes, axes.world_from_camera_axes, 1.0, 1),
    "gltf": (axes.gltf_from_world, axes.world_from_gltf, 1.0, 1),
    "unity": (axes.unity_from_world, axes.world_from_unity, 1.0, -1),
    "unreal": (axes.unreal_from_world, axes.world_from_unreal, 100.0, -1),
    "adm": (axes.adm_from_world, axes.world_from_adm, 1.0, 1),
}
FRONT, LEFT, UP = np.eye(3)


@pytest.mark.parametrize("name", PAIRS)
@given(points=POINTS)
def test_pairs_are_inverse_and_keep_lengths(name, points):
    there, back, scale, _ = PAIRS[name]
    np.testing.assert_allclose(back(there(points)), points, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.norm(there(points), axis=-1),
        scale * np.linalg.norm(points, axis=-1),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("name", PAIRS)
def test_handedness(name):
    there, _, scale, sign = PAIRS[name]
    assert np.linalg.det(there(np.eye(3)).T / scale) == pytest.approx(sign)


@pytest.mark.parametrize(
    ("convert", "front", "left", "up"),
    [
        # the words of each system's own documentation for front, left and up
        (axes.camera_from_world_axes, (0, 0, 1), (-1, 0, 0), (0, -1, 0)),
        (axes.gltf_from_world, (0, 0, -1), (-1, 0, 0), (0, 1, 0)),
        (axes.unity_from_world, (0, 0, 1), (-1, 0, 0), (0, 1, 0)),
        (axes.unreal_from_world, (100, 0, 0), (0, -100, 0), (0, 0, 100)),
        (axes.adm_from_world, (0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ],
)
def test_front_left_up(convert, front, left, up):
    np.testing.assert_array_equal(convert(FRONT), front)
    np.testing.assert_array_equal(convert(LEFT), left)
    np.testing.assert_array_equal(convert(UP), up)


@given(points=POINTS, yaw=st.floats(-10, 10))
def test_network_axes_round_trip(points, yaw):
    there = axes.network_from_world(points, yaw)
    np.testing.assert_allclose(axes.world_from_network(there, yaw), points, atol=1e-9)


def test_network_axes_of_a_performer_who_faces_the_camera():
    # Facing −x: what is nearer to the camera is ahead; the performer's left hand is at −y.
    facing = axes.network_from_world(np.array([-1.0, 0.0, 0.0]), np.pi)
    np.testing.assert_allclose(facing, (0, 0, 1), atol=1e-12)
    left_hand = axes.network_from_world(np.array([0.0, -1.0, 0.0]), np.pi)
    np.testing.assert_allclose(left_hand, (-1, 0, 0), atol=1e-12)


@given(azimuth=st.floats(-3.1, 3.1), elevation=st.floats(-1.5, 1.5), distance=st.floats(0.1, 100))
def test_spherical_round_trip(azimuth, elevation, distance):
    point = axes.world_from_spherical(azimuth, elevation, distance)
    np.testing.assert_allclose(
        axes.spherical_from_world(point), (azimuth, elevation, distance), rtol=1e-9, atol=1e-9
    )


def test_left_is_a_positive_azimuth():
    azimuth, elevation, distance = axes.spherical_from_world(np.array([0.0, 2.0, 0.0]))
    assert (azimuth, elevation, distance) == (pytest.approx(np.pi / 2), 0.0, 2.0)


@given(yaw=st.floats(-3, 3), pitch=st.floats(-1.5, 1.5), roll=st.floats(-3, 3), points=POINTS)
def test_turns_in_gltf_axes_are_the_same_turns(yaw, pitch, roll, points):
    turn = quaternion_from_euler(yaw, pitch, roll)
    there = rotation_matrix_from_quaternion(axes.gltf_quaternion_from_world(turn))
    in_world = points @ rotation_matrix_from_quaternion(turn).T
    np.testing.assert_allclose(
        axes.gltf_from_world(points) @ there.T, axes.gltf_from_world(in_world), atol=1e-9
    )
    back = axes.world_quaternion_from_gltf(axes.gltf_quaternion_from_world(turn))
    np.testing.assert_array_equal(back, turn)
