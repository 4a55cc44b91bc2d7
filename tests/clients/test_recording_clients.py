"""What the recorder writes opens in the Azure Kinect's own library, in FFmpeg and in Open3D.

The sound and the images that come out are compared with those that were played. A recording that
was killed is tried before and after its repair.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from capture.camera.calibration import Calibration
from capture.k4a_mkv import K4ARecording
from capture.k4a_mkv.repair import repair_recording
from capture.record.repair import repair_take
from capture.record.settings import RecordSettings
from capture.record.simulated import simulated_devices
from capture.record.take_folder import record_take
from capture.take import open_take

pytestmark = pytest.mark.client

_BINDINGS = Path(__file__).parents[1] / "references" / "k4a" / "libk4a.py"


@pytest.fixture(scope="module")
def libraries():
    spec = importlib.util.spec_from_file_location("libk4a", _BINDINGS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["libk4a"] = module
    spec.loader.exec_module(module)
    if module.missing():
        pytest.skip(module.missing())
    return module.Libraries()


@pytest.fixture(scope="module")
def recorded(duo_take, tmp_path_factory):
    """Seven seconds of a take of five."""
    folder = tmp_path_factory.mktemp("recorded") / "take"
    camera, sound = simulated_devices(duo_take, speed=float("inf"))
    record_take(folder, camera, sound, RecordSettings(seconds=7.0))
    return folder


@pytest.fixture(scope="module")
def interrupted(recorded, tmp_path_factory):
    """The same as a kill leaves it: without its end, and cut within a cluster."""
    folder = tmp_path_factory.mktemp("interrupted") / "take"
    shutil.copytree(recorded, folder)
    data = bytearray((folder / "take.mkv").read_bytes())
    segment = data.index(bytes.fromhex("18538067"))
    data[segment + 4 : segment + 12] = b"\x01" + b"\xff" * 7
    (folder / "take.mkv").write_bytes(data[: len(data) * 6 // 7])
    return folder


def played_sound(duo_take, count):
    with open_take(duo_take) as take:
        samples = np.rint(take.audio().samples.T * 32768).astype("<i2")
    return np.tile(samples, (2, 1))[:count].tobytes()


def played_images(duo_take):
    with K4ARecording(duo_take / "take.mkv") as recording:
        count = len(recording.depth_times_s)
        return [zlib.crc32(recording.depth_mm(index).tobytes()) for index in range(count)]


def test_libk4arecord_reads_everything(libraries, recorded, duo_take):
    known = played_images(duo_take)
    with libraries.play(recorded / "take.mkv") as playback:
        captures = playback.captures()
        assert len(captures) == 105
        for index, capture in enumerate(captures):
            assert zlib.crc32(capture["depth"][1]) == known[index % 75]
            assert capture["color"][1].startswith(b"\xff\xd8")
            # The simulated device's clock is at 1 s when it starts.
            assert capture["depth"][0] == pytest.approx(1e6 + index * 1e6 / 15, abs=2)
        assert len(playback.imu_samples()) == 1400
        sound = b"".join(data for _, data in playback.data_blocks("AUDIO"))
        assert sound == played_sound(duo_take, 7 * 48_000)
        playback.seek(3_000_000)
        assert len(playback.captures()) == 60


def test_libk4arecord_reads_what_a_kill_left_once_it_is_repaired(
    libraries, interrupted, tmp_path, duo_take
):
    folder = shutil.copytree(interrupted, tmp_path / "take")
    with open_take(folder) as take:
        count = len(take.times_s)
        seconds = take.duration_s
    assert count > 80
    repair_take(folder)
    with libraries.play(folder / "take.mkv") as playback:
        captures = playback.captures()
        assert len(captures) == count
        sound = b"".join(data for _, data in playback.data_blocks("AUDIO"))
        assert sound == played_sound(duo_take, round(seconds * 48_000))
        playback.seek(2_000_000)
        assert len(playback.captures()) == count - 30


def test_a_recording_of_the_sensors_own_tool_that_was_cut_off_opens_again(libraries, tmp_path):
    path = tmp_path / "theirs.mkv"
    recorder = sys.modules["libk4a"].Recorder(
        libraries, path, Calibration.simulated().factory_json, depth_mode="NFOV_UNBINNED", fps=30
    )
    for index in range(45):
        time_us = 1_000_000 + index * 33_333
        recorder.add_imu(time_us, [0.0, 0.1, -9.8], [0.0, 0.0, 0.1])
        depth = np.full((576, 640), 1000 + index, np.uint16)
        recorder.add_capture(time_us, depth, b"\xff\xd8 a picture \xff\xd9")
    recorder.close()
    whole = path.read_bytes()
    assert repair_recording(path).done == ()
    assert path.read_bytes() == whole
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(RuntimeError, match="does not open"):
        libraries.play(path)
    with K4ARecording(path) as recording:
        count = len(recording.depth_times_s)
    repair_recording(path)
    with libraries.play(path) as playback:
        captures = playback.captures()
    assert len(captures) == count >= 25
    assert [capture["depth"][1][:2] for capture in captures] == [
        (1000 + index).to_bytes(2, "little") for index in range(count)
    ]


def needs(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (apt install ffmpeg)")


def ffprobe(path):
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_packets", "-of", "json", "-show_streams",
         "-show_format", path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_ffprobe_names_every_track(recorded):
    needs("ffprobe")
    found = ffprobe(recorded / "take.mkv")
    color, depth, imu, sound = found["streams"][:4]
    assert (color["codec_name"], color["width"], color["height"]) == ("mjpeg", 1280, 720)
    assert (depth["codec_name"], depth["pix_fmt"]) == ("rawvideo", "gray16be")
    assert (sound["codec_name"], sound["channels"]) == ("pcm_s16le", 7)
    assert (sound["sample_rate"], float(sound["start_time"])) == ("48000", 0.0)
    counts = [int(stream["nb_read_packets"]) for stream in (color, depth, imu, sound)]
    assert counts == [105, 105, 1400, 350]
    assert float(found["format"]["duration"]) == pytest.approx(7.0, abs=0.1)


def test_ffmpeg_decodes_sound_and_images(recorded, duo_take):
    needs("ffmpeg")
    command = ["ffmpeg", "-v", "error", "-i", recorded / "take.mkv"]
    sound = subprocess.run(
        [*command, "-map", "0:a", "-f", "s16le", "-"], capture_output=True, check=True
    )
    assert (sound.stderr, sound.stdout) == (b"", played_sound(duo_take, 7 * 48_000))
    depth = subprocess.run(
        [*command, "-map", "0:v:1", "-f", "rawvideo", "-pix_fmt", "gray16le", "-"],
        capture_output=True, check=True,
    )  # fmt: skip
    images = np.frombuffer(depth.stdout, "<u2").reshape(105, -1)
    known = played_images(duo_take)
    assert [zlib.crc32(image.tobytes()) for image in images] == [known[n % 75] for n in range(105)]
    color = subprocess.run(
        [*command, "-map", "0:v:0", "-f", "null", "-"], capture_output=True, check=True
    )
    assert color.stderr == b""


def test_ffprobe_reads_what_a_kill_left(interrupted):
    needs("ffprobe")
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_packets", "-of", "json", "-show_streams",
         interrupted / "take.mkv"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    counts = [int(s["nb_read_packets"]) for s in json.loads(done.stdout)["streams"][:4]]
    assert min(counts[:2]) > 80


OPEN3D = """
import sys
import open3d as o3d
reader = o3d.io.AzureKinectMKVReader()
reader.open(sys.argv[1])
assert reader.is_opened()
length_us = reader.get_metadata().stream_length_usec
images = 0
while not reader.is_eof():
    image = reader.next_frame()
    if image is not None:
        images += 1
        color = image.color
