"""Simulated devices: a take, played again and again as a camera and microphones, with faults.

Both devices share a clock, so that they stay side by side at any speed. The camera's clock is the
true one; the sound's may run at another rate, and the host reads both with a jitter. The take
begins again at its end, its clocks going on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator

import numpy as np

from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import FRAME_RATES_HZ
from capture.errors import DataError, DeviceError
from capture.k4a_mkv import K4ARecording
from capture.record.driver import Capture, ImuReading, SoundBlock
from capture.record.faults import Faults
from capture.record.simulated_clock import SimulatedClock
from capture.take import Take, open_take
from capture.take.take_file import TAKE_FILE, read_take_file

_BLOCK_S = 0.02
_HOST_START_NS = 5_000_000_000_000
_MOMENT_S = 0.05
_OUTLIER_S = 0.05


class SimulatedCamera:
    """The cameras of a take, as a driver; see `simulated_devices`.

    Attributes:
        withheld: When faults dropped a capture.
    """

    def __init__(
        self, recording: K4ARecording, clock: SimulatedClock, faults: Faults, *, loop: bool
    ) -> None:
        self.name = "simulated camera"
        self.serial = recording.tags.get("K4A_DEVICE_SERIAL_NUMBER", "000000000000")
        self.calibration: Calibration = recording.calibration
        self.fps = min(FRAME_RATES_HZ, key=lambda fps: abs(fps - recording.fps))
        imu = recording.imu()
        self.infrared = False
        self.imu = len(imu.times_s) > 0
        self.live = clock.live
        self._recording = recording
        self._clock = clock
        self._faults = faults
        self._loop = loop
        self._imu = imu
        self._rng = np.random.default_rng([faults.seed, 1])
        self.withheld: list[float] = []
        self.length_s = len(recording.depth_times_s) / self.fps
        clock.join(self)

    def start(self) -> None:
        """Nothing has to be done."""

    def captures(self) -> Generator[Capture | None]:
        """Yield the take's images at their times."""
        try:
            yield from self._captures()
        finally:
            self._clock.leave(self)

    def stop(self) -> None:
        """Close the take."""
        self._recording.close()

    def _captures(self) -> Iterator[Capture | None]:
        faults, rng = self._faults, self._rng
        count = len(self._recording.depth_times_s)
        index = 0
        while self._loop or index < count:
            turn, image = divmod(index, count)
            time_s = index / self.fps
            self._clock.wait_until(self, time_s)
            if faults.unplug_camera_s is not None and time_s >= faults.unplug_camera_s:
                raise DeviceError(f"{self.name} was unplugged at {time_s:.2f} s.")
            if faults.freeze_camera_s is not None and time_s >= faults.freeze_camera_s:
                self._clock.leave(self)
                yield from _nothing_more()
            lost = rng.random() < faults.drop_images
            if lost:
                self.withheld.append(time_s)
            yield None if lost else self._capture(image, turn * count, time_s)
            index += 1

    def _capture(self, image: int, turn_index: int, time_s: float) -> Capture:
        recording = self._recording
        device_us = self._device_us(time_s)
        color = recording.color_index_at(float(recording.depth_times_s[image]))
        return Capture(
            host_ns=_host_ns(time_s, self._faults, self._rng),
            depth_us=device_us,
            depth_mm=recording.depth_mm(image),
            color_us=device_us,
            color=None if color is None else recording.color_payload(color),
            imu=tuple(self._imu_readings(image, turn_index)),
        )

    def _imu_readings(self, image: int, turn_index: int) -> Iterator[ImuReading]:
        """Yield the readings between an image and the one before it."""
        imu = self._imu
        first, last = np.searchsorted(imu.times_s, np.array([image, image + 1]) / self.fps)
        for row in range(int(first), int(last)):
            device_us = self._device_us(turn_index / self.fps + float(imu.times_s[row]))
            ax, ay, az = imu.acceleration_m_s2[row].tolist()
            wx, wy, wz = imu.angular_velocity_rad_s[row].tolist()
            yield ImuReading(
                time_us=device_us,
                acceleration_m_s2=(ax, ay, az),
                gyroscope_us=device_us,
                angular_velocity_rad_s=(wx, wy, wz),
            )

    def _device_us(self, time_s: float) -> int:
        jump_s = self._faults.clock_jump_s
        since_s = time_s if jump_s is None or time_s < jump_s else time_s - jump_s - 1.0
        return round((since_s + 1.0) * 1e6)


