"""The lens model and the extrinsics against libk4a: on our calibration, and on a real one."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import DEPTH_MODES
from capture.camera.lens import CameraModel
from capture.errors import FileFormatError

REFERENCES = Path(__file__).parents[1] / "references" / "k4a"
LEAST_MM, LEAST_PX = 0.01, 0.01


@pytest.fixture(scope="module")
def vectors():
    with np.load(REFERENCES / "vectors.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def real(shared):
    """What libk4a computed on a real sensor's calibration."""
    with np.load(shared / "golden/k4a/calib_points.npz") as arrays:
        return dict(arrays)


def check_points(calibration, pixels, depth_mm, in_depth, in_color):
    """Compare unprojection and the move to the color camera with libk4a's, validity included."""
    points_mm = calibration.depth.unproject(pixels) * depth_mm[:, None]
    valid = in_depth[:, 3] > 0
    np.testing.assert_array_equal(np.isfinite(points_mm[:, 0]), valid)
    np.testing.assert_allclose(points_mm[valid], in_depth[valid, :3], rtol=0, atol=LEAST_MM)
    moved_mm = calibration.color_from_depth.transform(points_mm / 1000) * 1000
    np.testing.assert_allclose(moved_mm[valid], in_color[valid, :3], rtol=0, atol=LEAST_MM)
    return points_mm, valid


@pytest.mark.parametrize("mode", DEPTH_MODES)
@pytest.mark.parametrize("resolution", ["720P", "1080P"])
def test_libk4a_agrees_on_our_calibration(vectors, mode, resolution):
    calibration = Calibration.simulated(depth_mode=mode, color_mode=f"MJPG_{resolution}")
    points_mm, valid = check_points(
        calibration,
        vectors[f"{mode}_pixels"],
        vectors[f"{mode}_depth_mm"],
        vectors[f"{mode}_depth_xyz"],
        vectors[f"{mode}_color_xyz"],
    )
    expected = vectors[f"{mode}_uv_{resolution}"]
    seen = valid & (expected[:, 2] > 0)
    pixels = calibration.project_color(points_mm / 1000)
    np.testing.assert_array_equal(np.isfinite(pixels[valid, 0]), seen[valid])
    np.testing.assert_allclose(pixels[seen], expected[seen, :2], rtol=0, atol=LEAST_PX)

    back = vectors[f"{mode}_uv_depth"]
    there = valid & (back[:, 2] > 0)
    np.testing.assert_allclose(
        calibration.project_depth(points_mm)[there], back[there, :2], rtol=0, atol=LEAST_PX
    )


def test_libk4a_agrees_on_the_accelerometer(vectors):
    calibration = Calibration.simulated()
    points_m = vectors["NFOV_UNBINNED_depth_xyz"][:, :3].astype(np.float64) / 1000
    moved_mm = calibration.accelerometer_from_depth.transform(points_m) * 1000
    np.testing.assert_allclose(moved_mm, vectors["accelerometer_xyz"], rtol=0, atol=LEAST_MM)


@pytest.mark.parametrize("mode", DEPTH_MODES)
def test_libk4a_agrees_on_a_real_sensor(real, mode):
    calibration = Calibration.from_json(
        str(real["calibration_json"]), depth_mode=mode, color_mode="MJPG_1080P"
    )
    given_uvz = real[f"{mode}_uvz"].astype(np.float64)
    points_mm, valid = check_points(
        calibration,
        given_uvz[:, :2],
        given_uvz[:, 2],
        real[f"{mode}_xyz_depth"],
        real[f"{mode}_xyz_color"],
    )
    expected = real[f"{mode}_uv_color1080"]
    seen = valid & (expected[:, 2] > 0)
    for dtype in (np.float64, np.float32):
        pixels = calibration.project_color((points_mm / 1000).astype(dtype))
        assert pixels.dtype == dtype
        np.testing.assert_array_equal(np.isfinite(pixels[valid, 0]), seen[valid])
        np.testing.assert_allclose(pixels[seen], expected[seen, :2], rtol=0, atol=LEAST_PX)


