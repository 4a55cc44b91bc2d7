"""Listening live: keys, head trackers, and the command with a file in place of a device."""

from __future__ import annotations

import math
import socket
import struct
import sys
import threading
import types

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from auralize.cli import cli
from auralize.cli.keyboard import keys_in
from auralize.listen.audio_output import DeviceOutput, FileOutput
from auralize.listen.head_tracker import HeadPose, HeadTracker, read_osc
from auralize.listen.listening import Session, listen
from auralize.output.headphone_eq import HeadphoneEq
from auralize.stream.renderer import StreamRenderer
from capture.errors import DependencyError, DeviceError, OutputError
from capture.pose import quaternion_from_euler
from scenes import Scene, write_scene

RATE = 48_000


def osc(address, *values):
    """Write an OSC message as the specification has it: strings padded to four bytes."""

    def text(what):
        raw = what.encode() + b"\0"
        return raw + b"\0" * (-len(raw) % 4)

    tags = "".join("f" if isinstance(v, float) else "i" for v in values)
    numbers = b"".join(struct.pack(f">{tag}", v) for tag, v in zip(tags, values, strict=True))
    return text(address) + text("," + tags) + numbers


def bundle(*messages):
    packed = b"".join(struct.pack(">i", len(message)) + message for message in messages)
    return b"#bundle\0" + b"\0" * 8 + packed


class TestOsc:
    @given(
        st.lists(st.one_of(st.floats(width=32, allow_nan=False), st.integers(-9, 9)), max_size=9)
    )
    def test_reads_what_was_written(self, values):
        assert list(read_osc(osc("/a/b", *values))) == [("/a/b", tuple(map(float, values)))]

    def test_bundles_may_hold_bundles(self):
        packet = bundle(osc("/yaw", 1.0), bundle(osc("/pitch", 2.0), osc("/roll", 3)))
        expected = [("/yaw", (1.0,)), ("/pitch", (2.0,)), ("/roll", (3.0,))]
        assert list(read_osc(packet)) == expected

    def test_other_arguments_are_passed_over(self):
        # A string, a blob of five bytes and a truth between two numbers.
        packet = b"/x\0\0,fsbTd\0\0" + struct.pack(">f", 1.5) + b"head\0\0\0\0"
        packet += struct.pack(">i", 5) + b"12345\0\0\0" + struct.pack(">d", -2.25)
        assert list(read_osc(packet)) == [("/x", (1.5, -2.25))]

    @pytest.mark.parametrize(
        "packet",
        [
            b"",
            b"yaw\0",
            b"/yaw",
            b"/yaw\0\0\0\0,f\0\0",
            b"/yaw\0\0\0\0,q\0\0",
            b"#bundle\0" + 9 * b"\1",
        ],
    )
    def test_refuses_what_is_none(self, packet):
        with pytest.raises(ValueError, match=r"^(a|an|no) "):
            list(read_osc(packet))

    @given(st.binary(max_size=60))
    def test_any_packet_is_read_or_refused(self, packet):
        try:
            for address, numbers in read_osc(packet):
                HeadPose().update(address, numbers)
        except ValueError:
            pass


class TestHeadPose:
    def pose(self, *messages):
        head = HeadPose()
        for address, *numbers in messages:
            assert head.update(address, tuple(numbers))
        return head.pose

    def test_trackers_say_the_same_in_many_ways(self):
        turn = quaternion_from_euler(*np.radians([30, -20, 10]))
        for messages in (
            [("/ypr", 30, -20, 10)],
            [("/SceneRotator/ypr", 30, -20, 10)],
            [("/SceneRotator/roll", 10), ("/yaw", 30), ("/pitch", -20)],
            [("/quaternions", *turn)],
            [("/tracker/quaternion", *(3 * turn))],
            [("/head_pose", 0, 0, 0, 0, 30, -20, 10)],
        ):
            pose = self.pose(*messages)
            np.testing.assert_allclose(pose.orientation_wxyz, turn, atol=1e-12)
            np.testing.assert_array_equal(pose.position_m, 0)

    def test_left_is_left_and_metres_are_metres(self):
        pose = self.pose(("/yaw", 90.0), ("/xyz", 0.1, 0.2, -0.3))
        np.testing.assert_allclose(pose.rotation @ [1, 0, 0], [0, 1, 0], atol=1e-12)
        np.testing.assert_array_equal(pose.position_m, [0.1, 0.2, -0.3])
        pose = self.pose(("/head_pose", 1.0, 2.0, 3.0, 90.0, 0.0, 0.0))
        np.testing.assert_array_equal(pose.position_m, [1, 2, 3])

    @pytest.mark.parametrize(
        "message",
        [("/ypr", 1, 2), ("/volume", 1), ("/quaternion", 0, 0, 0, 0), ("/yaw", math.nan)],
    )
    def test_what_says_nothing_changes_nothing(self, message):
        head = HeadPose()
        assert not head.update(message[0], message[1:])
        np.testing.assert_array_equal(head.pose.orientation_wxyz, [1, 0, 0, 0])


