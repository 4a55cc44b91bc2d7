"""Drivers of real devices, against stand-ins for their libraries.

The stand-ins have the calls of pyk4a 1.5.0 and sounddevice 0.5; no test here has seen a sensor.
"""

import enum
import sys
import time
import types

import numpy as np
import pytest

from capture.camera.calibration import Calibration
from capture.errors import DependencyError, DeviceError
from capture.record import devices, kinect, sound_device
from capture.record.kinect import CameraSettings, KinectCamera
from capture.record.microphone_entries import microphone_entries
from capture.record.settings import RecordSettings
from capture.record.sound_device import DeviceSound, SoundInput, SoundSettings, find_input
from capture.record.take_folder import record_take
from capture.record.usb import plugged_sensors
from capture.take import open_take

SHAPE = (288, 320)


def plug(folder, name, *, vendor="045e", product="097c", title="", speed="5000", node=True):
    """Describe a device as Linux does, with its device file or without."""
    system, nodes = folder / "sys", folder / "dev"
    place = system / name
    place.mkdir(parents=True)
    number = len(list(system.iterdir()))
    for key, value in {
        "idVendor": vendor,
        "idProduct": product,
        "product": title,
        "busnum": "2",
        "devnum": str(number),
        "speed": speed,
    }.items():
        (place / key).write_text(f"{value}\n")
    if node:
        (nodes / "002").mkdir(parents=True, exist_ok=True)
        (nodes / "002" / f"{number:03}").touch()
    return system, nodes


def test_what_is_plugged_in_is_seen(tmp_path):
    plug(tmp_path, "2-1", product="097c", node=False)
    plug(tmp_path, "2-2", product="097e", speed="480")
    plug(tmp_path, "2-3", vendor="2bc5", product="066b", title="Orbbec Femto Bolt")
    plug(tmp_path, "2-4", vendor="046d", product="c077", title="Mouse")
    system, nodes = plug(tmp_path, "2-5", vendor="2bc5", product="0403", title="Astra")
    (system / "usb2").mkdir()  # a hub without files
    found = plugged_sensors(system, nodes)
    assert [sensor.name for sensor in found] == [
        "Azure Kinect depth camera",
        "Azure Kinect microphones",
        "Orbbec Femto Bolt",
    ]
    assert [sensor.writable for sensor in found] == [False, True, True]
    assert [sensor.fast for sensor in found] == [True, False, True]
    assert [sensor.is_camera for sensor in found] == [True, False, True]
    assert plugged_sensors(tmp_path / "none", nodes) is None


class FakeK4AError(Exception):
    pass


class FakeTimeoutError(FakeK4AError):
    pass


class FakeK4A:
    """What pyk4a does, its empty errors included."""

    K4AException, K4ATimeoutException = FakeK4AError, FakeTimeoutError
    DepthMode = enum.IntEnum("DepthMode", ["NFOV_2X2BINNED", "NFOV_UNBINNED"])
    ColorResolution = enum.IntEnum("ColorResolution", ["OFF", "RES_720P"], start=0)
    ImageFormat = enum.IntEnum("ImageFormat", ["COLOR_MJPG", "COLOR_NV12"], start=0)
    FPS = enum.IntEnum("FPS", ["FPS_5", "FPS_15", "FPS_30"], start=0)

    def __init__(self, count=1, *, opens=True, starts=True, images=10, stops=True):
        self.count, self.opens, self.starts = count, opens, starts
        self.images, self.stops = images, stops
        self.closed = []

    def connected_device_count(self):
        return self.count

    def Config(self, **settings):
        return types.SimpleNamespace(**settings)

    def PyK4A(self, config, device_id=0):
        return FakeDevice(self, config)


