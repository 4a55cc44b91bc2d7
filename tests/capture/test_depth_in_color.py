"""Depth on the color image's pixels: a plane by analysis, a real image against libk4a."""

import numpy as np
import pytest

from capture.camera.calibration import Calibration
from capture.camera.depth_in_color import depth_in_color


def plane_depth_in_color(calibration, distance_m):
    """Depth of the plane Z = distance along each color ray: n·(R⁻¹(z r − t)) = distance."""
    rays = calibration.color_rays().astype(np.float64)
    color_from_depth = calibration.color_from_depth
    forward = color_from_depth.rotation[:, 2]
    return 1000 * (distance_m + forward @ color_from_depth.position_m) / (rays @ forward)


@pytest.mark.parametrize("distance_mm", [700, 2500])
def test_a_wall_keeps_its_depth(distance_mm):
    calibration = Calibration.simulated(depth_mode="NFOV_2X2BINNED")
    wall = np.full(calibration.depth.shape, distance_mm, np.uint16)
    mapped = depth_in_color(calibration, wall)
    expected = plane_depth_in_color(calibration, distance_mm / 1000)
    seen = mapped > 0
    assert 0.5 < seen.mean() < 0.9
    # Half a millimetre of rounding, and what a straight line differs from a lens between pixels.
    np.testing.assert_allclose(mapped[seen], expected[seen], rtol=0, atol=0.6)
    # No hole in the middle.
    assert seen[200:520, 300:980].all()


def test_the_nearer_surface_hides_the_farther_and_edges_stay_open():
    calibration = Calibration.simulated(depth_mode="NFOV_2X2BINNED")
    scene = np.full(calibration.depth.shape, 3000, np.uint16)
    scene[100:180, 120:200] = 1000
    scene[10:20, 10:20] = 0
    mapped = depth_in_color(calibration, scene)
    near, far = (plane_depth_in_color(calibration, z) for z in (1.0, 3.0))
    on_near, on_far = np.abs(mapped - near) < 1, np.abs(mapped - far) < 1
    # Nothing floats between the two: neighbours on different surfaces are not connected.
    np.testing.assert_array_equal((mapped > 0), on_near | on_far)
    assert on_near.sum() > 10_000


def test_nothing_measured_is_nothing_mapped():
    calibration = Calibration.simulated(depth_mode="NFOV_2X2BINNED")
    assert not depth_in_color(calibration, np.zeros((288, 320), np.uint16)).any()


def test_color_off_is_refused():
    calibration = Calibration.simulated(color_mode=None)
    with pytest.raises(ValueError, match="color is off"):
        depth_in_color(calibration, np.zeros((576, 640), np.uint16))


def test_libk4a_agrees_on_a_real_image(shared):
    with np.load(shared / "golden/k4a/calib_points.npz") as points:
        factory = str(points["calibration_json"])
    with np.load(shared / "golden/k4a/real_frame.npz") as arrays:
        depth, expected = arrays["depth"], arrays["depth_in_color720"]
    calibration = Calibration.from_json(factory, depth_mode="NFOV_UNBINNED", color_mode="MJPG_720P")
    mapped = depth_in_color(calibration, depth)
    assert np.mean((mapped > 0) != (expected > 0)) < 0.005
    both = (mapped > 0) & (expected > 0)
    difference = np.abs(mapped[both].astype(int) - expected[both])
    assert np.quantile(difference, 0.9) <= 1
    assert np.quantile(difference, 0.999) <= 5
