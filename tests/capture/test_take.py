"""Takes of every kind on one timeline, in the world's frame, and takes that are broken."""

import json
import shutil
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile

from capture.axes import camera_from_world_axes
from capture.camera.calibration import Calibration
from capture.clock import ClockFit
from capture.errors import AuralizeError, DataError, FileFormatError
from capture.k4a_mkv import K4ARecording, K4AWriter
from capture.k4a_mkv.layout import CODEC_PCM
from capture.k4a_mkv.sound import RecordedSound
from capture.matroska import MatroskaFile, TrackEntry
from capture.point_cloud import PointCloud, write_ply
from capture.take import open_take
from capture.take.take_file import (
    ClockEntry,
    FramesEntry,
    MicrophoneEntry,
    PoseEntry,
    TakeFile,
    read_take_file,
    take_file_schema,
    write_take_file,
)

CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED", color_mode=None)
HEIGHT_M, PITCH = 1.3, np.radians(12.0)
UP = np.array([0.0, -np.cos(PITCH), -np.sin(PITCH)])
RATE_HZ = 8000


def floor_image(boxes=True):
    """A floor seen from 1.3 m, 12° downwards, and a box 0.8 m high."""
    rays = np.nan_to_num(CALIBRATION.depth_rays().astype(np.float64))
    with np.errstate(divide="ignore"):
        depth_m = HEIGHT_M / -(rays @ UP)
        box_m = 2.0 / np.maximum(rays @ np.array([0, -np.sin(PITCH), np.cos(PITCH)]), 1e-9)
    if boxes:
        on_box = (np.abs(rays[..., 0] * box_m) < 0.3) & (rays @ UP * box_m < 0.8 - HEIGHT_M)
        depth_m = np.where(on_box & ((box_m < depth_m) | (depth_m < 0)), box_m, depth_m)
    seen = (depth_m > 0.5) & (depth_m < 3.8) & CALIBRATION.lit_pixels()
    return np.where(seen, np.rint(depth_m * 1000), 0).astype(np.uint16)


def record(path, *, images=10, audio_s=None, imu=True, depth=None, rate_hz=RATE_HZ, tilt=UP):
    """A recording at 15 images a second, with a ramp as its sound."""
    depth = floor_image() if depth is None else depth
    acceleration = CALIBRATION.accelerometer_from_depth.rotation @ (9.81 * tilt)
    with K4AWriter(
        path, CALIBRATION, imu=imu, audio_channels=2 if audio_s else None, audio_rate_hz=rate_hz
    ) as writer:
        if audio_s:
            writer.write_audio(0, ramp(round(audio_s * rate_hz)))
        for index in range(images):
            writer.write_depth(round(index * 1e6 / 15), depth)
            if imu:
                writer.write_imu(round(index * 1e6 / 15), acceleration, np.zeros(3))
    return path


def ramp(count):
    return np.stack([np.arange(count) % 30_000, -(np.arange(count) % 30_000)], 1).astype(np.int16)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return record(tmp_path_factory.mktemp("takes") / "duo.mkv", audio_s=0.9)


@pytest.fixture(scope="module")
def silent_recording(tmp_path_factory):
    return record(tmp_path_factory.mktemp("takes") / "silent.mkv")


def test_a_recording_is_a_take(recording):
    with open_take(recording) as take:
        assert take.name == "duo"
        np.testing.assert_allclose(take.times_s, np.arange(10) / 15, atol=1e-6)
        assert take.duration_s == pytest.approx(0.9)
        assert (take.sample_rate_hz, take.channel_count, take.center_channel) == (RATE_HZ, 2, 0)
        assert take.warnings == ()
        assert take.clock == ClockFit()
        np.testing.assert_array_equal(take.depth_mm(3), floor_image())


