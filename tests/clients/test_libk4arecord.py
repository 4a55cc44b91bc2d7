"""The Azure Kinect's own libraries open what we write, and compute what we compute.

references/k4a/libk4a.py says where the libraries come from.
"""

import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from capture.camera.calibration import Calibration
from capture.k4a_mkv import K4ARecording, K4AWriter

pytestmark = pytest.mark.client

_BINDINGS = Path(__file__).parents[1] / "references" / "k4a" / "libk4a.py"


@pytest.fixture(scope="module")
def libk4a():
    spec = importlib.util.spec_from_file_location("libk4a", _BINDINGS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["libk4a"] = module
    spec.loader.exec_module(module)
    if module.missing():
        pytest.skip(module.missing())
    return module


@pytest.fixture(scope="module")
def libraries(libk4a):
    return libk4a.Libraries()


def depth_image(index, shape=(576, 640)):
    depth = np.random.default_rng(index).integers(0, 5000, shape, dtype=np.uint16)
    depth[:50] = 0
    return depth


def color_image(index):
    buffer = io.BytesIO()
    Image.new("RGB", (1280, 720), (30 * index, 90, 10)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("start_us", [0, 7_000_000])
@pytest.mark.parametrize("infrared", [False, True])
def test_libk4arecord_reads_all_that_is_written(libraries, tmp_path, start_us, infrared):
    path = tmp_path / "take.mkv"
    sound = np.random.default_rng(1).integers(-30_000, 30_000, (3200 * 20, 7), dtype=np.int16)
    times_us = [start_us + round(index * 1e6 / 15) for index in range(20)]
    imu_us = list(range(start_us, times_us[-1], 9_000))
    with K4AWriter(
        path,
        Calibration.simulated(),
        infrared=infrared,
        audio_channels=7,
        start_offset_us=start_us,
    ) as writer:
        samples = iter(imu_us)
        pending = next(samples)
        for index, time_us in enumerate(times_us):
            while pending is not None and pending <= time_us:
                writer.write_imu(pending, np.array([0.1, index, -9.8]), np.array([0.3, 0, 0.2]))
                pending = next(samples, None)
            depth = depth_image(index)
            writer.write_depth(time_us, depth, depth // 3 if infrared else None)
            writer.write_color(time_us, color_image(index))
            writer.write_audio(3200 * index, sound[3200 * index : 3200 * (index + 1)])

    with libraries.play(path) as playback:
        captures = playback.captures()
        assert len(captures) == 20
        for index, capture in enumerate(captures):
            depth = depth_image(index)
            assert capture["depth"] == (times_us[index], depth.tobytes())
            assert capture["color"] == (times_us[index], color_image(index))
            if infrared:
                assert capture["ir"] == (times_us[index], (depth // 3).tobytes())
        imu = playback.imu_samples()
        assert [time for time, _, _ in imu] == imu_us
        np.testing.assert_allclose(imu[0][1:], [[0.1, 0, -9.8], [0.3, 0, 0.2]], rtol=1e-6)
        blocks = playback.data_blocks("AUDIO")
        assert blocks[0][0] == start_us
        assert b"".join(data for _, data in blocks) == sound.tobytes()
        playback.seek(1_000_000)
        assert len(playback.captures()) == 5

        pixels = np.array([[100.0, 200.0], [500.0, 300.0]], np.float32)
        theirs_mm = playback.calibration().unproject(pixels, np.array([1500.0, 2500.0]), 0)
        ours_mm = Calibration.simulated().depth.unproject(pixels) * [[1500.0], [2500.0]]
        np.testing.assert_allclose(theirs_mm[:, :3], ours_mm, rtol=0, atol=0.01)


@pytest.mark.parametrize("mode", ["NFOV_2X2BINNED", "WFOV_2X2BINNED", "WFOV_UNBINNED"])
def test_libk4arecord_reads_every_depth_mode(libraries, tmp_path, mode):
    calibration = Calibration.simulated(depth_mode=mode, color_mode=None)
    image = depth_image(3, calibration.depth.shape)
    path = tmp_path / "take.mkv"
    with K4AWriter(path, calibration, imu=False) as writer:
        writer.write_depth(0, image)
        writer.write_depth(66_667, image)
    with libraries.play(path) as playback:
        captures = playback.captures()
    assert [capture["depth"][1] for capture in captures] == [image.tobytes()] * 2
    assert "color" not in captures[0]


def test_what_libk4arecord_writes_is_read(libk4a, libraries, tmp_path):
    path = tmp_path / "theirs.mkv"
    factory = Calibration.simulated().factory_json
    recorder = libk4a.Recorder(libraries, path, factory, depth_mode="NFOV_UNBINNED", fps=30)
    for index in range(6):
        time_us = 1_000_000 + index * 33_333
        for step in range(50):
            recorder.add_imu(time_us + 600 * step, [0.0, 0.1, -9.8], [0.0, 0.0, step])
        recorder.add_capture(time_us, depth_image(index), color_image(index))
    recorder.close()
    with K4ARecording(path) as recording:
        assert recording.notes == ()
        assert recording.fps == pytest.approx(30.0)
        assert recording.start_offset_s == 1.0
        assert len(recording.depth_times_s) == len(recording.color_times_s) == 6
        for index in range(6):
            np.testing.assert_array_equal(recording.depth_mm(index), depth_image(index))
            np.testing.assert_array_equal(recording.infrared(index), depth_image(index) // 2)
        assert len(recording.imu().times_s) == 300


def test_libk4a_agrees_on_every_lit_pixel(libk4a, libraries):
    calibration = Calibration.simulated()
    theirs = libraries.calibration(calibration.factory_json, "NFOV_UNBINNED", "720P")
    pixels = np.argwhere(calibration.lit_pixels())[::37][:, ::-1].astype(np.float32)
    depth_mm = np.full(len(pixels), 2345.0, np.float32)
    in_depth = theirs.unproject(pixels, depth_mm, libk4a.DEPTH)
    assert in_depth[:, 3].all()
    image = np.zeros((576, 640), np.uint16)
    image[pixels[:, 1].astype(int), pixels[:, 0].astype(int)] = 2345
    points_m = calibration.unproject(image)
    np.testing.assert_allclose(points_m * 1000, in_depth[:, :3], rtol=0, atol=0.01)
    on_color = theirs.project(in_depth[:, :3], libk4a.DEPTH, libk4a.COLOR)
    np.testing.assert_allclose(
        calibration.project_color(points_m), on_color[:, :2], rtol=0, atol=0.01
    )