class SimulatedSound:
    """The sound of a take, as a driver; see `simulated_devices`.

    Attributes:
        withheld: When faults dropped samples, and how many.
    """

    def __init__(
        self, take: Take, length_s: float, clock: SimulatedClock, faults: Faults, *, loop: bool
    ) -> None:
        self.name = "simulated microphones"
        self.channel_count = take.channel_count
        self.sample_rate_hz = take.sample_rate_hz
        self.bits = 16
        self.live = clock.live
        self._take = take
        self.withheld: list[tuple[float, int]] = []
        self._count = round(length_s * take.sample_rate_hz)
        self._clock = clock
        self._faults = faults
        self._loop = loop
        self._rng = np.random.default_rng([faults.seed, 2])
        clock.join(self)

    def start(self) -> None:
        """Nothing has to be done."""

    def blocks(self) -> Generator[SoundBlock | None]:
        """Yield the take's sound in blocks of 20 ms, when they are over."""
        try:
            yield from self._blocks()
        finally:
            self._clock.leave(self)

    def stop(self) -> None:
        """Close the take."""
        self._take.close()

    def _blocks(self) -> Iterator[SoundBlock | None]:
        faults, rate_hz = self._faults, self.sample_rate_hz
        real_rate_hz = rate_hz * (1 + 1e-6 * faults.sound_drift_ppm)
        count = self._count
        block = max(1, round(_BLOCK_S * rate_hz))
        next_xrun_s = faults.xrun_every_s or float("inf")
        heard, overflowed = 0, False
        while self._loop or heard < count:
            start_s, stop_s = heard / real_rate_hz, (heard + block) / real_rate_hz
            self._clock.wait_until(self, stop_s)
            if faults.unplug_sound_s is not None and stop_s >= faults.unplug_sound_s:
                raise DeviceError(f"{self.name} were unplugged at {stop_s:.2f} s.")
            if start_s >= next_xrun_s:
                lost = round(faults.xrun_length_s * rate_hz)
                self.withheld.append((start_s, lost))
                heard += lost
                next_xrun_s += faults.xrun_every_s or float("inf")
                overflowed = True
                continue
            samples = self._samples(heard % count, block)
            yield SoundBlock(
                host_ns=_host_ns(start_s, faults, self._rng),
                samples=samples,
                overflowed=overflowed,
            )
            heard, overflowed = heard + len(samples), False

    def _samples(self, start: int, count: int) -> np.ndarray:
        rate_hz = self.sample_rate_hz
        stop = min(start + count, self._count)
        floats = self._take.audio(start / rate_hz, stop / rate_hz).samples
        return np.rint(np.clip(floats, -1, 1) * 32768).clip(-32768, 32767).astype(np.int16).T


def simulated_devices(
    path: str | os.PathLike[str],
    *,
    faults: Faults | None = None,
    speed: float = 1.0,
    loop: bool = True,
) -> tuple[SimulatedCamera, SimulatedSound | None]:
    """Return a camera and microphones that play a take.

    Args:
        path: A take with depth images: a take folder or an MKV.
        faults: What goes wrong.
        speed: Seconds of the take in a second; infinity: as fast as the recorder takes them.
        loop: Whether the take begins again at its end.

    Raises:
        FileFormatError: It is no take.
        DataError: It has point clouds only.
    """
    faults = faults or Faults()
    clock = SimulatedClock(speed)
    take = open_take(path)
    if take.calibration is None:
        take.close()
        raise DataError(
            f"{os.fspath(path)}: has point clouds but no depth images, so that no camera can play "
            "it. Give a take with a recording, such as `auralize simulate` makes."
        )
    camera = SimulatedCamera(K4ARecording(_recording_of(take)), clock, faults, loop=loop)
    if not take.has_sound:
        take.close()
        return camera, None
    return camera, SimulatedSound(take, camera.length_s, clock, faults, loop=loop)


def _recording_of(take: Take) -> str | os.PathLike[str]:
    if take.path.is_file():
        return take.path
    return take.path / (read_take_file(take.path / TAKE_FILE).recording or "")


def _host_ns(time_s: float, faults: Faults, rng: np.random.Generator) -> int:
    late_s = rng.normal(0.0, faults.jitter_ms * 1e-3) if faults.jitter_ms else 0.0
    if rng.random() < faults.late_times:
        late_s += _OUTLIER_S
    return _HOST_START_NS + round((time_s + late_s) * 1e9)


def _nothing_more() -> Iterator[None]:
    while True:
        time.sleep(_MOMENT_S)
        yield None