def test_the_world_stands_on_the_floor(recording):
    with open_take(recording) as take:
        pose = take.world_from_camera
        np.testing.assert_allclose(pose.position_m, [0, 0, HEIGHT_M], atol=0.005)
        np.testing.assert_allclose(pose.rotation[2], UP, atol=0.003)
        cloud = take.image_point_cloud(0)
        assert cloud.colors is None
        heights = cloud.positions_m[:, 2]
        on_box = np.abs(cloud.positions_m[:, 0] - 2.0) < 0.005
        assert np.abs(heights[~on_box]).max() < 0.01
        box = cloud.select(on_box & (heights > 0.1))
        np.testing.assert_allclose(box.positions_m[:, 0], 2.0, atol=0.01)
        assert box.positions_m[:, 2].max() == pytest.approx(0.8, abs=0.02)
        assert np.abs(box.centroid_m[1]) < 0.01
        measured = np.count_nonzero(floor_image())
        assert len(cloud) == measured


def test_without_an_inertial_sensor_the_floor_is_enough(tmp_path):
    with open_take(record(tmp_path / "a.mkv", imu=False)) as take:
        np.testing.assert_allclose(take.world_from_camera.position_m[2], HEIGHT_M, atol=0.005)
        np.testing.assert_allclose(take.world_from_camera.rotation[2], UP, atol=0.003)


def test_where_no_floor_is_seen_the_height_is_assumed_and_said(tmp_path):
    wall = np.where(CALIBRATION.lit_pixels(), 2000, 0).astype(np.uint16)
    with open_take(record(tmp_path / "a.mkv", depth=wall, tilt=np.array([0, -1.0, 0]))) as take:
        assert take.world_from_camera.position_m[2] == 1.2
        assert "no floor" in take.warnings[0]


def test_sound_is_read_in_pieces_and_padded_with_silence(recording):
    expected = ramp(7200).T.astype(np.float32) / 32768
    with open_take(recording) as take:
        np.testing.assert_array_equal(take.audio().samples, expected)
        piece = take.audio(0.25, 0.5)
        assert piece.sample_rate_hz == RATE_HZ
        np.testing.assert_array_equal(piece.samples, expected[:, 2000:4000])
        longer = take.audio(0.8, 1.0).samples
        np.testing.assert_array_equal(longer[:, :800], expected[:, 6400:])
        assert longer.shape == (2, 1600)
        assert not longer[:, 800:].any()
        before = take.audio(-0.1, 0.1).samples
        assert not before[:, :800].any()
        np.testing.assert_array_equal(before[:, 800:], expected[:, :800])
        with pytest.raises(ValueError, match="no length"):
            take.audio(0.5, 0.4)


def test_a_sound_file_stands_in_for_the_recordings_own(recording, tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, (44_100, 3)).astype(np.float32)
    soundfile.write(tmp_path / "mix.flac", noise, 44_100, subtype="PCM_24")
    with open_take(recording, audio=tmp_path / "mix.flac") as take:
        assert (take.sample_rate_hz, take.channel_count, take.duration_s) == (44_100, 3, 1.0)
        np.testing.assert_allclose(take.audio().samples, noise.T, atol=2e-7)


def test_a_take_without_sound_says_so_when_it_is_asked_for(silent_recording):
    with open_take(silent_recording) as take:
        assert not take.has_sound
        assert take.duration_s == pytest.approx(9 / 15, abs=1e-5)
        assert len(take.image_point_cloud(0)) > 1000
        for ask in (take.audio, lambda: take.sample_rate_hz, lambda: take.channel_count):
            with pytest.raises(DataError, match="--audio FILE"):
                ask()


def test_sound_shorter_than_the_images_is_a_warning(tmp_path):
    path = record(tmp_path / "a.mkv", images=16, audio_s=0.5)
    with open_take(path) as take:
        assert take.duration_s == 0.5
        (warning,) = take.warnings
        assert "0.50 s" in warning
        assert "1.00 s" in warning