class FakeDevice:
    serial = "000123212345"

    def __init__(self, library, config):
        self.library, self.config = library, config
        self.given = 0
        self.waiting = []

    @property
    def calibration_raw(self):
        return Calibration.simulated().factory_json + "\0"

    def open(self):
        if not self.library.opens:
            raise FakeK4AError

    def start(self):
        if not self.library.starts:
            raise FakeK4AError
        self.started_ns = time.perf_counter_ns()

    def stop(self):
        self.library.closed.append("stop")
        if not self.library.stops:
            raise FakeK4AError

    def close(self):
        self.library.closed.append("close")

    def get_capture(self, timeout):
        if self.given == self.library.images:
            raise FakeK4AError
        due_ns = self.started_ns + self.given * 33_333_333
        if time.perf_counter_ns() < due_ns:
            time.sleep(0.005)
            raise FakeTimeoutError
        index, self.given = self.given, self.given + 1
        time_us = 1_000_000 + round(index * 1e6 / 30)
        self.waiting = [time_us - 400 * n for n in (3, 2, 1)]
        depth = np.full(SHAPE, 1000 + index, np.uint16)
        return types.SimpleNamespace(
            depth=None if index == 4 else depth,
            depth_timestamp_usec=time_us,
            depth_system_timestamp_nsec=due_ns,
            ir=depth // 2,
            color=np.frombuffer(b"\xff\xd8picture%d" % index, np.uint8),
            color_timestamp_usec=time_us + 20,
            color_system_timestamp_nsec=due_ns + 9000,
        )

    def get_imu_sample(self, timeout):
        assert timeout == 0
        if not self.waiting:
            raise FakeTimeoutError
        time_us = self.waiting.pop(0)
        return {
            "temperature": 30.0,
            "acc_sample": (0.1, 0.2, -9.8),
            "acc_timestamp": time_us,
            "gyro_sample": (0.0, 0.0, 0.3),
            "gyro_timestamp": time_us + 2,
        }


BINNED = CameraSettings(depth_mode="NFOV_2X2BINNED", fps=30, infrared=True)


@pytest.fixture
def library(monkeypatch):
    def use(**options):
        fake = FakeK4A(**options)
        monkeypatch.setattr(kinect, "load_pyk4a", lambda path: fake)
        return fake

    monkeypatch.setattr(kinect, "plugged_sensors", list)
    return use


def test_a_camera_is_recorded_until_it_is_unplugged(library, tmp_path):
    fake = library(images=12)
    described = record_take(tmp_path / "take", KinectCamera(BINNED), None)
    entry = described.recorded
    assert "Azure Kinect 000123212345 was lost: it was unplugged" in entry.fault
    assert (entry.depth_images, entry.depth_missing) == (11, 1)
    assert (entry.color_images, entry.color_missing) == (12, 0)
    assert fake.closed == ["stop"]
    with open_take(tmp_path / "take") as take:
        np.testing.assert_array_equal(take.depth_mm(5), np.full(SHAPE, 1006))
        np.testing.assert_allclose(np.diff(take.times_s)[:3], 1 / 30, atol=2e-6)
    from capture.k4a_mkv import K4ARecording

    with K4ARecording(tmp_path / "take" / "take.mkv") as recording:
        assert recording.tags["K4A_DEVICE_SERIAL_NUMBER"] == "000123212345"
        assert recording.color_payload(4) == b"\xff\xd8picture4"
        np.testing.assert_array_equal(recording.infrared(0), np.full(SHAPE, 500))
        imu = recording.imu()
        # The readings before the first image are from before the recording.
        assert len(imu.times_s) == entry.imu_readings == 33
        np.testing.assert_allclose(imu.times_s[:3], (33_333 - 1200 + 400 * np.arange(3)) * 1e-6)
        np.testing.assert_allclose(imu.angular_velocity_rad_s[0], [0, 0, 0.3], rtol=1e-6)


def test_a_camera_that_was_unplugged_cannot_be_stopped_and_that_is_no_error(library):
    fake = library(images=1, stops=False)
    camera = KinectCamera(BINNED)
    camera.start()
    camera.stop()
    camera.stop()
    assert fake.closed == ["stop"]


def test_no_camera_says_so(library):
    library(count=0)
    with pytest.raises(DeviceError, match="no Azure Kinect or Femto is plugged in"):
        KinectCamera()
    library(count=1)
    with pytest.raises(DeviceError, match="there are 1 cameras"):
        KinectCamera(CameraSettings(index=1))


