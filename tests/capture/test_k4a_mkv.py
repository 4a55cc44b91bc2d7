"""Recordings: what is written comes back, what libk4arecord wrote is read, and broken files."""

import io
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from capture import matroska
from capture.camera.calibration import Calibration
from capture.errors import DataError, FileFormatError, OutputError
from capture.k4a_mkv import K4ARecording, K4AWriter
from capture.k4a_mkv.color import decode_color
from capture.matroska import Id

REFERENCES = Path(__file__).parents[1] / "references" / "k4a"


def jpeg(color, size=(1280, 720)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def depth_image(index, shape=(288, 320)):
    rows, columns = np.indices(shape)
    return (1000 + 300 * index + rows + 2 * columns).astype(np.uint16)


@pytest.fixture(scope="module")
def calibration():
    return Calibration.simulated(depth_mode="NFOV_2X2BINNED")


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(5).integers(-32768, 32767, (16_000, 7), dtype=np.int16)


@pytest.fixture(scope="module")
def written(tmp_path_factory, calibration, sound):
    """A recording of five images with everything in it, its device clock at 2 s at the start."""
    path = tmp_path_factory.mktemp("recordings") / "all.mkv"
    with K4AWriter(
        path,
        calibration,
        infrared=True,
        audio_channels=7,
        device_serial="000123",
        start_offset_us=2_000_000,
    ) as writer:
        for index in range(5):
            time_us = 2_000_000 + round(index * 1e6 / 15)
            writer.write_depth(time_us, depth_image(index), depth_image(index) // 2)
            writer.write_color(time_us, jpeg((50 * index, 100, 150)))
            for step in range(4):
                writer.write_imu(
                    time_us + 15_000 * step, np.array([step, 0.5, -9.8]), np.array([0, 0, index])
                )
            writer.write_audio(3200 * index, sound[3200 * index : 3200 * (index + 1)])
    return path


def test_everything_written_comes_back(written, calibration, sound):
    with K4ARecording(written) as recording:
        assert recording.notes == ()
        assert recording.fps == pytest.approx(15.0)
        assert recording.start_offset_s == 2.0
        assert recording.tags["K4A_DEVICE_SERIAL_NUMBER"] == "000123"
        assert recording.calibration == calibration
        times = np.arange(5) / 15
        np.testing.assert_allclose(recording.depth_times_s, times, atol=1e-6)
        np.testing.assert_allclose(recording.color_times_s, times, atol=1e-6)
        for index in range(5):
            np.testing.assert_array_equal(recording.depth_mm(index), depth_image(index))
            np.testing.assert_array_equal(recording.infrared(index), depth_image(index) // 2)
            color = recording.color(index)
            assert color.shape == (720, 1280, 3)
            np.testing.assert_allclose(color[0, 0], [50 * index, 100, 150], atol=3)
        imu = recording.imu()
        expected_s = (times[:, None] + 0.015 * np.arange(4)).ravel()
        np.testing.assert_allclose(imu.times_s, expected_s, atol=1e-6)
        np.testing.assert_allclose(imu.acceleration_m_s2[3], [3, 0.5, -9.8], rtol=1e-6)
        assert imu.angular_velocity_rad_s[-1].tolist() == [0, 0, 4]
        audio = recording.audio
        assert audio is not None
        assert (audio.channels, audio.sample_rate_hz, audio.sample_count) == (7, 48000, 16000)
        assert audio.start_s == 0.0
        np.testing.assert_array_equal(
            recording.read_audio(0, 16000), sound.T.astype(np.float32) / 32768
        )
        assert recording.audio_clock().drift == 0.0


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (959, 961), (1000, 5000), (15999, 20000)])
def test_sound_is_read_by_sample(written, sound, start, stop):
    with K4ARecording(written) as recording:
        samples = recording.read_audio(start, stop)
    np.testing.assert_array_equal(samples, sound[start:stop].T.astype(np.float32) / 32768)


def test_the_same_recording_gives_the_same_bytes(tmp_path, calibration):
    for name in ("a.mkv", "b.mkv"):
        with K4AWriter(tmp_path / name, calibration) as writer:
            writer.write_depth(0, depth_image(0))
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_tracks_may_be_written_out_of_step_by_less_than_a_second(tmp_path, calibration):
    path = tmp_path / "a.mkv"
    with K4AWriter(path, calibration, audio_channels=1) as writer:
        writer.write_audio(0, np.arange(38_400, dtype=np.int16)[:, None])
        for index in range(12):
            writer.write_depth(round(index * 1e6 / 15), depth_image(index))
    with K4ARecording(path) as recording:
        np.testing.assert_allclose(np.diff(recording.depth_times_s), 1 / 15, atol=2e-6)
        expected = np.arange(38_400, dtype=np.int16).astype(np.float32) / 32768
        np.testing.assert_array_equal(recording.read_audio(0, 38_400)[0], expected)


def test_what_comes_too_late_is_refused(tmp_path, calibration):
    with K4AWriter(tmp_path / "a.mkv", calibration) as writer:
        writer.write_depth(0, depth_image(0))
        writer.write_depth(2_000_000, depth_image(1))
        with pytest.raises(ValueError, match="too late"):
            writer.write_depth(10_000, depth_image(2))


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_recording_leaves_no_file(tmp_path, calibration, failure):
    def record():
        with K4AWriter(tmp_path / "a.mkv", calibration) as writer:
            writer.write_depth(0, depth_image(0))
            raise failure

    with pytest.raises(failure):
        record()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_folder_is_said(tmp_path, calibration):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot write"),
        K4AWriter(tmp_path / "file" / "a.mkv", calibration),
    ):
        pass


