"""The simulated sensor: geometry against planes, errors against what is documented."""

import numpy as np
import pytest

from capture.camera.calibration import Calibration
from capture.simulate.empty_room import Shell
from capture.simulate.kinect import FARTHEST_M, SimulatedKinect, camera_pose
from capture.simulate.solids import box, join

NOBODY = join([box((0.1, 0.1, 0.1), (-3, 0, 1), (128, 128, 128))])
"""A box behind the camera: something to hand over where nothing is to be seen."""


def kinect(bounds, *, height_m=1.3, pitch_rad=0.1, color_mode=None):
    return SimulatedKinect(
        Calibration.simulated(color_mode=color_mode),
        camera_pose(height_m, pitch_rad),
        shell=Shell(bounds_m=np.array(bounds, np.float64)),
    )


def measure(sensor, mesh=NOBODY, seed=0):
    depth_m, index = sensor.see(mesh.vertices_m, mesh.faces)
    rng = np.random.default_rng(seed)
    measured = sensor.measure(mesh.vertices_m, mesh.faces, mesh.colors, depth_m, index, rng)
    return depth_m, index, measured


def test_the_floor_and_the_walls_are_planes():
    bounds = [[-1, -1.8, 0], [3.0, 1.5, 2.4]]
    sensor = kinect(bounds)
    depth_m, _, depth_mm = measure(sensor)
    assert np.isfinite(depth_m).all()
    points = sensor.world_from_camera.transform(sensor.calibration.unproject(depth_mm))
    low, high = np.array(bounds)
    planes = np.stack(
        [
            points[:, 2] - low[2],
            points[:, 2] - high[2],
            points[:, 0] - high[0],
            points[:, 1] - low[1],
            points[:, 1] - high[1],
        ]
    )
    nearest = np.abs(planes).min(axis=0)
    assert np.median(nearest) < 0.005
    assert np.quantile(nearest, 0.99) < 0.03
    assert all((np.abs(plane) < 0.01).sum() > 300 for plane in planes)


def test_the_camera_looks_down_by_its_pitch():
    pose = camera_pose(1.3, 0.2)
    np.testing.assert_allclose(
        pose.transform(np.array([[0.0, 0.0, 1.0]]))[0],
        [np.cos(0.2), 0.0, 1.3 - np.sin(0.2)],
        atol=1e-12,
    )
    right_ear_down = camera_pose(1.3, 0.0, 0.1).rotation @ np.array([1.0, 0.0, 0.0])
    assert right_ear_down[2] < 0


@pytest.mark.parametrize("distance", [1.0, 2.0, 3.0, 3.6])
def test_random_error_is_within_what_is_documented(distance):
    """At most 17 mm (standard deviation), growing with distance; systematic below 11 mm + 0.1 %."""
    sensor = kinect([[-1, -9, 0], [distance, 9, 9]], pitch_rad=0.0)
    images = np.stack([measure(sensor, seed=seed)[2][250:320, 280:360] for seed in range(12)])
    images = np.where(images > 0, images, np.nan) / 1e3
    random = np.nanmedian(np.nanstd(images, axis=0))
    systematic = np.nanmean(images) - distance
    assert 0.0005 < random < 0.017
    assert abs(systematic) < 0.011 + 0.001 * distance
    if distance > 1:
        nearer = kinect([[-1, -9, 0], [distance - 1, 9, 9]], pitch_rad=0.0)
        stack = np.stack([measure(nearer, seed=seed)[2][250:320, 280:360] for seed in range(12)])
        assert np.median(np.std(stack / 1e3, axis=0)) < random


def test_only_the_lit_hexagon_within_reach_is_measured():
    sensor = kinect([[-1, -9, 0], [2.0, 9, 9]])
    depth_m, _, depth_mm = measure(sensor)
    lit = sensor.calibration.lit_pixels()
    assert (depth_mm[~lit] == 0).all()
    assert np.mean(depth_mm[lit & (depth_m < 3.5)] > 0) > 0.95
    far = kinect([[-1, -9, -9], [FARTHEST_M + 0.1, 9, 9]], pitch_rad=0.0)
    assert (measure(far)[2][200:380, 200:440] == 0).all()


def test_edges_lose_pixels_and_let_some_fly():
    sensor = kinect([[-1, -9, 0], [3.0, 9, 9]], pitch_rad=0.0, height_m=1.3)
    plate = box((0.02, 0.8, 0.8), (1.5, 0, 1.3), (200, 200, 200))
    depth_m, index, depth_mm = measure(sensor, plate)
    edge = (index >= 0) & (np.roll(index, 1, axis=1) < 0)
    inside = (index >= 0) & (np.roll(index, 5, axis=1) >= 0) & (np.roll(index, -5, axis=1) >= 0)
    inside &= (np.roll(index, 5, axis=0) >= 0) & (np.roll(index, -5, axis=0) >= 0)
    assert np.mean(depth_mm[inside] == 0) < 0.02
    assert 0.3 < np.mean(depth_mm[edge] == 0) < 0.7
    # Away from the plate nothing flies more than the noise; at its rim some pixels do.
    off = (depth_mm > 0) & (np.abs(depth_mm / 1e3 - depth_m) > 0.1)
    rim = np.zeros(index.shape, bool)
    for axis in (0, 1):
        for step in (-1, 1):
            rim |= (index >= 0) != (np.roll(index, step, axis=axis) >= 0)
    assert not (off & ~rim)[100:470, 100:540].any()
    assert 0.02 < np.mean(off[rim]) < 0.15


def test_dark_things_are_measured_worse():
    sensor = kinect([[-1, -9, 0], [9, 9, 9]], pitch_rad=0.0)
    spread = {}
    for name, value in (("dark", 10), ("bright", 220)):
        plate = box((0.02, 1.0, 1.0), (2.0, 0, 1.3), (value, value, value))
        depth_mm = np.stack(
            [measure(sensor, plate, seed)[2][270:300, 300:340] for seed in range(9)]
        )
        spread[name] = np.median(depth_mm.astype(float).std(axis=0))
    assert spread["dark"] > 1.3 * spread["bright"]


def test_the_color_image_shows_a_thing_where_calibration_says():
    sensor = kinect([[-1, -9, 0], [9, 9, 9]], color_mode="MJPG_720P")
    marker = box((0.06, 0.06, 0.06), (2.0, 0.4, 1.2), (255, 0, 255))
    image = sensor.color_image(marker.vertices_m, marker.faces, marker.colors)
    assert image.shape == (720, 1280, 3)
    camera_from_world = sensor.world_from_camera.inverse()
    center = camera_from_world.transform(np.array([[1.97, 0.4, 1.2]]))
    pixel = sensor.calibration.project_color(center)[0]
    magenta = (image[..., 0] > 60) & (image[..., 1] < 30) & (image[..., 2] > 60)
    rows, columns = np.nonzero(magenta)
    assert len(rows) > 100
    np.testing.assert_allclose([columns.mean(), rows.mean()], pixel, atol=4)


def test_color_without_a_color_mode_is_refused():
    with pytest.raises(ValueError, match="color is off"):
        kinect([[-1, -9, 0], [9, 9, 9]]).color_image(NOBODY.vertices_m, NOBODY.faces, NOBODY.colors)


def test_the_same_seed_gives_the_same_image():
    sensor = kinect([[-1, -9, 0], [2.5, 9, 9]])
    first, again, other = (measure(sensor, seed=seed)[2] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.1