@pytest.mark.parametrize(
    ("title", "vendor", "node", "reason"),
    [
        ("", "045e", False, r"99-k4a\.rules"),
        ("", "045e", True, "power supply"),
        ("Femto Bolt", "2bc5", True, "--k4a-library"),
        ("Femto Bolt", "2bc5", False, r"99-obsensor-libusb\.rules"),
    ],
)
def test_a_camera_that_is_plugged_in_and_not_found_says_why(
    library, monkeypatch, tmp_path, title, vendor, node, reason
):
    system, nodes = plug(tmp_path, "2-1", vendor=vendor, title=title, node=node)
    monkeypatch.setattr(kinect, "plugged_sensors", lambda: plugged_sensors(system, nodes))
    library(count=0)
    with pytest.raises(DeviceError, match=reason):
        KinectCamera()


@pytest.mark.parametrize(("node", "reason"), [(True, "in use by another"), (False, "udev")])
def test_a_camera_that_does_not_open_says_why(library, monkeypatch, tmp_path, node, reason):
    system, nodes = plug(tmp_path, "2-1", node=node)
    monkeypatch.setattr(kinect, "plugged_sensors", lambda: plugged_sensors(system, nodes))
    library(opens=False)
    with pytest.raises(DeviceError, match=reason):
        KinectCamera()


def test_a_camera_that_does_not_start_says_what_it_needs(library, tmp_path):
    fake = library(starts=False)
    with pytest.raises(DeviceError, match=r"OpenGL 4\.4 and a display"):
        record_take(tmp_path / "take", KinectCamera(BINNED), None)
    assert fake.closed == ["close"]
    assert not (tmp_path / "take").exists()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"fps": 25}, "25"),
        ({"depth_mode": "WFOV_UNBINNED"}, "at most 15"),
        ({"depth_mode": "PASSIVE"}, "PASSIVE"),
        ({"color_mode": "MJPG_3072P"}, "at most 15"),
        ({"color_mode": "NV12_1080P"}, "720P only"),
    ],
)
def test_modes_that_no_camera_has_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        CameraSettings(**settings)


def test_a_pyk4a_that_does_not_work_with_numpy_2_says_so(monkeypatch):
    monkeypatch.setattr(kinect, "find_spec", lambda name: object())
    monkeypatch.setattr(kinect, "optional", lambda *_, **__: "pyk4a")
    monkeypatch.setattr(np, "__version__", "2.3.1")
    with pytest.raises(DependencyError, match=r"NumPy 2\.3\.1 is installed: pip install 'numpy<2'"):
        kinect.load_pyk4a()
    monkeypatch.setattr(np, "__version__", "1.26.4")
    assert kinect.load_pyk4a() == "pyk4a"


def test_a_missing_pyk4a_says_what_to_install(monkeypatch):
    monkeypatch.setattr(kinect, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "pyk4a", None)
    with pytest.raises(DependencyError, match=r"auralize\[kinect\]"):
        kinect.load_pyk4a()
    with pytest.raises(DependencyError, match=r"none/libk4a\.so"):
        kinect.load_pyk4a("none/libk4a.so")


class FakePortAudioError(Exception):
    pass


class FakeSoundDevice:
    """What sounddevice does."""

    PortAudioError = FakePortAudioError

    def __init__(self, *inputs, refuses=False):
        self.inputs, self.refuses = inputs, refuses
        self.stream = None

    def query_devices(self):
        return [
            {"name": name, "max_input_channels": channels, "default_samplerate": rate}
            for name, channels, rate in self.inputs
        ]

    def InputStream(self, **options):
        if self.refuses:
            raise FakePortAudioError("Invalid number of channels")
        self.stream = FakeStream(options)
        return self.stream


class FakeStream:
    def __init__(self, options):
        self.options = options
        self.closed = False

    def start(self):
        pass

    def close(self, ignore_errors):
        self.closed = True

    def give(self, samples, *, age_s=0.03, overflow=False):
        times = types.SimpleNamespace(currentTime=77.0, inputBufferAdcTime=77.0 - age_s)
        status = types.SimpleNamespace(input_overflow=overflow)
        self.options["callback"](samples, len(samples), times, status)


