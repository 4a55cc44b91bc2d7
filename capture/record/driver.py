"""What a recorder needs of cameras and microphones: a narrow protocol, and the data that pass it.

A driver is opened by its constructor, starts with `start`, gives what arrives through a generator,
and is closed by `stop`. The generator yields None where nothing came for a moment, so that whoever
reads it can look whether to stop; it ends where the driver has no more to give, and raises
DeviceError where the device is lost.

Times: a camera's own clock in microseconds, and the host's in
nanoseconds, as `time.perf_counter_ns` counts. Sound
has no clock of its own but its count of samples.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Int16, Int32, UInt16

from capture.camera.calibration import Calibration

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImuReading:
    """One reading of the inertial sensors, each in its own axes.

    Attributes:
        time_us: Of the acceleration.
        acceleration_m_s2: At rest 9.8 upwards.
        gyroscope_us: Time of the angular velocity.
        angular_velocity_rad_s: Right-handed.
    """

    time_us: int
    acceleration_m_s2: Vector
    gyroscope_us: int
    angular_velocity_rad_s: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What the cameras took at one moment, and the inertial readings since the one before.

    Attributes:
        host_ns: The host's clock when it arrived.
        depth_us: When the depth image (and the infrared one) was taken.
        depth_mm: None where it is missing.
        infrared: None where it is off or missing.
        color_us: When the color image was taken.
        color: Encoded as the color mode says; None where it is off or missing.
        imu: Readings in the order of time.
    """

    host_ns: int
    depth_us: int = 0
    depth_mm: UInt16[np.ndarray, "rows columns"] | None = None
    infrared: UInt16[np.ndarray, "rows columns"] | None = None
    color_us: int = 0
    color: bytes | None = None
    imu: tuple[ImuReading, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        images = sum(image.nbytes for image in (self.depth_mm, self.infrared) if image is not None)
        return images + len(self.color or b"") + 100 * len(self.imu)

    @property
    def time_us(self) -> int | None:
        """When the first of its images was taken, None where it has none."""
        times: list[int] = []
        if self.depth_mm is not None:
            times.append(self.depth_us)
        if self.color is not None:
            times.append(self.color_us)
        return min(times, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundBlock:
    """Samples of all channels, one after the other.

    Attributes:
        host_ns: The host's clock at the first sample.
        samples: int16, or int32 where the device gives more than 16 bits.
        overflowed: Whether the device says that samples before this block are lost.
    """

    host_ns: int
    samples: Int16[np.ndarray, "samples channels"] | Int32[np.ndarray, "samples channels"]
    overflowed: bool = False

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return self.samples.nbytes


class CameraDriver(Protocol):
    """A depth camera, with color and an inertial sensor or without.

    Attributes:
        name: Of the device, for people.
        serial: Its serial number.
        calibration: Of the sensor, in the modes that it was opened with.
        fps: Images a second.
        infrared: Whether it gives infrared images.
        imu: Whether it has an inertial sensor.
        live: Whether data come and go by themselves: what is not fetched in time is lost.
    """

    name: str
    serial: str
    calibration: Calibration
    fps: int
    infrared: bool
    imu: bool
    live: bool

    def start(self) -> None:
        """Start the cameras.

        Raises:
            DeviceError: They do not start.
        """
        ...

    def captures(self) -> Generator[Capture | None]:
        """Yield what arrives; None where nothing came for a moment.

        Raises:
            DeviceError: The device is lost.
        """
        ...

    def stop(self) -> None:
        """Close the device; also after an error, and more than once."""
        ...


class SoundDriver(Protocol):
    """Microphones.

    Attributes:
        name: Of the device, for people.
        channel_count: Number of channels.
        sample_rate_hz: Samples a second, by its own clock.
        bits: Of a sample: 16, or 24 in int32.
        live: Whether data come and go by themselves: what is not fetched in time is lost.
    """

    name: str
    channel_count: int
    sample_rate_hz: int
    bits: int
    live: bool

    def start(self) -> None:
        """Start the device.

        Raises:
            DeviceError: It does not start.
        """
        ...

    def blocks(self) -> Generator[SoundBlock | None]:
        """Yield what arrives; None where nothing came for a moment.

        Raises:
            DeviceError: The device is lost.
        """
        ...

    def stop(self) -> None:
        """Close the device; also after an error, and more than once."""
        ...