print("found", length_us, images, *__import__("numpy").asarray(color).shape)
"""


def test_open3d_reads_it(recorded, tmp_path):
    """In an environment of its own, which AURALIZE_OPEN3D_PYTHON names: it wants NumPy 1."""
    python = os.environ.get("AURALIZE_OPEN3D_PYTHON")
    if not python:
        pytest.skip("AURALIZE_OPEN3D_PYTHON names no Python with open3d-cpu")
    if not os.environ.get("AURALIZE_K4A_LIBRARIES"):
        pytest.skip("AURALIZE_K4A_LIBRARIES names no folder with libk4a and libk4arecord")
    for library in Path(os.environ["AURALIZE_K4A_LIBRARIES"]).iterdir():
        shutil.copy(library, tmp_path)
        name = library.name.split("-")[0].split(".")[0]
        if name in ("libk4a", "libk4arecord"):
            (tmp_path / f"{name}.so").symlink_to(library.name)
    done = subprocess.run(
        [python, "-c", OPEN3D, recorded / "take.mkv"],
        capture_output=True,
        text=True,
        env=os.environ | {"LD_LIBRARY_PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    (found,) = (line.split()[1:] for line in done.stdout.splitlines() if line.startswith("found"))
    assert int(found[0]) == pytest.approx(7e6, abs=1e5)
    assert found[1:] == ["105", "720", "1280", "3"]


PORTAUDIO = """
from capture.record.sound_device import DeviceSound, SoundSettings, sound_inputs
from capture.errors import DeviceError
(found,) = sound_inputs()
sound = DeviceSound(SoundSettings(device="silent", channels=7, sample_rate_hz=48000))
sound.start()
blocks = sound.blocks()
block = next(block for block in blocks if block is not None)
print(found.name, block.samples.shape, block.samples.dtype)
blocks.close()
sound.stop()
deep = DeviceSound(SoundSettings(device="silent", channels=2, bits=24))
deep.start()
print(next(block for block in deep.blocks() if block is not None).samples.dtype)
deep.stop()
try:
    DeviceSound(SoundSettings(device="silent", channels=500))
except DeviceError as error:
    print("128 channels" in str(error))
"""


def test_portaudio_gives_blocks(tmp_path):
    """The real PortAudio and ALSA, with ALSA's null device."""
    if not Path("/usr/share/alsa/alsa.conf").exists():
        pytest.skip("ALSA is not installed (apt install libasound2)")
    try:
        pytest.importorskip("sounddevice", reason="sounddevice is not installed")
    except OSError:
        pytest.skip("PortAudio is not installed (apt install libportaudio2)")
    configuration = tmp_path / "asound.conf"
    configuration.write_text(
        "</usr/share/alsa/alsa.conf>\npcm.silent { type null hint { show on } }\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", PORTAUDIO],
        capture_output=True,
        text=True,
        env=os.environ | {"ALSA_CONFIG_PATH": str(configuration)},
        timeout=120,
    )
    assert done.stdout.splitlines() == ["silent (960, 7) int16", "int32", "True"], done.stderr
