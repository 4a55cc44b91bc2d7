"""Takes written for elsewhere are the same takes again."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from capture.camera.calibration import Calibration
from capture.errors import DataError, FileFormatError, OutputError
from capture.export import export_clouds, export_recording
from capture.k4a_mkv import K4ARecording, K4AWriter
from capture.k4a_mkv.compact import decode_compact, encode_compact
from capture.take import open_take
from capture.take.take_file import (
    ClockEntry,
    MicrophoneEntry,
    PoseEntry,
    TakeFile,
    write_take_file,
)

CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED")
RATE_HZ = 16_000
START_US = 3_000_000
POSE = PoseEntry(position_m=(0.0, 0.0, 1.5), orientation_wxyz=(0.5, -0.5, 0.5, -0.5))


def depth_image(index):
    """A slope with noise, and nothing measured at its rim."""
    rows, columns = np.indices(CALIBRATION.depth.shape)
    noise = np.random.default_rng(index).normal(0, 3, rows.shape)
    depth = (1500 + 2 * rows + columns + noise).astype(np.uint16)
    depth[:20], depth[:, -30:] = 0, 0
    return depth


def jpeg(index):
    buffer = io.BytesIO()
    Image.new("RGB", (1280, 720), (20 * index, 100, 50)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def take_folder(tmp_path_factory):
    """Images, IMU, and a 24-bit WAV that starts 0.25 s before them and runs 500 ppm fast."""
    folder = tmp_path_factory.mktemp("takes") / "trio"
    with K4AWriter(
        folder / "take.mkv",
        CALIBRATION,
        infrared=True,
        device_serial="000777",
        start_offset_us=START_US,
    ) as writer:
        for index in range(8):
            time_us = START_US + round(index * 1e6 / 15)
            writer.write_depth(time_us, depth_image(index), depth_image(index) // 3)
            writer.write_color(time_us, jpeg(index))
            for step in range(3):
                imu_us = time_us + 20_000 * step
                up = np.array([0.1 * step, -9.8, 0.0])
                writer.write_imu(imu_us, up, np.full(3, index), gyroscope_us=imu_us + 300)
    noise = np.random.default_rng(1).integers(-(2**23), 2**23, (RATE_HZ, 3)).astype(np.int32)
    soundfile.write(folder / "audio.wav", noise << 8, RATE_HZ, subtype="PCM_24")
    write_take_file(
        folder / "take.json",
        TakeFile(
            recording="take.mkv",
            audio="audio.wav",
            clock=ClockEntry(offset_s=0.25, drift_ppm=500.0),
            microphones=(
                MicrophoneEntry(channel=0, role="ring"),
                MicrophoneEntry(channel=2, role="center"),
            ),
            world_from_camera=POSE,
        ),
    )
    return folder


def same_recording(ours, theirs):
    for index in range(8):
        np.testing.assert_array_equal(ours.depth_mm(index), theirs.depth_mm(index))
        np.testing.assert_array_equal(ours.infrared(index), theirs.infrared(index))
        assert ours.color_payload(index) == theirs.color_payload(index)
    assert ours.start_offset_s == theirs.start_offset_s
    assert ours.tags["K4A_DEVICE_SERIAL_NUMBER"] == "000777"
    lead_s = ours.depth_times_s[0] - theirs.depth_times_s[0]
    np.testing.assert_allclose(ours.color_times_s - lead_s, theirs.color_times_s, rtol=0, atol=1e-6)
    mine, given = ours.imu(), theirs.imu()
    np.testing.assert_array_equal(mine.acceleration_m_s2, given.acceleration_m_s2)
    np.testing.assert_array_equal(mine.angular_velocity_rad_s, given.angular_velocity_rad_s)
    np.testing.assert_allclose(mine.times_s - lead_s, given.times_s, rtol=0, atol=1.1e-6)
    np.testing.assert_allclose(
        mine.gyroscope_times_s - mine.times_s, given.gyroscope_times_s - given.times_s, atol=1e-9
    )


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("name", ["copy", "copy.mkv"])
def test_a_recording_comes_back_to_the_bit(take_folder, tmp_path, compact, name):
    out = tmp_path / name
    fractions = []
    with open_take(take_folder) as take:
        export_recording(take, out, compact=compact, progress=fractions.append)
        with open_take(out) as copy:
            same_recording(copy.recording, take.recording)
            np.testing.assert_array_equal(copy.audio().samples, take.audio().samples)
            # Without take.json the time stamps tell the clock, to a quarter of a millisecond.
            allowed_s = 3e-6 if name == "copy" else 0.25e-3
            np.testing.assert_allclose(copy.times_s, take.times_s, rtol=0, atol=allowed_s)
            if name == "copy":
                assert copy.name == "trio"
                assert copy.center_channel == 2
                np.testing.assert_array_equal(
                    copy.point_cloud(0.4).positions_m, take.point_cloud(0.4).positions_m
                )
    assert fractions == sorted(fractions)
    assert list(tmp_path.iterdir()) == [out]


def test_an_archive_is_small_and_says_what_it_is(take_folder, tmp_path):
    with open_take(take_folder) as take:
        export_recording(take, tmp_path / "plain.mkv")
        export_recording(take, tmp_path / "small.mkv", compact=True)
        with pytest.raises(OutputError, match="exists already"):
            export_recording(take, tmp_path / "small.mkv")
        export_recording(take, tmp_path / "small.mkv", compact=True, replace=True)
    sizes = [(tmp_path / name).stat().st_size for name in ("plain.mkv", "small.mkv")]
    images = 16 * depth_image(0).nbytes
    assert sizes[0] - sizes[1] > 0.6 * images


def test_the_real_depth_image_takes_a_fifth_at_most(shared):
    with K4ARecording(shared / "data/pyk4a_recording.mkv") as recording:
        image, infrared = recording.depth_mm(0), recording.infrared(0)
    small = encode_compact(image)
    assert len(small) <= 0.16 * image.nbytes
    assert len(encode_compact(image, level=1)) <= 0.19 * image.nbytes
    np.testing.assert_array_equal(decode_compact(small, image.shape), image)
    np.testing.assert_array_equal(
        decode_compact(encode_compact(infrared), infrared.shape), infrared
    )


def test_compact_images_follow_their_description():
    """An image of two rows, worked out by hand from the module's text."""
    import zlib

    image = np.array([[7, 9, 0], [7, 65535, 3]], np.uint16)
    # Predictions 0 7 9 / 7 9 65526 leave 7 2 −9 / 0 −10 13, modulo 2¹⁶.
    zigzag = np.array([14, 4, 17, 0, 19, 26], np.uint16)
    planes = (zigzag & 255).astype(np.uint8).tobytes() + (zigzag >> 8).astype(np.uint8).tobytes()
    assert zlib.decompress(encode_compact(image)) == planes
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (1, 9), (9, 1), (31, 17)):
        any_image = rng.integers(0, 65_536, shape, dtype=np.uint16)
        np.testing.assert_array_equal(decode_compact(encode_compact(any_image), shape), any_image)


