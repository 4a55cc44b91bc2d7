"""A long simulated recording: memory, losses, and what is said of injected faults.

    python -m benchmarks.recording [--seconds 3600] [--fault-seconds 60] [TAKE]

A take is played in a loop, as fast as it goes, into the recorder; what comes out goes into a sink
that parses every cluster, compares each image and each sample with the take, and throws them away,
so that an hour needs no disk. Without TAKE a short one is simulated. The faults that concern the
disk, and the kill, write to a temporary folder. Times are CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from capture.k4a_mkv import K4ARecording
from capture.matroska import Id
from capture.matroska.decoding import decode_block_header, decode_element
from capture.record.faults import parse_faults
from capture.record.full_disk import FullDisk
from capture.record.recorder import RecordingResult, record
from capture.record.repair import repair_take
from capture.record.settings import RecordSettings
from capture.record.simulated import SimulatedCamera, SimulatedSound, simulated_devices
from capture.record.status import RecordingStatus
from capture.record.take_folder import record_take
from capture.take import open_take

FAST = float("inf")
_KILLED = """
import sys
from capture.record.simulated import simulated_devices
from capture.record.take_folder import record_take
camera, sound = simulated_devices(sys.argv[1], speed=1.0)
record_take(sys.argv[2], camera, sound, on_status=lambda s: print(s.elapsed_s, flush=True))
"""


@dataclass(slots=True)
class Expected:
    """What a take's recording holds, to compare with."""

    depth: list[int]
    color: list[int]
    sound: np.ndarray

    @classmethod
    def of(cls, path: Path) -> Expected:
        """Read a take."""
        recording_path = path if path.is_file() else path / "take.mkv"
        with K4ARecording(recording_path) as recording, open_take(path) as take:
            count = len(recording.depth_times_s)
            depth = [
                zlib.crc32(recording.depth_mm(n).astype(">u2").tobytes()) for n in range(count)
            ]
            colors = [recording.color_index_at(float(time)) for time in recording.depth_times_s]
            color = [zlib.crc32(recording.color_payload(n)) for n in colors if n is not None]
            length_s = count / round(recording.fps)
            samples = take.audio(0.0, length_s).samples
        sound = np.rint(samples.T * 32768).clip(-32768, 32767).astype("<i2")
        return cls(depth=depth, color=color, sound=sound)


@dataclass(slots=True)
class VerifyingSink:
    """Takes a recording's file, compares what is in it, and keeps nothing.

    Attributes:
        depth: Depth images that were seen, as numbers of images of the take.
        wrong: Images and blocks of sound that are none of the take's next ones.
        bytes: Written so far.
    """

    expected: Expected
    depth: int = 0
    color: int = 0
    samples: int = 0
    imu: int = 0
    wrong: int = 0
    bytes: int = 0
    size: int = 0
    at: int = 0
    last_us: int = -1
    disorder: int = 0
    names: dict[int, str] = field(default_factory=dict[int, str])

    def write(self, data: bytes) -> int:
        """Look at a cluster."""
        if self.at == self.size and data[:4] == Id.CLUSTER.to_bytes(4, "big"):
            self._cluster(data)
        self.at += len(data)
        self.size = max(self.size, self.at)
        self.bytes += len(data)
        return len(data)

    def tell(self) -> int:
        """Return where the file is."""
        return self.at

    def seek(self, offset: int) -> int:
        """Go somewhere."""
        self.at = offset
        return offset

    def truncate(self, size: int) -> None:
        """Cut the file off."""
        self.size = size

    def disk_left_bytes(self) -> int:
        """Return a disk that is never full."""
        return 10**15

    def _cluster(self, data: bytes) -> None:
        head = decode_element(data[:16], 0)
        if head.stop != len(data):
            self.wrong += 1
        time_us, offset = 0, head.data
        while offset < len(data):
            child = decode_element(data[offset : offset + 16], offset)
            body = memoryview(data)[child.data : child.stop]
            if child.id == Id.CLUSTER_TIMESTAMP:
                time_us = int.from_bytes(body, "big")
                self.disorder += time_us <= self.last_us
                self.last_us = time_us
            elif child.id == Id.SIMPLE_BLOCK:
                header = decode_block_header(bytes(body[:8]))
                self._block(header.track, body[header.length :])
            elif child.id == Id.BLOCK_GROUP:
                self.imu += 1
            offset = child.stop

    def _block(self, track: int, payload: memoryview) -> None:
        # Tracks are numbered in the order color, depth, IMU, AUDIO.
        if track == 2:
            known = self.expected.depth
            self.wrong += zlib.crc32(payload) != known[self.depth % len(known)]
            self.depth += 1
        elif track == 1:
            known = self.expected.color
            self.wrong += zlib.crc32(payload) != known[self.color % len(known)]
            self.color += 1
        else:
            sound = self.expected.sound
            heard = np.frombuffer(payload, dtype="<i2").reshape(-1, sound.shape[1])
            rows = (self.samples + np.arange(len(heard))) % len(sound)
            self.wrong += not np.array_equal(heard, sound[rows])
            self.samples += len(heard)