def test_take_json_names_the_parts_and_moves_the_clock(silent_recording, tmp_path):
    shutil.copy(silent_recording, tmp_path / "take.mkv")
    soundfile.write(tmp_path / "audio.wav", ramp(16_000) / 32768, 16_000)
    described = TakeFile(
        name="Duo",
        recording="take.mkv",
        audio="audio.wav",
        clock=ClockEntry(offset_s=0.25, drift_ppm=1000),
        microphones=(
            MicrophoneEntry(channel=0, role="ring"),
            MicrophoneEntry(channel=1, role="center", position_m=(0.0, 0.0, 0.05)),
        ),
        world_from_camera=PoseEntry(
            position_m=(0.0, 0.0, 2.0), orientation_wxyz=(0.5, -0.5, 0.5, -0.5)
        ),
    )
    write_take_file(tmp_path / "take.json", described)
    assert read_take_file(tmp_path / "take.json") == described
    with open_take(tmp_path) as take:
        assert take.name == "Duo"
        np.testing.assert_allclose(take.times_s, 0.25 + 1.001 * np.arange(10) / 15, atol=2e-6)
        assert take.center_channel == 1
        # This pose turns camera axes to world axes and lifts them by two metres.
        camera = take.camera_point_cloud(0).positions_m
        expected = np.stack([camera[:, 2], -camera[:, 0], 2 - camera[:, 1]], axis=1)
        np.testing.assert_allclose(take.image_point_cloud(0).positions_m, expected, atol=1e-5)


def test_a_sound_file_that_is_missing_is_said_to_be(silent_recording, tmp_path):
    shutil.copy(silent_recording, tmp_path / "take.mkv")
    write_take_file(tmp_path / "take.json", TakeFile(recording="take.mkv", audio="audio.wav"))
    with pytest.raises(FileFormatError, match=r"audio\.wav: is not there, though take\.json names"):
        open_take(tmp_path)
    with pytest.raises(FileFormatError, match=r"other\.wav: there is no such file\. Give a WAV"):
        open_take(tmp_path, audio=tmp_path / "other.wav")


def test_the_truth_of_a_simulated_take_is_never_opened(silent_recording, tmp_path):
    shutil.copy(silent_recording, tmp_path / "take.mkv")
    soundfile.write(tmp_path / "audio.wav", ramp(8000) / 32768, RATE_HZ)
    write_take_file(tmp_path / "take.json", TakeFile(recording="take.mkv", audio="audio.wav"))
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "truth.json").write_text("{}")
    opened = []

    def listen(event, arguments):
        if watching and event in ("open", "os.listdir", "os.scandir"):
            opened.append(str(arguments[0]))

    watching = True
    sys.addaudithook(listen)
    with open_take(tmp_path) as take:
        take.image_point_cloud(0)
        take.audio()
    watching = False
    assert any("take.mkv" in path for path in opened)
    assert not any("truth" in Path(path).parts for path in opened)


@pytest.fixture
def ply_folder(tmp_path):
    """The floor of the recording as PLY files, numbered so that text order is wrong."""
    cloud = PointCloud(
        positions_m=CALIBRATION.unproject(floor_image())[::2],
        colors=None,
    )
    colored = PointCloud(
        positions_m=cloud.positions_m, colors=np.full((len(cloud), 3), [9, 8, 7], np.uint8)
    )
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (1, 2, 10):
        write_ply(folder / f"frame-{number}.ply", colored.select(slice(0, 1000 * number)))
    soundfile.write(folder / "mix.wav", ramp(16_000) / 32768, 16_000)
    return folder


def test_ply_files_with_a_rate_are_a_take(ply_folder):
    with open_take(ply_folder, rate_hz=5) as take:
        np.testing.assert_allclose(take.times_s, [0, 0.2, 0.4])
        assert [len(take.image_point_cloud(index)) for index in range(3)] == [1000, 2000, 10_000]
        assert take.image_point_cloud(0).colors[0].tolist() == [9, 8, 7]
        assert take.image_point_cloud(0, color=False).colors is None
        assert take.depth_mm(0) is None
        assert take.calibration is None
        assert take.duration_s == 1.0


def test_two_sound_files_need_a_choice(ply_folder):
    shutil.copy(ply_folder / "mix.wav", ply_folder / "room.wav")
    with pytest.raises(FileFormatError, match=r"mix\.wav, room\.wav.*--audio"):
        open_take(ply_folder, rate_hz=5)
    with open_take(ply_folder, ply_folder / "room.wav", rate_hz=5) as take:
        assert take.has_sound