KINECT = ("Azure Kinect Microphone Array: USB Audio (hw:2,0)", 7, 48_000.0)
MIXER = ("Scarlett 18i20", 18, 44_100.0)


@pytest.fixture
def sounds(monkeypatch):
    def use(*inputs, **options):
        fake = FakeSoundDevice(*inputs, **options)
        monkeypatch.setattr(sound_device, "load_sounddevice", lambda: fake)
        return fake

    return use


def test_the_kinects_microphones_are_the_default(sounds):
    fake = sounds(("speakers", 0, 48_000.0), MIXER, KINECT)
    driver = DeviceSound()
    assert (driver.name, driver.channel_count, driver.sample_rate_hz) == (KINECT[0], 7, 48_000)
    assert driver.is_kinect
    assert fake.stream.options["device"] == 2
    assert fake.stream.options["dtype"] == "int16"
    assert fake.stream.options["blocksize"] == 960


def test_another_interface_is_found_by_name_or_number(sounds):
    fake = sounds(("speakers", 0, 48_000.0), MIXER, KINECT)
    for name in ("scarlett", "1"):
        driver = DeviceSound(SoundSettings(device=name, bits=24))
        assert (driver.name, driver.channel_count) == ("Scarlett 18i20", 18)
        assert (driver.sample_rate_hz, driver.bits) == (44_100, 24)
        assert fake.stream.options["dtype"] == "int32"
    few = DeviceSound(SoundSettings(device="scarlett", channels=4, sample_rate_hz=96_000))
    assert (few.channel_count, few.sample_rate_hz) == (4, 96_000)


def test_a_sound_device_that_is_not_there_lists_those_that_are(sounds):
    sounds(MIXER)
    with pytest.raises(DeviceError, match=r"0 Scarlett 18i20 \(18\)\. .*--sound none"):
        DeviceSound()
    sounds(MIXER, ("Scarlett 2i2", 2, 48_000.0))
    with pytest.raises(DeviceError, match="may mean 2 sound devices"):
        DeviceSound(SoundSettings(device="scarlett"))
    sounds()
    with pytest.raises(DeviceError, match="no sound device at all"):
        DeviceSound()
    sounds(KINECT, refuses=True)
    with pytest.raises(DeviceError, match="Invalid number of channels"):
        DeviceSound()


def test_an_exact_name_wins_and_so_does_the_whole_array():
    def made(index, name, channels):
        return SoundInput(
            index=index, name=name, channels=channels, sample_rate_hz=48_000, is_kinect=True
        )

    inputs = [made(0, "Desk", 2), made(1, "Desk 2", 2)]
    assert find_input(inputs, "desk").index == 0
    arrays = [made(3, KINECT[0] + " a", 2), made(4, KINECT[0], 7), made(5, KINECT[0] + " b", 7)]
    assert find_input(arrays, None).index == 4


def test_blocks_come_with_the_time_of_their_first_sample(sounds):
    fake = sounds(KINECT)
    driver = DeviceSound()
    driver.start()
    samples = np.arange(960 * 7, dtype=np.int16).reshape(960, 7)
    now_ns = time.perf_counter_ns()
    fake.stream.give(samples)
    fake.stream.give(samples, age_s=-5.0, overflow=True)  # a driver that does not know it
    blocks = driver.blocks()
    first, second = next(blocks), next(blocks)
    np.testing.assert_array_equal(first.samples, samples)
    assert first.host_ns - now_ns == pytest.approx(-30e6, abs=20e6)
    assert second.host_ns - now_ns == pytest.approx(-20e6, abs=20e6)
    assert (first.overflowed, second.overflowed) == (False, True)
    samples[:] = 0
    assert first.samples.any()
    assert next(blocks) is None
    fake.stream.options["finished_callback"]()
    with pytest.raises(DeviceError, match="unplugged"):
        next(blocks)
    driver.stop()
    driver.stop()
    assert fake.stream.closed