def memory_mb() -> float:
    """Return what this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def long_recording(path: Path, seconds: float) -> None:
    """Record for a long time without faults, and print what came."""
    expected = Expected.of(path)
    sink = VerifyingSink(expected)
    camera, sound = simulated_devices(path, speed=FAST)
    memory: list[tuple[float, float]] = []
    shown = 0.0

    def look(status: RecordingStatus) -> None:
        nonlocal shown
        memory.append((status.elapsed_s, memory_mb()))
        if status.elapsed_s > shown + seconds / 10:
            shown = status.elapsed_s
            print(f"  {status.elapsed_s:7.0f} s  {memory[-1][1]:6.0f} MB in memory", flush=True)

    started, load = time.process_time(), os.getloadavg()[0]
    wall = time.monotonic()
    result = record(sink, camera, sound, RecordSettings(seconds=seconds), on_status=look)
    cpu_s, wall_s = time.process_time() - started, time.monotonic() - wall
    entry = result.entry
    first = [mb for at, mb in memory if seconds * 0.1 <= at <= seconds * 0.2]
    last = [mb for at, mb in memory if at >= seconds * 0.9]
    print(
        f"{seconds:.0f} s recorded in {wall_s:.0f} s ({cpu_s:.0f} s of CPU, load {load:.1f}), "
        f"{sink.bytes / 1e9:.1f} GB"
    )
    print(f"depth images {sink.depth}, missing {entry.depth_missing}, expected "
          f"{round(seconds * camera.fps)}")  # fmt: skip
    print(f"color images {sink.color}, missing {entry.color_missing}")
    print(f"samples      {sink.samples}, missing {entry.sound_missing_samples}")
    print(f"IMU readings {sink.imu}, reported {entry.imu_readings}")
    print(f"wrong: {sink.wrong}, clusters out of order: {sink.disorder}, dropped: "
          f"{entry.dropped_captures}")  # fmt: skip
    if first and last:
        print(f"memory: {np.median(first):.0f} MB early, {np.median(last):.0f} MB at the end")


def faults(path: Path, seconds: float) -> None:
    """Let one thing after the other go wrong; print what did and what take.json says."""
    unplugged_s = seconds / 2
    for text in (
        "drop-images=0.02",
        "xrun-every-s=7",
        f"unplug-camera-s={unplugged_s:g}",
        f"unplug-sound-s={unplugged_s:g}",
        f"freeze-camera-s={unplugged_s:g}",
        f"clock-jump-s={unplugged_s:g}",
        "sound-drift-ppm=370 jitter-ms=5 late-times=0.01",
    ):
        camera, sound = simulated_devices(path, faults=parse_faults(text.split()), speed=FAST)
        sink = VerifyingSink(Expected(depth=[0], color=[0], sound=np.zeros((1, 7), "<i2")))
        settings = RecordSettings(seconds=seconds, status_s=0.0)
        _report(text, seconds, record(sink, camera, sound, settings), camera, sound)
    with tempfile.TemporaryDirectory() as folder:
        camera, sound = simulated_devices(path, speed=FAST)
        described = record_take(
            Path(folder) / "take",
            camera,
            sound,
            RecordSettings(seconds=seconds),
            sink=lambda file: FullDisk(file, 200_000_000),
        )
        entry = described.recorded
        with K4ARecording(Path(folder) / "take" / "take.mkv") as recording:
            count = len(recording.depth_times_s)
            print(f"disk full at 200 MB: said {entry.fault!r}; {count} images in the file, "
                  f"{entry.depth_images} reported, notes {recording.notes}")  # fmt: skip
        _kill(path, Path(folder) / "killed")


def _report(
    text: str,
    seconds: float,
    result: RecordingResult,
    camera: SimulatedCamera,
    sound: SimulatedSound | None,
) -> None:
    entry = result.entry
    clock = result.clock
    # What the devices gave after the end is no part of the recording.
    images = sum(time_s < seconds - 1e-6 for time_s in camera.withheld)
    samples = sum(count for time_s, count in sound.withheld if time_s < seconds) if sound else 0
    print(
        f"{text}: withheld {images} captures and {samples} samples; reported "
        f"{entry.depth_missing} depth and {entry.color_missing} color images, "
        f"{entry.sound_missing_samples} samples, {entry.sound_overflows} overflows, "
        f"{entry.camera_clock_jumps} jumps, fault {entry.fault!r}; {entry.depth_images} images and "
        f"{entry.sound_samples} samples are there; drift "
        f"{clock.drift_ppm if clock else 0:.1f} ppm",
        flush=True,
    )


def _kill(path: Path, folder: Path) -> None:
    """Record in real time, kill the recorder, and repair what it left."""
    running = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    reached_s = 0.0
    for reached_s in _numbers(running.stdout):
        if reached_s > 8:
            break
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stdout.close()
    repair = repair_take(folder)
    with open_take(folder) as take:
        print(f"killed at {reached_s:.2f} s: images up to {take.times_s[-1]:.2f} s, sound up to "
              f"{take.duration_s:.2f} s; repaired: {'; '.join(repair.done)}")  # fmt: skip


def _numbers(lines: Iterator[str]) -> Iterator[float]:
    for line in lines:
        yield float(line)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("take", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--fault-seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.take
        if path is None:
            from capture.simulate import simulate_take

            path = simulate_take(Path(folder) / "take", ["violin", "cello"], seconds=20.0, seed=1)
        long_recording(path, options.seconds)
        if options.fault_seconds > 0:
            faults(path, options.fault_seconds)


if __name__ == "__main__":
    main()