def test_ply_files_with_a_table_have_their_own_times(ply_folder):
    (ply_folder / "frames.csv").write_text("file,time_s\nframe-10.ply,0.5\nframe-1.ply,0.75\n")
    with open_take(ply_folder) as take:
        assert take.times_s.tolist() == [0.5, 0.75]
        assert len(take.image_point_cloud(0)) == 10_000


def test_ply_files_without_times_say_what_to_add(ply_folder):
    with pytest.raises(FileFormatError, match=r"frames\.csv"):
        open_take(ply_folder)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("file\nframe-1.ply\n", "columns file and time_s"),
        ("file,time_s\nframe-3.ply,0\n", r"frame-3\.ply"),
        ("file,time_s\nframe-2.ply,1\nframe-1.ply,0.5\n", "increase"),
        ("file,time_s\nframe-1.ply,nan\n", "increase"),
        ("file,time_s\n", "at least one"),
        ("file,time_s\nframe-1.ply,soon\n", "not readable"),
    ],
)
def test_a_wrong_table_is_said(ply_folder, table, reason):
    (ply_folder / "frames.csv").write_text(table)
    with pytest.raises(FileFormatError, match=reason):
        open_take(ply_folder)


def test_ply_files_in_world_axes_stay_as_they_are(tmp_path):
    points = np.random.default_rng(0).uniform([1, -1, 0], [3, 1, 2], (500, 3)).astype(np.float32)
    write_ply(tmp_path / "0.ply", PointCloud(positions_m=points * 1000))
    write_take_file(
        tmp_path / "take.json",
        TakeFile(frames=FramesEntry(rate_hz=10, axes="world", unit_m=0.001)),
    )
    with open_take(tmp_path) as take:
        np.testing.assert_allclose(take.image_point_cloud(0).positions_m, points, atol=1e-5)
        np.testing.assert_allclose(
            take.camera_point_cloud(0).positions_m, camera_from_world_axes(points), atol=1e-5
        )


def test_millimetres_are_noticed(ply_folder, tmp_path):
    folder = tmp_path / "millimetres"
    folder.mkdir()
    points = CALIBRATION.unproject(floor_image())[:100] * 1000
    write_ply(folder / "1.ply", PointCloud(positions_m=points))
    with open_take(folder, rate_hz=1) as take, pytest.raises(DataError, match=r"unit_m: 0\.001"):
        take.image_point_cloud(0)


def test_points_that_are_not_finite_are_refused(tmp_path):
    points = np.ones((200, 3), np.float32)
    points[7, 1] = np.nan
    write_ply(tmp_path / "1.ply", PointCloud(positions_m=points))
    with (
        open_take(tmp_path, rate_hz=1) as take,
        pytest.raises(DataError, match=r"1\.ply: a point is not finite"),
    ):
        take.image_point_cloud(0)


def test_images_that_measured_nothing_are_refused(tmp_path):
    path = record(tmp_path / "dark.mkv", depth=np.zeros((288, 320), np.uint16))
    with open_take(path) as take, pytest.raises(DataError, match="no measurement") as caught:
        take.image_point_cloud(0)
    assert "dark.mkv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_that_are_not_there_are_an_index_error(recording):
    with open_take(recording) as take:
        for index in (-1, 10):
            with pytest.raises(IndexError, match="of 10"):
                take.image_point_cloud(index)


def test_a_cut_off_recording_warns(recording, tmp_path):
    data = recording.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with open_take(tmp_path / "cut.mkv") as take:
        assert len(take.times_s) < 10
        assert any("cut off" in warning for warning in take.warnings)
        take.image_point_cloud(len(take.times_s) - 1)


def _empty_sound(path):
    soundfile.write(path, np.zeros((0, 2)), 48_000)


def _text(path):
    path.write_text("no sound at all")


def _missing(path):
    pass


@pytest.mark.parametrize(
    ("make", "reason"),
    [(_empty_sound, "is empty"), (_text, "not readable as sound"), (_missing, "no such file")],
)
def test_a_sound_file_that_is_none_is_refused(recording, tmp_path, make, reason):
    make(tmp_path / "mix.wav")
    with pytest.raises(AuralizeError, match=reason) as caught:
        open_take(recording, audio=tmp_path / "mix.wav")
    assert "mix.wav" in str(caught.value)