@pytest.fixture(scope="module")
def frame(shared):
    with np.load(shared / "golden/k4a/real_frame.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def real_nfov(real):
    return Calibration.from_json(
        str(real["calibration_json"]), depth_mode="NFOV_UNBINNED", color_mode="MJPG_720P"
    )


def test_a_real_depth_image_becomes_libk4as_points(frame, real_nfov):
    points_m = real_nfov.unproject(frame["depth"])
    measured = real_nfov.measured_pixels(frame["depth"])
    expected_mm = frame["xyz"].reshape(-1, 3)
    assert points_m.dtype == np.float32
    # libk4a rounds to whole millimetres: half of one, and float32 beside it.
    np.testing.assert_allclose(points_m * 1000, expected_mm[measured], rtol=0, atol=0.501)
    assert np.count_nonzero(expected_mm.any(axis=1)) == len(measured)


def test_a_real_color_image_falls_on_libk4as_depth_pixels(frame, real_nfov):
    image = np.asarray(Image.open(io.BytesIO(frame["color_jpg"].tobytes())))
    points_m = real_nfov.unproject(frame["depth"])
    colors = real_nfov.sample_colors(image, points_m)
    measured = real_nfov.measured_pixels(frame["depth"])
    expected = frame["color_in_depth"].reshape(-1, 4)[measured][:, 2::-1]
    seen = expected.any(axis=1)
    assert np.mean(colors.any(axis=1) == seen) > 0.995
    # libk4a interpolates between pixels, we take the nearest.
    difference = np.abs(colors[seen].astype(int) - expected[seen])
    assert np.median(difference) == 0
    assert np.mean(difference) < 1.5


def test_the_hexagon_is_the_real_sensors(shared, real_nfov):
    with np.load(shared / "golden/k4a/nfov_mask.npz") as mask:
        columns = np.arange(640)
        expected = (columns >= mask["left"][:, None]) & (columns <= mask["right"][:, None])
    lit = real_nfov.lit_pixels()
    assert lit.mean() == pytest.approx(0.8244, abs=0.002)
    assert np.mean(lit != expected) < 0.005


@given(st.data())
@settings(max_examples=30)
def test_projection_undoes_unprojection(data):
    mode = data.draw(st.sampled_from(list(DEPTH_MODES)))
    calibration = Calibration.simulated(depth_mode=mode)
    for camera in (calibration.depth, calibration.color):
        uv = [
            data.draw(st.floats(0, size - 1, allow_nan=False))
            for size in (camera.width_px, camera.height_px)
        ]
        ray = camera.unproject(np.array([uv]))
        depth = data.draw(st.floats(0.2, 6.0))
        back = camera.project(ray * depth)
        if np.isfinite(ray).all():
            np.testing.assert_allclose(back[0], uv, rtol=0, atol=1e-3)


def test_a_lens_without_distortion_is_a_pinhole():
    camera = CameraModel(
        width_px=640, height_px=480, cx_px=320.0, cy_px=240.0, fx_px=500.0, fy_px=400.0
    )
    points = np.array([[0.3, -0.2, 2.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(camera.project(points), [[395.0, 200.0], [320.0, 240.0]])
    np.testing.assert_allclose(
        camera.unproject(np.array([[395.0, 200.0]])), [[0.15, -0.1, 1.0]], atol=1e-12
    )


def test_points_that_no_camera_sees_are_nan():
    camera = Calibration.simulated().depth
    points = np.array([[0, 0, -1.0], [0, 0, 0], [5.0, 0, 1.0], [np.nan, 0, 1.0], [0, 0, 1.0]])
    assert np.isfinite(camera.project(points)[:, 0]).tolist() == [False] * 4 + [True]


def test_inside_counts_from_pixel_borders():
    camera = Calibration.simulated().depth
    pixels = np.array([[-0.5, 0], [-0.6, 0], [639.4, 575.4], [639.5, 0], [np.nan, 0]])
    assert camera.inside(pixels).tolist() == [True, False, True, False, False]


def test_rays_are_those_of_single_pixels():
    calibration = Calibration.simulated()
    rays = calibration.depth_rays()
    assert rays.shape == (576, 640, 3)
    single = calibration.depth.unproject(np.array([[600.0, 20.0]]))[0]
    np.testing.assert_allclose(rays[20, 600], single, atol=1e-6)
    assert calibration.color_rays().shape == (720, 1280, 3)


def test_unprojecting_nothing_gives_no_point():
    calibration = Calibration.simulated()
    assert calibration.unproject(np.zeros((576, 640), np.uint16)).shape == (0, 3)


def test_points_sampled_outside_the_color_image_are_black():
    calibration = Calibration.simulated()
    image = np.full((720, 1280, 3), 200, np.uint8)
    points = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, -2.0]], np.float32)
    assert calibration.sample_colors(image, points).tolist() == [[200] * 3, [0] * 3]


def test_the_colors_of_a_point_come_from_where_it_projects():
    calibration = Calibration.simulated()
    point = np.array([[0.4, 0.1, 2.0]], np.float32)
    u, v = np.rint(calibration.project_color(point)[0]).astype(int)
    image = np.zeros((720, 1280, 3), np.uint8)
    image[v, u] = [1, 2, 3]
    assert calibration.sample_colors(image, point).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"depth_mode": "FAR"}, "NFOV_UNBINNED"),
        ({"color_mode": "MJPG_4K"}, "MJPG_720P"),
    ],
)
def test_unknown_modes_name_those_that_exist(argument, message):
    with pytest.raises(ValueError, match=message):
        Calibration.simulated(**argument)


