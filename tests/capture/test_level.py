"""The world's frame, found in rooms whose camera pose is known exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.camera.calibration import Calibration
from capture.k4a_mkv import ImuSamples
from capture.pose import Pose, quaternion_from_euler, quaternion_from_rotation_matrix
from capture.take.level import UP_IN_CAMERA, find_floor, up_from_imu, world_from_camera_pose

CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED")
WORLD_FROM_CAMERA_AXES = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def camera_pose(height_m, pitch_deg, roll_deg):
    """A camera that looks along x, turned down by its pitch and leant over by its roll."""
    turn = Pose(
        position_m=np.array([0.0, 0.0, height_m]),
        orientation_wxyz=quaternion_from_euler(0.0, np.radians(pitch_deg), np.radians(roll_deg)),
    )
    axes = Pose(
        position_m=np.zeros(3),
        orientation_wxyz=quaternion_from_rotation_matrix(WORLD_FROM_CAMERA_AXES),
    )
    return turn.compose(axes)


def room_seen_from(pose, rng, *, floor=True):
    """What a camera sees of a floor, a wall at 3.6 m, and two boxes as high as seated people."""
    rays = CALIBRATION.depth_rays()[::4, ::4].reshape(-1, 3).astype(np.float64)
    rays = rays[np.isfinite(rays[:, 0])]
    world = rays @ pose.rotation.T
    origin = pose.position_m
    distance = np.full(len(rays), np.inf)
    candidates = [((3.6 - origin[0]) / world[:, 0], slice(None))]
    if floor:
        candidates.append((-origin[2] / world[:, 2], slice(None)))
    for t, _ in candidates:
        distance = np.where((t > 0) & (t < distance), t, distance)
    for x, y in ((2.2, 0.7), (2.6, -0.8)):
        t = (x - origin[0]) / world[:, 0]
        hit = origin + t[:, None] * world
        inside = (np.abs(hit[:, 1] - y) < 0.3) & (hit[:, 2] > 0) & (hit[:, 2] < 1.3)
        distance = np.where(inside & (t > 0) & (t < distance), t, distance)
    points = rays * distance[:, None]
    seen = np.isfinite(distance) & (points[:, 2] > 0.5) & (points[:, 2] < 3.9)
    noise = rng.normal(0, 0.006, np.count_nonzero(seen))
    return points[seen] * (1 + noise / distance[seen])[:, None]


def angle_deg(left, right):
    return np.degrees(np.arccos(np.clip(left @ right, -1, 1)))


@given(
    height_m=st.floats(0.5, 2.2),
    pitch_deg=st.floats(0, 30),
    roll_deg=st.floats(-8, 8),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_floor_gives_height_and_tilt(height_m, pitch_deg, roll_deg, seed):
    pose = camera_pose(height_m, pitch_deg, roll_deg)
    points = room_seen_from(pose, np.random.default_rng(seed))
    up = pose.rotation[2]
    floor_share = np.mean((points @ up + height_m) < 0.03)
    if floor_share < 0.05:
        return  # a high camera that looks straight ahead sees next to no floor
    for expected, cone_deg, height_error_m in ((UP_IN_CAMERA, 40, 0.04), (up, 4, 0.02)):
        floor = find_floor(points, expected, cone_rad=np.radians(cone_deg))
        assert floor is not None
        assert floor.camera_height_m == pytest.approx(height_m, abs=height_error_m)
        assert angle_deg(floor.up, up) < 0.7
        found = world_from_camera_pose(floor.up, floor.camera_height_m)
        np.testing.assert_allclose(found.rotation[2], up, atol=0.015)


def test_a_few_points_below_the_floor_do_not_pull_it_down():
    rng = np.random.default_rng(1)
    pose = camera_pose(1.2, 10, 0)
    points = room_seen_from(pose, rng)
    mirrored = rng.choice(points, len(points) // 100) + 0.5 * -pose.rotation[2]
    floor = find_floor(np.concatenate([points, mirrored]))
    assert floor.camera_height_m == pytest.approx(1.2, abs=0.02)


def test_without_a_floor_none_is_found():
    pose = camera_pose(1.2, 0, 0)
    points = room_seen_from(pose, np.random.default_rng(1), floor=False)
    wall = points[points[:, 2] > 3.4]
    assert find_floor(wall) is None
    assert find_floor(wall[:20]) is None


@given(height_m=st.floats(0.3, 3), pitch_deg=st.floats(-60, 60), roll_deg=st.floats(-60, 60))
def test_the_camera_looks_along_x_from_above_the_origin(height_m, pitch_deg, roll_deg):
    pose = camera_pose(height_m, pitch_deg, roll_deg)
    found = world_from_camera_pose(pose.rotation[2], height_m)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=1e-9)
    np.testing.assert_allclose(found.position_m, [0, 0, height_m])
    front = found.rotation @ [0, 0, 1]
    assert front[1] == pytest.approx(0, abs=1e-9)
    assert front[0] > 0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_camera_that_looks_straight_down_or_up_still_has_a_frame(sign):
    up = np.array([0.0, 0.0, -1.0 * sign])
    pose = world_from_camera_pose(up, 2.0)
    np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(pose.rotation @ up, [0, 0, 1], atol=1e-9)


def imu(acceleration):
    acceleration = np.atleast_2d(np.asarray(acceleration, np.float32))
    return ImuSamples(
        times_s=np.arange(len(acceleration)) * 0.01,
        gyroscope_times_s=np.arange(len(acceleration)) * 0.01,
        acceleration_m_s2=acceleration,
        angular_velocity_rad_s=np.zeros_like(acceleration),
    )


@given(st.floats(-40, 40), st.floats(-20, 20))
def test_the_accelerometer_shows_up_through_its_own_axes(pitch_deg, roll_deg):
    pose = camera_pose(1.0, pitch_deg, roll_deg)
    up = pose.rotation[2]
    measured = CALIBRATION.accelerometer_from_depth.rotation @ (9.81 * up)
    np.testing.assert_allclose(up_from_imu(imu(measured), CALIBRATION), up, atol=1e-6)


def test_a_real_sensor_stood_upright(shared):
    """Its recording shows a desk from above: up is minus y, leaning back by some ten degrees."""
    from capture.k4a_mkv import K4ARecording

    with K4ARecording(shared / "data/pyk4a_recording.mkv") as recording:
        up = up_from_imu(recording.imu(), recording.calibration)
    assert angle_deg(up, UP_IN_CAMERA) < 15
    assert up[2] > 0


def test_a_knock_does_not_tilt_the_world():
    resting = CALIBRATION.accelerometer_from_depth.rotation @ (9.81 * UP_IN_CAMERA)
    samples = np.tile(resting, (50, 1))
    samples[20:24] += 30.0
    np.testing.assert_allclose(up_from_imu(imu(samples), CALIBRATION), UP_IN_CAMERA, atol=1e-6)


@pytest.mark.parametrize("acceleration", [np.zeros((0, 3)), [0, 0, 0], [0, 0, 30], [0, 0, np.nan]])
def test_what_is_not_gravity_shows_no_up(acceleration):
    assert up_from_imu(imu(acceleration), CALIBRATION) is None