def test_a_sample_that_is_not_finite_names_its_time(recording, tmp_path):
    samples = np.zeros((8000, 2), np.float32)
    samples[4000, 1] = np.inf
    soundfile.write(tmp_path / "mix.wav", samples, RATE_HZ, subtype="FLOAT")
    with (
        open_take(recording, audio=tmp_path / "mix.wav") as take,
        pytest.raises(DataError, match=r"0\.500 s"),
    ):
        take.audio(0.4, 0.6)


def take_json(tmp_path, **content):
    (tmp_path / "take.json").write_text(json.dumps({"format": "auralize-take-1", **content}))
    return tmp_path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "either a recording or frames"),
        ({"recording": "take.mkv", "speed": 2}, "speed"),
        ({"recording": "take.mkv", "format": "other"}, "format"),
        ({"recording": "none.mkv"}, r"none\.mkv"),
        ({"recording": "take.mkv", "clock": {"drift_ppm": 99999}}, r"clock\.drift_ppm"),
        ({"recording": "take.mkv", "audio": "none.wav"}, r"none\.wav"),
        (
            {"recording": "take.mkv", "microphones": [{"channel": 0, "role": "ring"}]},
            "role center",
        ),
        (
            {"recording": "take.mkv", "microphones": [{"channel": 0, "role": "center"}] * 2},
            "role center",
        ),
        (
            {"recording": "take.mkv", "microphones": [{"channel": 2, "role": "center"}]},
            "channel 2",
        ),
    ],
)
def test_a_wrong_take_json_is_said_in_one_line(recording, tmp_path, content, reason):
    shutil.copy(recording, tmp_path / "take.mkv")
    with pytest.raises(AuralizeError, match=reason) as caught:
        open_take(take_json(tmp_path, **content))
    assert "\n" not in str(caught.value)


def test_take_json_that_is_no_json_is_said(tmp_path):
    (tmp_path / "take.json").write_text("{")
    with pytest.raises(FileFormatError, match=r"take\.json"):
        open_take(tmp_path)


def test_what_is_no_take_says_what_one_is(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        open_take(tmp_path / "none")
    with pytest.raises(FileFormatError, match="is no take"):
        open_take(tmp_path)
    soundfile.write(tmp_path / "mix.wav", np.zeros(100), 8000)
    with pytest.raises(FileFormatError, match="no Matroska file"):
        open_take(tmp_path / "mix.wav")


def test_the_published_schema_is_that_of_the_model():
    published = Path(sys.modules[TakeFile.__module__].__file__).with_name("take.schema.json")
    assert json.loads(published.read_text(encoding="utf-8")) == take_file_schema()


def test_the_schema_accepts_what_is_written_and_refuses_a_typo(tmp_path):
    write_take_file(tmp_path / "take.json", TakeFile(recording="take.mkv"))
    document = json.loads((tmp_path / "take.json").read_text())
    jsonschema.validate(document, take_file_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "recordnig": "x"}, take_file_schema())


def test_sound_that_runs_fast_in_a_recording_moves_the_images(recording):
    """Blocks stamped by the camera's clock, 500 ppm behind the samples they hold."""
    track = TrackEntry(codec=CODEC_PCM, channels=2, bit_depth=16, sample_rate_hz=8000.0)
    for block in range(1000):
        track.add_block(round(block * 0.02e6 / (1 + 500e-6)), 0, 160 * 4)
    with MatroskaFile(recording) as file:
        sound = RecordedSound(file, track)
        assert sound.gap is None
        assert sound.clock().drift == pytest.approx(500e-6, abs=1e-6)
        assert sound.clock().offset_s == pytest.approx(0.0, abs=1e-5)
        track.add_block(25_000_000, 0, 160 * 4)
        assert "a gap of 5.01 s before 25.00 s" in RecordedSound(file, track).gap


