"""K4AStream: encode a recording, cluster by cluster, onto a file that stays open.

Images, IMU samples and sound are written as they come. Blocks wait in memory for a moment, so that
those of different tracks may come out of order by as much, then go to the file in clusters of at
most 32 ms. The header holds all that a reader needs, so a file that was cut off can still be read.
"""

from __future__ import annotations

import heapq

import numpy as np
from jaxtyping import Float, Int16, Int32, UInt16

from capture import matroska
from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import FRAME_RATES_HZ
from capture.k4a_mkv import layout
from capture.k4a_mkv.clusters import ClusterFile, Sink
from capture.k4a_mkv.compact import encode_compact
from capture.k4a_mkv.header import RecordingFormat

_REORDERED_US = 1_000_000
_AUDIO_BLOCK_HZ = 50


class K4AStream:
    """Encode a K4A MKV onto a file: `begin`, write, `finish`.

    Args:
        calibration: Of the sensor; its modes are the recording's.
        fps: Frames a second of the images: 5, 15 or 30.
        infrared: Whether infrared images are recorded.
        imu: Whether IMU samples are recorded.
        audio_channels: Channels of the sound, or None where there is none.
        audio_rate_hz: Sample rate of the sound.
        audio_bits: Of a sample: 16 or 24.
        device_serial: The sensor's serial number.
        compact: Whether to compress depth and infrared images without loss; the sensor's own tools
            do not read that.
        start_offset_us: The device's time when the recording starts; every time that is written
            is the device's, at or after this one.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        calibration: Calibration,
        *,
        fps: int = 15,
        infrared: bool = False,
        imu: bool = True,
        audio_channels: int | None = None,
        audio_rate_hz: int = 48_000,
        audio_bits: int = 16,
        device_serial: str = "000000000000",
        start_offset_us: int = 0,
        compact: bool = False,
    ) -> None:
        if fps not in FRAME_RATES_HZ:
            raise ValueError(f"a recording has {FRAME_RATES_HZ} frames a second, got {fps}.")
        if audio_channels is not None and (audio_channels < 1 or audio_rate_hz < 1):
            raise ValueError(
                f"sound needs channels and a rate, got {audio_channels} at {audio_rate_hz} Hz."
            )
        if audio_bits not in (16, 24):
            raise ValueError(f"sound is recorded with 16 or 24 bits, got {audio_bits}.")
        present = {
            layout.COLOR: calibration.color_mode is not None,
            layout.DEPTH: True,
            layout.INFRARED: infrared,
            layout.IMU: imu,
            layout.AUDIO: audio_channels is not None,
        }
        names = [name for name, is_present in present.items() if is_present]
        self._format = RecordingFormat(
            calibration=calibration,
            numbers={name: number for number, name in enumerate(names, start=1)},
            fps=fps,
            audio_channels=audio_channels or 0,
            audio_rate_hz=audio_rate_hz,
            audio_bits=audio_bits,
            device_serial=device_serial,
            start_us=start_offset_us,
            compact=compact,
        )
        self._pending: list[tuple[int, int, bytes]] = []
        self._newest_us = 0
        self._written_us = 0

    def begin(self, file: Sink) -> None:
        """Write the header.

        Args:
            file: Empty, and open until `finish` or `finish_short` returns.
        """
        self._clusters = ClusterFile(file, self._format)

    def finish(self) -> None:
        """Write what still waits, then the index, the duration and the segment's size."""
        self._flush(None)
        self._clusters.finish()

    def finish_short(self) -> None:
        """Finish after a write that failed: give up what waits and what is half-written.

        Raises:
            OSError: There is no room for the end of the file; it can be read nevertheless.
        """
        self._pending.clear()
        self._clusters.finish_short()

    @property
    def written_us(self) -> int:
        """From the recording's start to where blocks are in the file; earlier ones are too late."""
        return self._written_us

    def write_depth(
        self,
        time_us: int,
        depth_mm: UInt16[np.ndarray, "rows columns"],
        infrared: UInt16[np.ndarray, "rows columns"] | None = None,
    ) -> None:
        """Add a depth image, in millimetres (0: not measured), and its infrared image.

        Raises:
            ValueError: A shape or type is wrong, or the time is before what is on disk already.
        """
        self._add(layout.DEPTH, time_us, self._image_bytes("depth_mm", depth_mm))
        if infrared is not None:
            self.write_infrared(time_us, infrared)

    def write_infrared(self, time_us: int, infrared: UInt16[np.ndarray, "rows columns"]) -> None:
        """Add an infrared image.

        Raises:
            ValueError: The shape or type is wrong, or the time is before what is on disk already.
        """
        self._add(layout.INFRARED, time_us, self._image_bytes("infrared", infrared))

    def write_color(self, time_us: int, image: bytes) -> None:
        """Add a color image, encoded as the color mode says (MJPG: one JPEG file).

        Raises:
            ValueError: It is no JPEG for an MJPG mode, or the time is before what is on disk.
        """
        mode = self._format.calibration.color_mode or ""
        if mode.startswith("MJPG") and not image.startswith(b"\xff\xd8"):
            raise ValueError(f"{mode} takes JPEG files, got bytes that are none.")
        self._add(layout.COLOR, time_us, image)

    def write_imu(
        self,
        time_us: int,
        acceleration_m_s2: Float[np.ndarray, "3"],
        angular_velocity_rad_s: Float[np.ndarray, "3"],
        *,
        gyroscope_us: int | None = None,
    ) -> None:
        """Add a sample of the inertial sensor, each reading in its own sensor's axes.

        `gyroscope_us` is the time of the angular velocity where it is another one. At rest the
        acceleration is 9.8 m/s² upwards (it is the force that holds the sensor).

        Raises:
            ValueError: A reading is not three finite numbers, or the time is before what is on
                disk already.
        """
        readings = np.concatenate([acceleration_m_s2, angular_velocity_rad_s]).astype(np.float64)
        if readings.shape != (6,) or not np.isfinite(readings).all():
            raise ValueError(f"an IMU sample has twice three finite readings, got {readings}.")
        values = readings.tolist()
        time_ns = time_us * layout.TICK_NS
        gyroscope_ns = time_ns if gyroscope_us is None else gyroscope_us * layout.TICK_NS
        sample = layout.IMU_SAMPLE.pack(time_ns, *values[:3], gyroscope_ns, *values[3:])
        self._add(layout.IMU, time_us, sample)

    def write_audio(
        self,
        first_sample_index: int,
        samples: Int16[np.ndarray, "samples channels"] | Int32[np.ndarray, "samples channels"],
    ) -> None:
        """Add sound whose clock runs as the images' does.

        Args:
            first_sample_index: Samples (of a channel) from the recording's start to the first one.
            samples: Any number of them: int16, or int32 where 24 bits are recorded.

        Raises:
            ValueError: The shape or type is wrong, or the time is before what is on disk already.
        """
        rate_hz = self._format.audio_rate_hz
        block = max(1, rate_hz // _AUDIO_BLOCK_HZ)
        for start in range(0, len(samples), block):
            time_us = round((first_sample_index + start) * 1_000_000 / rate_hz)
            self.write_sound(self._format.start_us + time_us, samples[start : start + block])

    def write_sound(
        self,
        time_us: int,
        samples: Int16[np.ndarray, "samples channels"] | Int32[np.ndarray, "samples channels"],
    ) -> None:
        """Add a block of sound of which the time of the first sample is known.

        Blocks must come in the order of their samples, with times that increase.

        Args:
            time_us: By the device's clock.
            samples: int16, or int32 (of which the upper 24 bits count) where 24 are recorded.

        Raises:
            ValueError: The shape or type is wrong, or the time is before what is on disk already.
        """
        samples = np.asarray(samples)
        wanted = np.int16 if self._format.audio_bits == 16 else np.int32
        if samples.dtype != wanted or samples.ndim != 2:
            raise ValueError(
                f"samples must be {wanted.__name__} (samples, channels), got {samples.dtype}."
            )
        if samples.shape[1] != self._format.audio_channels:
            raise ValueError(
                f"{self._format.audio_channels} channels are recorded, got {samples.shape[1]}."
            )
        if self._format.audio_bits == 16:
            payload = samples.astype("<i2").tobytes()
        else:
            upper = np.ascontiguousarray(samples, dtype="<i4").view(np.uint8).reshape(-1, 4)[:, 1:]
            payload = upper.tobytes()
        self._add(layout.AUDIO, time_us, payload)

    def _image_bytes(self, name: str, image: np.ndarray) -> bytes:
        image = np.asarray(image)
        shape = self._format.calibration.depth.shape
        if image.dtype != np.uint16 or image.shape != shape:
            raise ValueError(
                f"{name} must be uint16 of shape {shape}, got {image.dtype} of {image.shape}."
            )
        return encode_compact(image) if self._format.compact else image.astype(">u2").tobytes()

    def _add(self, name: str, time_us: int, payload: bytes) -> None:
        if name not in self._format.numbers:
            raise ValueError(f"the recording was opened without a track {name}.")
        time_us = int(time_us) - self._format.start_us
        if time_us < self._written_us:
            raise ValueError(
                f"{name} at {time_us} µs comes too late: {self._written_us} µs is on disk. Write "
                "the tracks side by side, at most a second apart."
            )
        heapq.heappush(self._pending, (time_us, self._format.numbers[name], payload))
        self._newest_us = max(self._newest_us, time_us)
        self._flush(self._newest_us - _REORDERED_US)

    def _flush(self, until_us: int | None) -> None:
        """Write clusters of all blocks before `until_us` (None: of all)."""
        while self._pending:
            first_us = self._pending[0][0]
            stop_us = first_us + layout.LONGEST_CLUSTER_US
            if until_us is not None and stop_us > until_us:
                return
            last_us = first_us
            blocks: list[bytes] = []
            while self._pending and self._pending[0][0] < stop_us:
                last_us, number, payload = heapq.heappop(self._pending)
                # The sensor's tools skip an IMU sample that lasts no time.
                duration = 1 if number == self._format.numbers.get(layout.IMU) else None
                blocks.append(
                    matroska.encode_block(number, last_us - first_us, payload, duration=duration)
                )
            self._written_us = stop_us
            self._clusters.write_cluster(first_us, last_us, blocks)