def test_a_recorder_that_sleeps_loses_blocks_and_says_so(sounds, monkeypatch):
    monkeypatch.setattr(sound_device, "_MOST_WAITING", 2)
    fake = sounds(KINECT)
    driver = DeviceSound()
    for _ in range(4):
        fake.stream.give(np.zeros((960, 7), np.int16))
    blocks = driver.blocks()
    assert [next(blocks).overflowed for _ in range(2)] == [False, False]
    fake.stream.give(np.zeros((960, 7), np.int16))
    assert next(blocks).overflowed


def test_a_missing_portaudio_says_what_to_install(monkeypatch):
    def fail(*_, **__):
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(sound_device, "optional", fail)
    with pytest.raises(DependencyError, match="libportaudio2"):
        sound_device.load_sounddevice()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DependencyError, match=r"auralize\[record\]"):
        sound_device.load_sounddevice()


def test_devices_say_what_is_there_and_what_is_missing(sounds, monkeypatch, tmp_path):
    system, nodes = plug(tmp_path, "2-1", vendor="2bc5", title="Femto Bolt", speed="480")
    monkeypatch.setattr(devices, "plugged_sensors", lambda: plugged_sensors(system, nodes))
    monkeypatch.setattr(devices, "_ask_library", lambda path: {"serials": []})
    sounds(MIXER)
    found = devices.find_devices()
    assert found.sounds == ("0 Scarlett 18i20: 18 channels, 44100 Hz",)
    problems = " ".join(found.problems)
    for word in ("USB 3 speed", "Orbbec's K4A wrapper", "--sound"):
        assert word in problems
    monkeypatch.setattr(devices, "_ask_library", lambda path: {"serials": ["0001", None]})
    sounds(KINECT)
    found = devices.find_devices()
    assert found.cameras == ("0 serial number 0001", "1 in use, or not to be opened")
    assert "recorded by default" in found.sounds[0]


def test_a_library_that_aborts_is_a_problem_and_not_the_end(monkeypatch):
    monkeypatch.setattr(devices, "_LIST_CAMERAS", "import os; os.abort()")
    monkeypatch.setattr(devices, "plugged_sensors", list)
    found = devices.find_devices()
    assert found.cameras == ()
    assert any("libk4a cannot be used" in problem for problem in found.problems)


def test_microphones_are_described():
    entries = microphone_entries(7, center=None, is_kinect=True)
    assert [entry.role for entry in entries] == ["center"] + ["ring"] * 6
    ring = np.subtract([entry.position_m for entry in entries[1:]], entries[0].position_m)
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 0.04, atol=1e-6)
    assert microphone_entries(4, center=None, is_kinect=False) == ()
    roles = [entry.role for entry in microphone_entries(3, center=2, is_kinect=False)]
    assert roles == ["other", "other", "center"]
    with pytest.raises(ValueError, match="no channel 3"):
        microphone_entries(3, center=3, is_kinect=False)


def test_a_live_camera_and_microphones_are_recorded_together(library, sounds, tmp_path):
    """In real time, through both drivers, the recorder and the file."""
    library(images=40)
    fake = sounds(KINECT)
    import threading

    rng = np.random.default_rng(0)
    blocks = rng.integers(-9000, 9000, (60, 960, 7), dtype=np.int16)

    def play():
        started = time.perf_counter()
        for index, block in enumerate(blocks):
            time.sleep(max(0.0, started + 0.02 * (index + 1) - time.perf_counter()))
            fake.stream.give(block, age_s=time.perf_counter() - started - 0.02 * index)

    camera, sound = KinectCamera(BINNED), DeviceSound()
    threading.Thread(target=play, daemon=True).start()
    entry = record_take(tmp_path / "take", camera, sound, RecordSettings(seconds=0.6)).recorded
    assert entry.fault is None
    # Sound is laid beside the images by this machine's clock, which is read late now and then.
    assert entry.sound_samples == pytest.approx(28_800, abs=48)
    assert entry.depth_images == 17  # one of 18 came without depth
    with open_take(tmp_path / "take") as take:
        heard = np.rint(take.audio().samples.T * 32768).astype(np.int16)
        played = blocks.reshape(-1, 7)
        begins = [n for n in range(4800) if np.array_equal(played[n : n + 100], heard[:100])]
        assert len(begins) == 1
        np.testing.assert_array_equal(heard, played[begins[0] : begins[0] + len(heard)])