class TestHeadTracker:
    def test_hears_messages_on_its_port(self):
        heard = []
        told = threading.Event()

        def moved(pose):
            heard.append(pose)
            told.set()

        with (
            HeadTracker("127.0.0.1", 0, moved) as tracker,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
        ):
            phone.sendto(b"no OSC at all", ("127.0.0.1", tracker.port))
            phone.sendto(osc("/ypr", 90.0, 0.0, 0.0), ("127.0.0.1", tracker.port))
            assert told.wait(10)
        assert len(heard) == 1
        assert heard[0].yaw_rad == pytest.approx(math.pi / 2)

    def test_a_port_that_is_taken(self):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken,
        ):
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with pytest.raises(DeviceError, match=f"127.0.0.1:{port}.*--osc-port"):
                HeadTracker("127.0.0.1", port, print)


def test_keys_of_a_terminal():
    assert keys_in("w\x1b[A\x1b[B1\x1bOC\x1b[D ") == ["w", "up", "down", "1", "right", "left", " "]


@pytest.fixture
def folder(tmp_path):
    noise = 0.1 * np.random.default_rng(1).normal(size=RATE).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, RATE, subtype="FLOAT")
    sources = [
        {"name": "left", "file": "noise.wav", "position_m": (0.0, 1.4, 1.2)},
        {"name": "front", "file": "noise.wav", "position_m": (1.4, 0.0, 1.2), "gain_db": -120},
    ]
    write_scene(tmp_path / "scene.yaml", Scene(sample_rate_hz=RATE, sources=sources))
    return tmp_path


@pytest.fixture
def stream(folder):
    from scenes.scene_file import read_scene

    with StreamRenderer(read_scene(folder / "scene.yaml"), folder) as stream:
        yield stream


class Recorder:
    """An output that keeps what it was given, and presses keys before some blocks."""

    latency_s = 0.0

    def __init__(self, session=None, keys=None):
        self.blocks, self._session, self._keys = [], session, keys or {}

    def play(self, samples):
        self.blocks.append(samples.copy())
        for key in self._keys.get(len(self.blocks), ""):
            self._session.press(key)

    def level_db(self, first, last):
        """Return how much louder the left ear is over some blocks."""
        left, right = np.concatenate(self.blocks[first:last], axis=1)
        return 10 * np.log10(np.sum(left**2) / np.sum(right**2))


class TestSession:
    def test_keys_turn_the_head(self, stream):
        session = Session(stream)
        out = Recorder(session, {20: ["left"] * 18, 40: ["left"] * 18, 60: ["r"]})
        assert listen(stream, session, out, seconds=0.85) == 0
        assert out.level_db(0, 20) > 6  # to the left
        assert abs(out.level_db(22, 40)) < 2  # turned by 90°, in front
        assert out.level_db(42, 60) < -6
        assert out.level_db(62, 79) > 6

    def test_keys_walk_where_the_head_is_turned(self, stream):
        session = Session(stream)
        # Turned to the left, 28 steps ahead: the source is as far behind as it was ahead.
        out = Recorder(session, {10: ["left"] * 18, 30: ["w"] * 28, 50: ["d"] * 14})
        listen(stream, session, out, seconds=0.8)
        before, behind = (
            np.sum(np.concatenate(out.blocks[first : first + 15], axis=1) ** 2)
            for first in (13, 33)
        )
        assert 0.2 < behind / before < 2
        # 14 steps to the right: now the source is to the left and behind.
        assert out.level_db(53, 70) > 3

    def test_a_tracker_comes_on_top_of_the_keys(self, stream):
        session = Session(stream)
        session.press("left")
        head = HeadPose()
        head.update("/ypr", (85.0, 0.0, 0.0))
        session.track(head.pose)
        out = Recorder()
        listen(stream, session, out, seconds=0.4)
        assert abs(out.level_db(5, 35)) < 2

    def test_pause_mute_skip_and_end(self, stream):
        session = Session(stream)
        out = Recorder(session, {10: " ", 15: " ", 20: "1", 40: "."})
        times = []
        listen(stream, session, out, played=times.append)
        energies = [float(np.sum(block**2)) for block in out.blocks]
        assert min(energies[2:10]) > 0
        assert energies[10] > 0  # fading out
        assert max(energies[11:15]) == 0
        assert times[11] == times[14]
        assert max(energies[25:40]) < 1e-6 * energies[5]  # the other source is silent
        assert len(out.blocks) < 60  # five seconds on is beyond the end
        out = Recorder(session, {3: "q"})
        stream.seek(0.0)
        listen(stream, session, out)
        assert len(out.blocks) <= 3

    def test_headphones_are_equalised_each_ear_by_itself(self, stream):
        plain, equalised = Recorder(), Recorder()
        listen(stream, Session(stream), plain, seconds=0.4)
        stream.seek(0.0)
        filters = np.zeros((2, 700), dtype=np.float32)  # longer than a block
        filters[0, 600], filters[1, 0] = 0.5, -1.0
        listen(
            stream,
            Session(stream),
            equalised,
            equalisation=HeadphoneEq(filters=filters, name="test"),
            seconds=0.4,
        )
        before, after = (np.concatenate(out.blocks, axis=1) for out in (plain, equalised))
        # Seeking fades the first block in.
        start = 2 * stream.block
        expected_left = 0.5 * before[0, start:-600]
        np.testing.assert_allclose(after[0, start + 600 :], expected_left, atol=2e-6)
        np.testing.assert_allclose(after[1, start:], -before[1, start:], atol=2e-6)

    def test_says_how_often_it_was_too_loud(self, stream):
        stream.set_gain("left", 40.0)
        out = Recorder()
        assert listen(stream, Session(stream), out, seconds=0.2) > 15
        assert np.abs(out.blocks).max() == 1.0