def test_broken_compact_images_are_refused(take_folder, tmp_path):
    payload = encode_compact(depth_image(0))
    for broken in (payload[:-1], payload[:100], b"", b"no zlib"):
        with pytest.raises(ValueError, match="no compact image"):
            decode_compact(broken, CALIBRATION.depth.shape)
    with pytest.raises(ValueError, match="10×10 pixels"):
        decode_compact(payload, (10, 10))
    with open_take(take_folder) as take:
        export_recording(take, tmp_path / "a.mkv", compact=True)
    content = bytearray((tmp_path / "a.mkv").read_bytes())
    at = content.index(encode_compact(depth_image(3)))
    content[at + 500] ^= 0xFF
    (tmp_path / "a.mkv").write_bytes(content)
    with open_take(tmp_path / "a.mkv") as take, pytest.raises(DataError, match="image 3 is broken"):
        take.depth_mm(3)


def test_clouds_with_their_times_and_sound(take_folder, tmp_path):
    with open_take(take_folder) as take:
        export_clouds(take, tmp_path / "clouds")
        with open_take(tmp_path / "clouds") as copy:
            np.testing.assert_allclose(copy.times_s, take.times_s, rtol=0, atol=1e-6)
            np.testing.assert_array_equal(copy.audio().samples, take.audio().samples)
            assert (copy.sound_bits, copy.center_channel, copy.name) == (24, 2, "trio")
            ours, theirs = copy.image_point_cloud(5), take.image_point_cloud(5)
            np.testing.assert_array_equal(ours.positions_m, theirs.positions_m)
            np.testing.assert_array_equal(ours.colors, theirs.colors)
            with pytest.raises(DataError, match="--to ply"):
                export_recording(copy, tmp_path / "no.mkv")
        with pytest.raises(OutputError, match="exists already"):
            export_clouds(take, tmp_path / "clouds")
        export_clouds(take, tmp_path / "clouds", color=False, replace=True)
        with open_take(tmp_path / "clouds") as copy:
            assert copy.image_point_cloud(0).colors is None


def test_only_takes_are_replaced(take_folder, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with open_take(take_folder) as take:
        for export in (export_clouds, export_recording):
            with pytest.raises(OutputError, match="no take"):
                export(take, tmp_path / "thesis", replace=True)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_an_export_that_fails_leaves_nothing(take_folder, tmp_path):
    with open_take(take_folder) as take:
        take.recording.close()
        with pytest.raises((FileFormatError, ValueError, OutputError)):
            export_recording(take, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