def test_wrong_shapes_say_both():
    calibration = Calibration.simulated(color_mode=None)
    with pytest.raises(ValueError, match=r"\(576, 640\), got \(576, 639\)"):
        calibration.unproject(np.zeros((576, 639), np.uint16))
    with pytest.raises(ValueError, match="color is off"):
        calibration.project_color(np.ones((1, 3)))


def broken_factory_files():
    good = json.loads(Calibration.simulated().factory_json)

    def changed(change):
        document = json.loads(json.dumps(good))
        change(document["CalibrationInformation"])
        return json.dumps(document)

    return [
        "",
        "not json",
        "[]",
        "{}",
        changed(lambda c: c["Cameras"].pop(0)),
        changed(lambda c: c["Cameras"][0]["Intrinsics"]["ModelParameters"].pop()),
        changed(lambda c: c["Cameras"][0]["Intrinsics"].update(ModelType="Rational6KT")),
        changed(lambda c: c["Cameras"][0]["Intrinsics"]["ModelParameters"].__setitem__(10, 0.1)),
        changed(lambda c: c["Cameras"][1]["Rt"].update(Rotation=[1.0])),
        changed(lambda c: c["Cameras"][1]["Rt"].update(Translation=[float("nan"), 0, 0])),
    ]


@pytest.mark.parametrize("text", broken_factory_files())
def test_a_broken_factory_file_is_said_in_one_line(text):
    with pytest.raises(FileFormatError, match="factory calibration") as caught:
        Calibration.from_json(text, depth_mode="NFOV_UNBINNED", color_mode="MJPG_720P")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "index", "value", "message"),
    [
        ("ModelParameters", 2, 0.0, "focal lengths"),
        ("ModelParameters", 2, float("nan"), "not finite"),
        ("ModelParameters", 4, 1e300, "cannot be inverted"),
        ("ModelParameters", 6, -900.0, "cannot be inverted"),
        ("Rotation", 0, float("nan"), "no rotation"),
        ("Rotation", 4, 0.0, "no rotation"),
        ("Translation", 1, float("nan"), "finite"),
    ],
)
def test_a_calibration_that_cannot_be_used_says_why(key, index, value, message):
    document = json.loads(Calibration.simulated().factory_json)
    camera = document["CalibrationInformation"]["Cameras"][0]
    part = camera["Intrinsics"] if key == "ModelParameters" else camera["Rt"]
    part[key][index] = value
    with pytest.raises(FileFormatError, match=message):
        Calibration.from_json(json.dumps(document), depth_mode="NFOV_UNBINNED")