def test_wrong_arguments_are_refused(tmp_path, calibration):
    with pytest.raises(ValueError, match="frames a second"):
        K4AWriter(tmp_path / "a.mkv", calibration, fps=25)
    with K4AWriter(tmp_path / "a.mkv", calibration, imu=False, audio_channels=2) as writer:
        writer.write_depth(0, depth_image(0))
        with pytest.raises(ValueError, match=r"uint16 of shape \(288, 320\)"):
            writer.write_depth(0, depth_image(0).astype(np.float32))
        with pytest.raises(ValueError, match="without a track IR"):
            writer.write_depth(0, depth_image(0), depth_image(0))
        with pytest.raises(ValueError, match="without a track IMU"):
            writer.write_imu(0, np.zeros(3), np.zeros(3))
        with pytest.raises(ValueError, match="JPEG"):
            writer.write_color(0, b"\x89PNG")
        with pytest.raises(ValueError, match="2 channels"):
            writer.write_audio(0, np.zeros((10, 7), np.int16))
        with pytest.raises(ValueError, match="int16"):
            writer.write_audio(0, np.zeros((10, 2), np.float32))


def test_what_libk4arecord_wrote_is_read(tmp_path):
    """The generator of the file lies beside it."""
    path = tmp_path / "reference.mkv"
    path.write_bytes(lzma.decompress((REFERENCES / "libk4arecord.mkv.xz").read_bytes()))
    with K4ARecording(path) as recording:
        assert recording.notes == ()
        assert recording.start_offset_s == 5.0
        assert recording.fps == pytest.approx(15.0)
        assert recording.calibration == Calibration.simulated(depth_mode="NFOV_2X2BINNED")
        np.testing.assert_allclose(recording.depth_times_s, np.arange(4) / 15, atol=1e-6)
        for index in range(4):
            rows, columns = np.indices((288, 320))
            expected = (1000 + 500 * index + rows + 2 * columns).astype(np.uint16)
            expected[:8] = 0
            np.testing.assert_array_equal(recording.depth_mm(index), expected)
            np.testing.assert_array_equal(recording.infrared(index), expected // 2)
            np.testing.assert_allclose(
                recording.color(index)[360, 640], [40 * index, 200, 90], atol=3
            )
        imu = recording.imu()
        assert len(imu.times_s) == 40
        np.testing.assert_allclose(imu.times_s[:3], [0, 0.006, 0.012], atol=1e-9)
        np.testing.assert_allclose(imu.acceleration_m_s2[1], [0.1, 0, -9.8], rtol=1e-6)


def test_a_real_recording_is_read(shared):
    with K4ARecording(shared / "data/pyk4a_recording.mkv") as recording:
        assert recording.notes == ()
        assert recording.calibration.depth_mode == recording.tags["K4A_DEPTH_MODE"]
        assert recording.calibration.color_mode == recording.tags["K4A_COLOR_MODE"]
        np.testing.assert_allclose(recording.depth_times_s, [0.463945])
        assert recording.color_index_at(0.463945) == 0
        assert recording.audio is None
        imu = recording.imu()
        np.testing.assert_allclose(imu.times_s, [0.0], atol=1e-9)
        assert np.linalg.norm(imu.acceleration_m_s2[0]) == pytest.approx(9.81, abs=0.1)
        with np.load(shared / "golden/k4a/real_frame.npz") as golden:
            np.testing.assert_array_equal(recording.depth_mm(0), golden["depth"])
            np.testing.assert_array_equal(recording.infrared(0), golden["ir"])


def test_color_belongs_to_a_depth_image_within_a_frame(written):
    with K4ARecording(written) as recording:
        assert [recording.color_index_at(t) for t in (0.0, 0.03, 0.04, 0.2667)] == [0, 0, 1, 4]
        assert recording.color_index_at(0.4) is None


def test_of_two_images_at_one_time_the_first_counts(tmp_path, calibration):
    with K4AWriter(tmp_path / "a.mkv", calibration) as writer:
        for time_us in (0, 66_667, 66_667, 133_333):
            writer.write_depth(time_us, depth_image(0))
    with K4ARecording(tmp_path / "a.mkv") as recording:
        np.testing.assert_allclose(recording.depth_times_s, [0, 0.066667, 0.133333])


def test_a_cut_off_recording_opens_up_to_the_cut(written, tmp_path):
    whole = written.read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: len(whole) * 3 // 5])
    with K4ARecording(path) as recording:
        assert 1 <= len(recording.depth_times_s) < 5
        last = len(recording.depth_times_s) - 1
        np.testing.assert_array_equal(recording.depth_mm(last), depth_image(last))
        (note,) = recording.notes
        assert str(path) in note
        assert "cut off" in note


def test_a_recording_cut_off_before_its_first_image_says_so(written, tmp_path):
    path = tmp_path / "cut.mkv"
    path.write_bytes(written.read_bytes()[:10_000])
    with pytest.raises(FileFormatError, match="no whole depth image") as caught:
        K4ARecording(path)
    assert "\n" not in str(caught.value)


def test_a_recording_cut_off_in_its_header_says_so(written, tmp_path):
    path = tmp_path / "cut.mkv"
    path.write_bytes(written.read_bytes()[:400])
    with pytest.raises(FileFormatError, match="cut"):
        K4ARecording(path)


def test_a_film_is_no_recording(tmp_path):
    path = tmp_path / "film.mkv"
    header = matroska.encode_master(Id.EBML, matroska.encode_text(Id.DOC_TYPE, "matroska"))
    entry = matroska.encode_master(
        Id.TRACK_ENTRY,
        matroska.encode_uint(Id.TRACK_NUMBER, 1),
        matroska.encode_text(Id.CODEC_ID, "V_MPEG4/ISO/AVC"),
    )
    segment = matroska.encode_master(Id.SEGMENT, matroska.encode_master(Id.TRACKS, entry))
    path.write_bytes(header + segment)
    with pytest.raises(FileFormatError, match="no Azure Kinect recording"):
        K4ARecording(path)


def test_a_recording_without_its_calibration_says_so(written, tmp_path):
    path = tmp_path / "bare.mkv"
    path.write_bytes(written.read_bytes().replace(b"calibration.json", b"calibration.jsom", 1))
    with pytest.raises(FileFormatError, match="no factory calibration"):
        K4ARecording(path)


def test_a_recording_with_a_broken_calibration_says_so(written, tmp_path):
    path = tmp_path / "bad.mkv"
    path.write_bytes(written.read_bytes().replace(b'"ModelParameters"', b'"ModelParametres"'))
    with pytest.raises(FileFormatError, match=r"bad\.mkv: the factory calibration"):
        K4ARecording(path)


def test_a_broken_color_image_names_its_time(tmp_path, calibration):
    path = tmp_path / "a.mkv"
    with K4AWriter(path, calibration) as writer:
        writer.write_depth(66_667, depth_image(0))
        writer.write_color(66_667, jpeg((1, 2, 3))[:200])
    with (
        K4ARecording(path) as recording,
        pytest.raises(DataError, match=r"color image at 0\.067 s"),
    ):
        recording.color(0)


def test_images_that_are_not_there_are_an_index_error(written):
    with K4ARecording(written) as recording:
        for index in (-1, 5):
            with pytest.raises(IndexError, match="of 5"):
                recording.depth_mm(index)


def test_color_formats_agree_with_pillows_conversion():
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    # BT.601 in studio range from Pillow's full-range YCbCr.
    full = np.asarray(Image.fromarray(rgb).convert("YCbCr")).astype(float)
    y = np.rint(full[..., 0] * 219 / 255 + 16).astype(np.uint8)
    c = np.rint((full[..., 1:] - 128) * 224 / 255 + 128).astype(np.uint8)
    shape = rgb.shape[:2]
    nv12 = y.tobytes() + c[::2, ::2].tobytes()
    yuy2 = np.stack([y[:, ::2], c[:, ::2, 0], y[:, 1::2], c[:, ::2, 1]], axis=-1).tobytes()
    bgra = np.concatenate([rgb[..., ::-1], np.full((*shape, 1), 255, np.uint8)], axis=-1).tobytes()
    np.testing.assert_allclose(decode_color(nv12, "NV12", shape).astype(int), rgb, atol=4)
    np.testing.assert_allclose(decode_color(yuy2, "YUY2", shape).astype(int), rgb, atol=4)
    np.testing.assert_array_equal(decode_color(bgra, "BGRA", shape), rgb)
    with pytest.raises(ValueError, match="reshape"):
        decode_color(nv12[:-1], "NV12", shape)


@pytest.mark.parametrize("color_format", ["MJPG", "NV12", "YUY2", "BGRA"])
def test_color_of_every_format_comes_back(tmp_path, color_format):
    calibration = Calibration.simulated(
        depth_mode="NFOV_2X2BINNED", color_mode=f"{color_format}_720P"
    )
    luma, blue, red = 145, 54, 34  # BT.601 for pure green, studio range
    payload = {
        "MJPG": jpeg((0, 255, 0)),
        "NV12": bytes([luma]) * (1280 * 720) + bytes([blue, red]) * (640 * 360),
        "YUY2": bytes([luma, blue, luma, red]) * (640 * 720),
        "BGRA": bytes([0, 255, 0, 255]) * (1280 * 720),
    }[color_format]
    path = tmp_path / "a.mkv"
    with K4AWriter(path, calibration, imu=False) as writer:
        writer.write_depth(0, depth_image(0))
        writer.write_color(0, payload)
    with K4ARecording(path) as recording:
        assert recording.calibration.color_mode == f"{color_format}_720P"
        image = recording.color(0)
    assert image.shape == (720, 1280, 3)
    np.testing.assert_allclose(image[::90, ::80].reshape(-1, 3), [[0, 255, 0]] * 128, atol=2)


@pytest.mark.parametrize(
    "mode", ["NFOV_2X2BINNED", "NFOV_UNBINNED", "WFOV_2X2BINNED", "WFOV_UNBINNED"]
)
def test_every_depth_mode_comes_back(tmp_path, mode):
    calibration = Calibration.simulated(depth_mode=mode, color_mode=None)
    image = depth_image(1, calibration.depth.shape)
    with K4AWriter(tmp_path / "a.mkv", calibration, infrared=True) as writer:
        writer.write_depth(0, image, image // 3)
    with K4ARecording(tmp_path / "a.mkv") as recording:
        assert recording.calibration.depth_mode == mode
        np.testing.assert_array_equal(recording.depth_mm(0), image)
        np.testing.assert_array_equal(recording.infrared(0), image // 3)


def test_imu_samples_are_read_by_time(written):
    with K4ARecording(written) as recording:
        some = recording.imu(start_s=0.1, stop_s=0.2)
        np.testing.assert_allclose(some.times_s, [0.111667, 0.133333, 0.148333, 0.163333,
                                                  0.178333], atol=2e-6)  # fmt: skip


MEMORY = """
import resource, sys
from capture.k4a_mkv import K4ARecording
peaks = []
for path in sys.argv[1:]:
    with K4ARecording(path) as recording:
        for index in range(len(recording.depth_times_s)):
            recording.depth_mm(index)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(*peaks)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is POSIX")
def test_memory_does_not_grow_with_length(tmp_path, calibration):
    paths = [tmp_path / "short.mkv", tmp_path / "long.mkv"]
    for path, count in zip(paths, (10, 300), strict=True):
        with K4AWriter(path, calibration) as writer:
            for index in range(count):
                writer.write_depth(round(index * 1e6 / 15), depth_image(index))
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, paths)], capture_output=True, text=True, check=True
    )
    short, long = map(int, run.stdout.split())
    # 300 images are 55 MB; kilobytes here.
    assert long - short < 4_000