class TestOutputs:
    def test_a_device_gets_interleaved_blocks(self, monkeypatch):
        written = []

        class Stream:
            latency = 0.012

            def __init__(self, **options):
                written.append(options)

            def start(self): ...
            def stop(self): ...
            def close(self): ...

            def write(self, samples):
                written.append(samples.copy())

        module = types.ModuleType("sounddevice")
        module.OutputStream, module.PortAudioError = Stream, RuntimeError
        monkeypatch.setitem(sys.modules, "sounddevice", module)
        block = np.arange(8, dtype=np.float32).reshape(2, 4)
        with DeviceOutput(RATE, 4, "3") as out:
            out.play(block)
            assert out.latency_s == 0.012
        assert (written[0]["device"], written[0]["samplerate"]) == (3, RATE)
        np.testing.assert_array_equal(written[1], block.T)

    def test_a_device_that_is_not_there(self, monkeypatch):
        class RefusedError(Exception):
            pass

        def refuse(**options):
            raise RefusedError("Invalid device")

        module = types.ModuleType("sounddevice")
        module.OutputStream, module.PortAudioError = refuse, RefusedError
        module.query_devices = lambda: [
            {"name": "headphones", "max_output_channels": 2},
            {"name": "microphone", "max_output_channels": 0},
        ]
        monkeypatch.setitem(sys.modules, "sounddevice", module)
        with pytest.raises(DeviceError, match=r"on kazoo: Invalid.* are: headphones\. Try"):
            DeviceOutput(RATE, 512, "kazoo")

    def test_no_sounddevice(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sounddevice", None)
        with pytest.raises(DependencyError, match=r"auralize\[listen\]"):
            DeviceOutput(RATE, 512)

    def test_a_file_that_cannot_be_written(self, tmp_path):
        with pytest.raises(OutputError, match="cannot be written"):
            FileOutput(tmp_path / "no" / "x.wav", RATE)


class TestCommand:
    def test_plays_into_a_file(self, folder):
        heard = folder / "heard.wav"
        arguments = ["--to", str(heard), "--seconds", "0.3", "--osc-port", "0", "--block", "256"]
        done = CliRunner().invoke(cli, ["listen", str(folder / "scene.yaml"), *arguments])
        assert done.exit_code == 0, done.output
        samples, rate = soundfile.read(heard)
        assert rate == RATE
        assert len(samples) == -(-int(0.3 * RATE) // 256) * 256
        assert np.sum(samples[:, 0] ** 2) > 4 * np.sum(samples[:, 1] ** 2)
        assert "OSC over UDP at 127.0.0.1:" in done.output
        assert "latency: " in done.output

    def test_an_endless_file_is_refused(self, folder):
        arguments = ["--to", str(folder / "x.wav"), "--loop"]
        done = CliRunner().invoke(cli, ["listen", str(folder / "scene.yaml"), *arguments])
        assert done.exit_code == 2
        assert "--seconds" in done.output
