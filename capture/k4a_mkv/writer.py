"""K4AWriter: write a recording that the Azure Kinect's own tools open.

Images, IMU samples and sound are written as they come. Blocks wait in memory for one second, so
that those of different tracks may come out of order by as much, then go to disk in clusters of at
most 32 ms. The header holds all that a reader needs, so a file that was cut off can still be read.
"""

from __future__ import annotations

import heapq
import os
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from jaxtyping import Float, Int16, UInt16

from capture import matroska
from capture.atomic import atomic_path
from capture.calibration import Calibration
from capture.k4a_mkv import header, layout
from capture.k4a_mkv.header import RecordingFormat
from capture.k4a_modes import FRAME_RATES_HZ
from capture.matroska import Id

_REORDERED_US = 1_000_000
_AUDIO_BLOCK_HZ = 50
_CUE_GAP_US = 1_000_000
_SEEK_HEAD_SIZE = 160


class K4AWriter:
    """Write a K4A MKV; a context manager. The file gets its name when the block ends well.

    Args:
        path: Where to write. An existing file is replaced.
        calibration: Of the sensor; its modes are the recording's.
        fps: Frames a second of the images: 5, 15 or 30.
        infrared: Whether infrared images are recorded.
        imu: Whether IMU samples are recorded.
        audio_channels: Channels of the sound, or None where there is none.
        audio_rate_hz: Sample rate of the sound.
        device_serial: The sensor's serial number.
        start_offset_us: The device's time when the recording starts; every time that is written
            is the device's, at or after this one.

    Raises:
        ValueError: An argument is out of range.
        OutputError: The file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        calibration: Calibration,
        *,
        fps: int = 15,
        infrared: bool = False,
        imu: bool = True,
        audio_channels: int | None = None,
        audio_rate_hz: int = 48_000,
        device_serial: str = "000000000000",
        start_offset_us: int = 0,
    ) -> None:
        if fps not in FRAME_RATES_HZ:
            raise ValueError(f"a recording has {FRAME_RATES_HZ} frames a second, got {fps}.")
        if audio_channels is not None and (audio_channels < 1 or audio_rate_hz < 1):
            raise ValueError(
                f"sound needs channels and a rate, got {audio_channels} at {audio_rate_hz} Hz."
            )
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
            device_serial=device_serial,
            start_us=start_offset_us,
        )
        self._path = path
        self._pending: list[tuple[int, int, bytes]] = []
        self._newest_us = 0
        self._written_us = 0
        self._last_us = 0
        self._cues: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            self._file: BinaryIO = stack.enter_context(temporary.open("wb"))
            self._write_header()
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._closing.__exit__(kind, error, traceback)
            return
        with self._closing:
            self._flush(None)
            self._write_trailer()

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
    ) -> None:
        """Add a sample of the inertial sensor, each reading in its own sensor's axes.

        At rest the acceleration is 9.8 m/s² upwards (it is the force that holds the sensor).

        Raises:
            ValueError: A reading is not three finite numbers, or the time is before what is on
                disk already.
        """
        readings = np.concatenate([acceleration_m_s2, angular_velocity_rad_s]).astype(np.float64)
        if readings.shape != (6,) or not np.isfinite(readings).all():
            raise ValueError(f"an IMU sample has twice three finite readings, got {readings}.")
        values = readings.tolist()
        time_ns = time_us * layout.TICK_NS
        sample = layout.IMU_SAMPLE.pack(time_ns, *values[:3], time_ns, *values[3:])
        self._add(layout.IMU, time_us, sample)

    def write_audio(
        self, first_sample_index: int, samples: Int16[np.ndarray, "samples channels"]
    ) -> None:
        """Add sound.

        Args:
            first_sample_index: Samples (of a channel) from the recording's start to the first one.
            samples: Any number of them, int16.

        Raises:
            ValueError: The shape or type is wrong, or the time is before what is on disk already.
        """
        samples = np.asarray(samples)
        if samples.dtype != np.int16 or samples.ndim != 2:
            raise ValueError(f"samples must be int16 (samples, channels), got {samples.dtype}.")
        if samples.shape[1] != self._format.audio_channels:
            raise ValueError(
                f"{self._format.audio_channels} channels are recorded, got {samples.shape[1]}."
            )
        block = max(1, self._format.audio_rate_hz // _AUDIO_BLOCK_HZ)
        for start in range(0, len(samples), block):
            time_us = round((first_sample_index + start) * 1_000_000 / self._format.audio_rate_hz)
            payload = np.ascontiguousarray(samples[start : start + block], dtype="<i2")
            self._add(layout.AUDIO, self._format.start_us + time_us, payload.tobytes())

    def _image_bytes(self, name: str, image: np.ndarray) -> bytes:
        image = np.asarray(image)
        shape = self._format.calibration.depth.shape
        if image.dtype != np.uint16 or image.shape != shape:
            raise ValueError(
                f"{name} must be uint16 of shape {shape}, got {image.dtype} of {image.shape}."
            )
        return image.astype(">u2").tobytes()

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
            blocks: list[bytes] = []
            while self._pending and self._pending[0][0] < stop_us:
                self._last_us, number, payload = heapq.heappop(self._pending)
                # The sensor's tools skip an IMU sample that lasts no time.
                duration = 1 if number == self._format.numbers.get(layout.IMU) else None
                relative_us = self._last_us - first_us
                blocks.append(
                    matroska.encode_block(number, relative_us, payload, duration=duration)
                )
            self._written_us = stop_us
            self._write_cluster(first_us, blocks)

    def _write_cluster(self, first_us: int, blocks: list[bytes]) -> None:
        if not self._cues or first_us >= self._cues[-1][0] + _CUE_GAP_US:
            self._cues.append((first_us, self._file.tell() - self._segment_data))
        timestamp = matroska.encode_uint(Id.CLUSTER_TIMESTAMP, first_us)
        self._file.write(matroska.encode_master(Id.CLUSTER, timestamp, *blocks))

    def _write_header(self) -> None:
        file = self._file
        file.write(header.encode_ebml())
        self._segment = file.tell()
        file.write(Id.SEGMENT.to_bytes(4, "big") + matroska.encode_size(matroska.UNKNOWN_SIZE))
        self._segment_data = file.tell()
        # libk4arecord takes offset 0 in the segment for "missing", so padding comes first; the
        # seek head is written over it at the end.
        file.write(matroska.encode_void(_SEEK_HEAD_SIZE))
        self._parts: dict[int, int] = {}
        for element_id, element in (
            (Id.INFO, header.encode_info(0.0)),
            (Id.TRACKS, header.encode_tracks(self._format)),
            (Id.ATTACHMENTS, header.encode_attachments(self._format)),
            (Id.TAGS, header.encode_tags(self._format)),
        ):
            self._parts[element_id] = file.tell() - self._segment_data
            file.write(element)

    def _write_trailer(self) -> None:
        file = self._file
        self._parts[Id.CUES] = file.tell() - self._segment_data
        numbers = self._format.numbers
        track = numbers.get(layout.COLOR, numbers[layout.DEPTH])
        file.write(header.encode_cues(track, self._cues))
        size = file.tell() - self._segment_data
        file.seek(self._segment + 4)
        file.write(matroska.encode_size(size, 8))
        seek_head = header.encode_seek_head(self._parts)
        file.write(seek_head + matroska.encode_void(_SEEK_HEAD_SIZE - len(seek_head)))
        file.seek(self._segment_data + self._parts[Id.INFO])
        file.write(header.encode_info(float(self._last_us + 1_000_000 // self._format.fps)))
