"""Recording a simulated take: all arrives, and what goes wrong is survived, counted and said."""

import io
import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from capture.camera.calibration import Calibration
from capture.errors import DeviceError, OutputError
from capture.k4a_mkv import K4ARecording, K4AWriter
from capture.record.faults import Faults, parse_faults
from capture.record.full_disk import FullDisk
from capture.record.settings import RecordSettings
from capture.record.simulated import simulated_devices
from capture.record.take_folder import fault_of, record_take
from capture.take import open_take
from capture.take.take_file import read_take_file

RATE_HZ = 8000
FAST = float("inf")
CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED")


def jpeg(shade):
    buffer = io.BytesIO()
    Image.new("RGB", (1280, 720), (shade, 90, 10)).save(buffer, "JPEG")
    return buffer.getvalue()


def depth_image(index):
    rows, columns = np.indices((288, 320))
    return (900 + 50 * index + rows + columns).astype(np.uint16)


def noise(seconds, channels=2):
    rng = np.random.default_rng(3)
    return rng.integers(-9000, 9000, (round(seconds * RATE_HZ), channels), dtype=np.int16)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Two seconds of everything."""
    path = tmp_path_factory.mktemp("played") / "played.mkv"
    sound = noise(2.0)
    with K4AWriter(path, CALIBRATION, audio_channels=2, audio_rate_hz=RATE_HZ) as writer:
        for index in range(30):
            time_us = round(index * 1e6 / 15)
            writer.write_depth(time_us, depth_image(index))
            writer.write_color(time_us, jpeg(8 * index))
            for step in range(10):
                reading = np.array([0.0, 0.1 * index, -9.8])
                writer.write_imu(time_us + 6000 * step, reading, np.zeros(3))
            start = round(index * RATE_HZ / 15)
            writer.write_audio(start, sound[start : round((index + 1) * RATE_HZ / 15)])
    return path


def recorded(played, folder, *faults, seconds=3.0, speed=FAST, loop=True, **options):
    """Record a simulated take; return what take.json says."""
    camera, sound = simulated_devices(played, faults=parse_faults(faults), speed=speed, loop=loop)
    settings = RecordSettings(seconds=seconds, **options)
    return record_take(folder, camera, sound, settings)


def test_all_that_is_played_arrives(played, tmp_path):
    described = recorded(played, tmp_path / "take", seconds=5.0)
    entry = described.recorded
    assert entry.finished
    assert (entry.fault, entry.lost, entry.gaps) == (None, None, ())
    assert (entry.depth_images, entry.color_images) == (75, 75)
    assert (entry.sound_samples, entry.sound_overflows) == (5 * RATE_HZ, 0)
    assert read_take_file(tmp_path / "take" / "take.json") == described
    with K4ARecording(tmp_path / "take" / "take.mkv") as copy, K4ARecording(played) as original:
        assert copy.notes == ()
        np.testing.assert_allclose(copy.depth_times_s, np.arange(75) / 15, atol=1e-6)
        for index in range(75):
            np.testing.assert_array_equal(copy.depth_mm(index), depth_image(index % 30))
            assert copy.color_payload(index) == original.color_payload(index % 30)
        heard = copy.read_audio(0, 5 * RATE_HZ)
        expected = np.tile(noise(2.0), (3, 1))[: 5 * RATE_HZ].T / 32768
        np.testing.assert_array_equal(heard, expected.astype(np.float32))
        felt = copy.imu().acceleration_m_s2[:, 1]
        expected = np.repeat(0.1 * (np.arange(75) % 30), 10)[: len(felt)]
        np.testing.assert_allclose(felt, expected, atol=1e-6)
        assert entry.imu_readings == len(felt) == 750
    with open_take(tmp_path / "take") as take:
        assert take.warnings == ()
        assert take.duration_s == 5.0


def test_a_take_that_ends_ends_the_recording(played, tmp_path):
    described = recorded(played, tmp_path / "take", seconds=None, loop=False)
    assert described.recorded.fault is None
    assert described.recorded.depth_images == 30
    assert described.recorded.sound_samples == 2 * RATE_HZ


def test_lost_images_are_counted_and_placed(played, tmp_path):
    entry = recorded(played, tmp_path / "take", "drop-images=0.2", seconds=4.0).recorded
    rng = np.random.default_rng([0, 1])
    kept = []
    for index in range(62):
        if rng.random() >= 0.2:
            kept.append(index)
            rng.random()  # the host's time of this one
    kept = np.array([index for index in kept if index < 60])
    assert entry.depth_images == entry.color_images == len(kept)
    assert entry.depth_missing == entry.color_missing == 60 - len(kept)
    with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
        np.testing.assert_allclose(recording.depth_times_s, (kept - kept[0]) / 15, atol=2e-6)
    first = next(gap for gap in entry.gaps if gap.what == "depth")
    at = int(np.argmax(np.diff(kept) > 1))
    assert first.start_s == pytest.approx((kept[at] - kept[0]) / 15, abs=1e-3)
    assert first.length_s == pytest.approx((kept[at + 1] - kept[at]) / 15, abs=1e-3)


def test_a_camera_that_is_unplugged_ends_it_with_all_that_came(played, tmp_path):
    described = recorded(played, tmp_path / "take", "unplug-camera-s=1.5")
    entry = described.recorded
    assert entry.finished
    assert entry.depth_images == 23
    assert entry.sound_samples == pytest.approx(23 / 15 * RATE_HZ, abs=1)
    assert "unplugged at 1.53 s" in entry.fault
    assert isinstance(fault_of(described), DeviceError)
    with open_take(tmp_path / "take") as take:
        np.testing.assert_array_equal(take.depth_mm(22), depth_image(22))


def test_microphones_that_are_unplugged_end_it(played, tmp_path):
    entry = recorded(played, tmp_path / "take", "unplug-sound-s=1.0").recorded
    assert "microphones were unplugged at 1.00 s" in entry.fault
    assert entry.sound_samples == pytest.approx(0.98 * RATE_HZ, abs=1)
    assert 14 <= entry.depth_images <= 17


@pytest.mark.parametrize(
    ("fault", "images", "samples"),
    [("unplug-sound-s=1.0", 45, 0.98 * RATE_HZ), ("unplug-camera-s=1.0", 15, 3 * RATE_HZ)],
)
def test_what_is_left_is_recorded_where_that_is_asked_for(played, tmp_path, fault, images, samples):
    entry = recorded(played, tmp_path / "take", fault, keep_going=True).recorded
    assert "unplugged" in entry.fault
    assert entry.depth_images == images
    assert entry.sound_samples == pytest.approx(samples, abs=1)


def test_a_camera_that_goes_silent_is_given_up(played, tmp_path):
    entry = recorded(
        played, tmp_path / "take", "freeze-camera-s=1", seconds=None, silence_s=0.5, status_s=0.0
    ).recorded
    assert "no image came from simulated camera for" in entry.fault
    assert entry.depth_images == 15
    with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
        assert recording.notes == ()


def test_microphones_that_never_give_anything_are_given_up(played, tmp_path):
    camera, sound = simulated_devices(played, speed=20.0)

    def nothing():
        sound._clock.leave(sound)
        while True:
            time.sleep(0.01)
            yield None

    sound.blocks = nothing
    settings = RecordSettings(silence_s=1.0, status_s=0.0)
    entry = record_take(tmp_path / "take", camera, sound, settings).recorded
    assert "no sound came from simulated microphones" in entry.fault
    assert entry.depth_images > 10
    assert entry.sound_samples == 0


def test_a_driver_with_a_bug_leaves_a_whole_file(played, tmp_path):
    camera, sound = simulated_devices(played, speed=FAST)
    captures = camera.captures

    def broken():
        for index, capture in enumerate(captures()):
            if index == 20:
                raise ZeroDivisionError("a bug")
            yield capture

    camera.captures = broken
    with pytest.raises(ZeroDivisionError):
        record_take(tmp_path / "take", camera, sound)
    with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
        assert recording.notes == ()
        assert len(recording.depth_times_s) == 20
    camera, sound = simulated_devices(played, speed=FAST)
    sound.stop()
    camera.captures = lambda: (_ for _ in ()).throw(ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        record_take(tmp_path / "none", camera, None)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("jitter", ["jitter-ms=0", "jitter-ms=3"])
def test_lost_samples_become_silence_of_their_length(played, tmp_path, jitter):
    entry = recorded(
        played, tmp_path / "take", "xrun-every-s=1.5", "xrun-length-s=0.1", jitter, seconds=6.0
    ).recorded
    assert entry.sound_overflows >= 3
    exact = jitter == "jitter-ms=0"
    assert entry.sound_missing_samples == pytest.approx(
        3 * 0.1 * RATE_HZ, abs=1 if exact else 0.012 * RATE_HZ
    )
    gaps = [gap for gap in entry.gaps if gap.what == "sound"]
    np.testing.assert_allclose([gap.start_s for gap in gaps[:3]], [1.5, 3.01, 4.51], atol=0.03)
    assert "samples of sound (now silence)" in entry.lost
    if exact:
        with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
            heard = recording.read_audio(0, 6 * RATE_HZ)
        played_sound = np.tile(noise(2.0), (4, 1))[: 6 * RATE_HZ].T.astype(np.float32) / 32768
        silent = ~heard.any(axis=0)
        assert np.count_nonzero(silent) == pytest.approx(0.3 * RATE_HZ, abs=10)
        np.testing.assert_array_equal(heard[:, ~silent], played_sound[:, ~silent])


def test_jitter_and_late_times_lose_nothing(played, tmp_path):
    entry = recorded(
        played, tmp_path / "take", "jitter-ms=5", "late-times=0.01", seconds=12.0
    ).recorded
    assert (entry.lost, entry.depth_images) == (None, 180)
    with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
        heard = recording.read_audio(0, 11 * RATE_HZ)
        assert recording.notes == ()
    # The first samples may be left away, by as much as the first times jitter.
    expected = np.tile(noise(2.0), (7, 1)).T.astype(np.float32) / 32768
    lags = np.arange(round(0.03 * RATE_HZ))
    lag = next(n for n in lags if np.array_equal(heard[:, :800], expected[:, n : n + 800]))
    np.testing.assert_array_equal(heard, expected[:, lag : lag + heard.shape[1]])


def test_drift_between_sound_and_images_is_written_down(played, tmp_path):
    drift_ppm = 450
    described = recorded(
        played,
        tmp_path / "take",
        f"sound-drift-ppm={drift_ppm}",
        "jitter-ms=2",
        seconds=30.0,
    )
    assert described.clock.drift_ppm == pytest.approx(drift_ppm, abs=40)
    assert described.recorded.sound_missing_samples == 0
    with open_take(tmp_path / "take") as take:
        # Sound and images began together: image n is at n / 15 of true time.
        true_s = np.arange(len(take.times_s)) / 15
        error_s = take.times_s - true_s * (1 + drift_ppm * 1e-6)
        assert np.abs(error_s - np.median(error_s)).max() < 2e-3
        assert abs(np.median(error_s)) < 5e-3


def test_a_camera_clock_that_jumps_is_straightened(played, tmp_path):
    entry = recorded(played, tmp_path / "take", "clock-jump-s=1.6", seconds=4.0).recorded
    assert entry.camera_clock_jumps == 1
    assert (entry.depth_images, entry.depth_missing) == (60, 0)
    with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
        np.testing.assert_allclose(recording.depth_times_s, np.arange(60) / 15, atol=1e-4)


@pytest.mark.parametrize("most_bytes", [3_000_000, 3_100_000, 3_150_000])
def test_a_full_disk_keeps_what_is_on_it(played, tmp_path, most_bytes):
    camera, sound = simulated_devices(played, speed=FAST)
    described = record_take(
        tmp_path / "take",
        camera,
        sound,
        RecordSettings(seconds=9.0),
        sink=lambda file: FullDisk(file, most_bytes),
    )
    assert isinstance(fault_of(described), OutputError)
    assert "No space left" in described.recorded.fault
    assert described.recorded.finished
    path = tmp_path / "take" / "take.mkv"
    assert path.stat().st_size <= most_bytes
    with K4ARecording(path) as recording:
        assert recording.notes == ()
        count = len(recording.depth_times_s)
        assert count == described.recorded.depth_images >= 10
        np.testing.assert_array_equal(recording.depth_mm(count - 1), depth_image(count - 1))


def test_a_disk_without_room_for_a_header_leaves_nothing(played, tmp_path):
    camera, sound = simulated_devices(played, speed=FAST)
    with pytest.raises(OutputError, match="No space left"):
        record_take(tmp_path / "take", camera, sound, sink=lambda file: FullDisk(file, 1000))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_nearly_full_stops_the_recording(played, tmp_path):
    class Small(FullDisk):
        def disk_left_bytes(self):
            return 50_000_000 - self._file.tell()

    camera, sound = simulated_devices(played, speed=FAST)
    described = record_take(
        tmp_path / "take",
        camera,
        sound,
        RecordSettings(disk_reserve_bytes=45_000_000, status_s=0.01),
        sink=lambda file: Small(file, 10**12),
    )
    assert "the disk has" in described.recorded.fault
    with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
        assert recording.notes == ()
        assert len(recording.depth_times_s) == described.recorded.depth_images


def test_a_slow_disk_loses_captures_of_a_live_camera_counted_and_no_sound(played, tmp_path):
    class Slow(FullDisk):
        def write(self, data):
            if len(data) > 100_000:
                time.sleep(0.02)
            return super().write(data)

    camera, sound = simulated_devices(played, speed=10.0)
    described = record_take(
        tmp_path / "take",
        camera,
        sound,
        RecordSettings(seconds=6.0, inbox_bytes=600_000),
        sink=lambda file: Slow(file, 10**12),
    )
    entry = described.recorded
    assert entry.dropped_captures > 5
    # Those after the last one that found room are not known to be missing until the end.
    assert 0 < entry.depth_missing <= entry.dropped_captures
    assert entry.depth_images + entry.depth_missing == 90
    assert entry.sound_missing_samples == 0


def test_a_take_is_not_overwritten_unless_that_is_asked_for(played, tmp_path):
    recorded(played, tmp_path / "take", seconds=0.4)
    before = (tmp_path / "take" / "take.mkv").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        recorded(played, tmp_path / "take", seconds=0.8)
    assert (tmp_path / "take" / "take.mkv").read_bytes() == before
    camera, sound = simulated_devices(played, speed=FAST)
    record_take(tmp_path / "take", camera, sound, RecordSettings(seconds=0.8), replace=True)
    assert (tmp_path / "take" / "take.mkv").read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["take"]


def test_a_recording_without_images_leaves_the_old_take(played, tmp_path):
    recorded(played, tmp_path / "take", seconds=0.4)
    before = (tmp_path / "take" / "take.mkv").read_bytes()
    camera, sound = simulated_devices(played, faults=Faults(unplug_camera_s=0.0), speed=FAST)
    with pytest.raises(DeviceError, match=r"unplugged at 0\.00 s"):
        record_take(tmp_path / "take", camera, sound, replace=True)
    camera, sound = simulated_devices(played, faults=Faults(freeze_camera_s=0.0), speed=1.0)
    with pytest.raises(DeviceError, match="USB 3"):
        record_take(tmp_path / "new", camera, sound, RecordSettings(first_image_s=0.2))
    assert (tmp_path / "take" / "take.mkv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["take"]


def test_somebody_asks_to_stop(played, tmp_path):
    stop, looks = threading.Event(), []

    def look(status):
        looks.append(status)
        if status.elapsed_s > 1.6:
            stop.set()

    camera, sound = simulated_devices(played, speed=4.0)
    described = record_take(
        tmp_path / "take", camera, sound, RecordSettings(status_s=0.05), stop=stop, on_status=look
    )
    entry = described.recorded
    assert entry.fault is None
    assert entry.depth_images >= 24
    # The sound goes as far as the images.
    assert entry.sound_samples == pytest.approx(entry.depth_images / 15 * RATE_HZ, abs=2)
    last = next(look for look in looks if look.elapsed_s > 1.4)
    assert last.rate_hz == pytest.approx(15.0, abs=0.1)
    assert last.levels_dbfs == pytest.approx([20 * np.log10(9000 / 32768)] * 2, abs=0.5)
    assert last.disk_left_bytes > last.written_bytes > 100_000


KILLED = """
import sys
from capture.record.simulated import simulated_devices
from capture.record.take_folder import record_take
camera, sound = simulated_devices(sys.argv[1], speed=4.0)
record_take(sys.argv[2], camera, sound, on_status=lambda s: print(s.elapsed_s, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_recording_is_a_take_up_to_its_last_second(played, tmp_path):
    folder = tmp_path / "take"
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(played), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in running.stdout:
        if float(line) > 3.0:
            break
    running.send_signal(signal.SIGKILL)
    rest, _ = running.communicate()
    reached_s = float((line + rest).split()[-1])
    assert not json.loads((folder / "take.json").read_text())["recorded"]["finished"]
    with open_take(folder) as take:
        assert any("auralize capture repair" in warning for warning in take.warnings)
        assert take.times_s[-1] > reached_s - 1.5
        last = len(take.times_s) - 1
        np.testing.assert_array_equal(take.depth_mm(last), depth_image(last % 30))
        heard = take.audio(0.0, 1.5).samples
    expected = noise(2.0)[: round(1.5 * RATE_HZ)].T.astype(np.float32) / 32768
    np.testing.assert_array_equal(heard, expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("smoke=1", "there are: drop-images"),
        ("drop-images", "drop-images=NUMBER"),
        ("drop-images=2", "from 0 to 1"),
        ("xrun-every-s=0", "positive"),
        ("sound-drift-ppm=nan", "5000"),
        ("jitter-ms=-1", "negative"),
    ],
)
def test_a_wrong_fault_is_said(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_faults([text])


def test_24_bits_survive(tmp_path):
    sound = np.random.default_rng(0).integers(-(2**31), 2**31 - 256, (4000, 3), dtype=np.int32)
    path = tmp_path / "a.mkv"
    options = {"audio_channels": 3, "audio_rate_hz": 8000, "audio_bits": 24, "imu": False}
    with K4AWriter(path, CALIBRATION, **options) as writer:
        writer.write_depth(0, depth_image(0))
        with pytest.raises(ValueError, match="int32"):
            writer.write_audio(0, sound.astype(np.int16))
        writer.write_audio(0, sound)
    with K4ARecording(path) as recording:
        heard = recording.read_audio(0, 4000)
    np.testing.assert_array_equal(heard, ((sound >> 8).T / 2.0**23).astype(np.float32))