def test_lost_sound_is_filled_with_silence(tmp_path):
    """Half a second is missing: what follows stays at its time."""
    path = tmp_path / "a.mkv"
    with K4AWriter(path, CALIBRATION, imu=False, audio_channels=2, audio_rate_hz=RATE_HZ) as writer:
        sound = ramp(2 * RATE_HZ) + np.int16(1)
        writer.write_audio(0, sound[:8000])
        writer.write_depth(0, floor_image())
        writer.write_depth(900_000, floor_image())
        writer.write_audio(12_000, sound[12_000:])
    with open_take(path) as take:
        assert "a gap of 0.50 s before 1.50 s: silence" in take.warnings[0]
        assert take.clock == ClockFit()
        expected = sound.T.astype(np.float32) / 32768
        expected[:, 8000:12_000] = 0
        np.testing.assert_array_equal(take.audio().samples, expected)
        for start, stop in ((7990, 8010), (9000, 9500), (11_990, 12_500), (12_345, 16_000)):
            piece = take.audio(start / RATE_HZ, stop / RATE_HZ).samples
            np.testing.assert_array_equal(piece, expected[:, start:stop])


def test_one_late_stamp_is_no_gap(recording):
    track = TrackEntry(codec=CODEC_PCM, channels=2, bit_depth=16, sample_rate_hz=8000.0)
    for block in range(100):
        track.add_block(block * 20_000 + 300_000 * (block == 50), 0, 160 * 4)
    with MatroskaFile(recording) as file:
        assert RecordedSound(file, track).gap is None


def test_point_clouds_are_found_by_time(recording):
    with open_take(recording) as take:
        assert [take.index_at(t) for t in (-1.0, 0.0, 0.03, 0.04, 0.3, 9.0)] == [0, 0, 0, 1, 4, 9]
        by_time = take.point_cloud(0.2)
        np.testing.assert_array_equal(by_time.positions_m, take.image_point_cloud(3).positions_m)
        # An int is a time like any other.
        last = take.image_point_cloud(len(take.times_s) - 1).positions_m
        np.testing.assert_array_equal(take.point_cloud(9).positions_m, last)
        for wrong in (np.nan, np.inf):
            with pytest.raises(ValueError, match="finite"):
                take.point_cloud(wrong)


def test_a_recording_of_infrared_only_says_so(tmp_path):
    wide = Calibration.simulated(depth_mode="WFOV_UNBINNED", color_mode=None)
    path = tmp_path / "passive.mkv"
    image = np.arange(1024 * 1024, dtype=np.uint32).reshape(1024, 1024).astype(np.uint16)
    with K4AWriter(path, wide, infrared=True, imu=False) as writer:
        writer.write_depth(0, image, image)
    # Without its depth track it is what passive infrared records.
    hidden = path.read_bytes().replace(b"\x53\x6e\x85DEPTH", b"\x53\x6e\x85OTHER")
    path.write_bytes(hidden.replace(b"K4A_DEPTH_TRACK", b"K4A_OTHER_TRACK"))
    with K4ARecording(path) as passive:
        assert passive.calibration.depth_mode == "PASSIVE_IR"
        assert len(passive.depth_times_s) == 0
        np.testing.assert_array_equal(passive.infrared_times_s, [0.0])
        np.testing.assert_array_equal(passive.infrared(0), image)
    with pytest.raises(FileFormatError, match="infrared images and no depth"):
        open_take(path)


def test_epoch_sized_start_offsets_are_accepted(tmp_path):
    """Orbbec's wrapper counts the device's clock from 1970."""
    start_us = 1_700_000_000_000_000
    with K4AWriter(tmp_path / "a.mkv", CALIBRATION, start_offset_us=start_us) as writer:
        writer.write_depth(start_us + 66_667, floor_image())
        writer.write_imu(start_us, np.array([0.1, 0.2, 0.3]), np.zeros(3))
    with K4ARecording(tmp_path / "a.mkv") as recording:
        assert recording.start_offset_s == pytest.approx(1.7e9)
        np.testing.assert_allclose(recording.imu().times_s, [0.0], atol=1e-6)
    with open_take(tmp_path / "a.mkv") as take:
        np.testing.assert_allclose(take.times_s, [0.066667], atol=1e-9)
