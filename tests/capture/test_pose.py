"""Quaternions, poses and trajectories: group axioms, and scipy as the other implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from capture.pose import (
    Pose,
    Trajectory,
    quaternion_from_euler,
    quaternion_from_rotation_matrix,
    quaternion_from_yaw,
    quaternion_multiply,
    rotation_matrix_from_quaternion,
    slerp,
    yaw_from_quaternion,
)

SEEDS = st.integers(0, 2**32 - 1)


def random_pose(rng):
    quaternion = rng.normal(size=4)
    return Pose(
        position_m=rng.normal(size=3), orientation_wxyz=quaternion / np.linalg.norm(quaternion)
    )


def wxyz(rotation):
    return np.roll(rotation.as_quat(), 1)


@given(SEEDS)
def test_group_axioms(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (random_pose(rng) for _ in range(3))
    points = rng.normal(size=(4, 3))
    np.testing.assert_allclose(
        a.compose(b).compose(c).transform(points),
        a.transform(b.transform(c.transform(points))),
        atol=1e-12,
    )
    np.testing.assert_allclose(a.inverse().transform(a.transform(points)), points, atol=1e-12)


@given(SEEDS)
def test_matrices_agree_with_scipy(seed):
    rng = np.random.default_rng(seed)
    left, right = Rotation.random(2, rng=rng)
    np.testing.assert_allclose(
        rotation_matrix_from_quaternion(wxyz(left)), left.as_matrix(), atol=1e-12
    )
    product = quaternion_multiply(wxyz(left), wxyz(right))
    np.testing.assert_allclose(
        rotation_matrix_from_quaternion(product), (left * right).as_matrix(), atol=1e-12
    )
    back = quaternion_from_rotation_matrix(left.as_matrix())
    assert abs(back @ wxyz(left)) == pytest.approx(1.0, abs=1e-12)


@given(SEEDS, st.floats(0, 1))
def test_slerp_agrees_with_scipy(seed, fraction):
    pair = Rotation.random(2, rng=np.random.default_rng(seed))
    expected = Slerp([0, 1], pair)(fraction)
    actual = slerp(wxyz(pair[0]), wxyz(pair[1]), np.array(fraction))
    assert abs(actual @ wxyz(expected)) == pytest.approx(1.0, abs=1e-9)


@given(st.floats(-3.1, 3.1), st.floats(-1.5, 1.5), st.floats(-3.1, 3.1))
def test_euler_agrees_with_scipy(yaw, pitch, roll):
    expected = Rotation.from_euler("ZYX", [yaw, pitch, roll])
    assert abs(quaternion_from_euler(yaw, pitch, roll) @ wxyz(expected)) == pytest.approx(1.0)


@given(st.floats(-3.1, 3.1))
def test_yaw_round_trip(yaw):
    assert yaw_from_quaternion(quaternion_from_yaw(yaw)) == pytest.approx(yaw, abs=1e-9)


def test_left_turn_points_left():
    pose = Pose(position_m=np.zeros(3), orientation_wxyz=quaternion_from_yaw(np.pi / 2))
    np.testing.assert_allclose(pose.transform(np.array([[1.0, 0, 0]])), [[0, 1, 0]], atol=1e-12)


def trajectory():
    return Trajectory(
        times_s=np.array([1.0, 3.0]),
        positions_m=np.array([[0.0, 0, 0], [2.0, -4, 6]]),
        orientations_wxyz=np.array([quaternion_from_yaw(0.0), quaternion_from_yaw(1.0)]),
    )


def test_trajectory_is_linear_between_and_holds_outside():
    moving = trajectory()
    np.testing.assert_allclose(moving.at(2.0).position_m, [1, -2, 3])
    assert moving.at(2.0).yaw_rad == pytest.approx(0.5)
    np.testing.assert_allclose(moving.at(-5.0).position_m, [0, 0, 0])
    np.testing.assert_allclose(moving.at(9.0).position_m, [2, -4, 6])
    assert moving.at(9.0).yaw_rad == pytest.approx(1.0)


@pytest.mark.parametrize("times", [[1.0, 1.0], [2.0, 1.0], [0.0, np.nan]])
def test_trajectory_refuses_times_that_do_not_increase(times):
    with pytest.raises(ValueError, match="times"):
        Trajectory(
            times_s=np.array(times),
            positions_m=np.zeros((2, 3)),
            orientations_wxyz=np.tile([1.0, 0, 0, 0], (2, 1)),
        )


def test_pose_refuses_nan():
    with pytest.raises(ValueError, match="finite"):
        Pose(position_m=np.array([0.0, np.nan, 0.0]))
