"""K4ARecording: read an Azure Kinect recording lazily.

Times count from the recording's start, in seconds; the device's own clock is `start_offset_s`
ahead of them. Images are read from disk when they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8, UInt16

from capture.camera.k4a_modes import split_color_mode
from capture.clock import ClockFit
from capture.errors import DataError, FileFormatError
from capture.k4a_mkv import layout
from capture.k4a_mkv.color import decode_color
from capture.k4a_mkv.compact import decode_compact
from capture.k4a_mkv.sound import AudioFormat, RecordedSound
from capture.k4a_mkv.tracks import find_track, find_video_track, is_compact, read_calibration
from capture.matroska import MatroskaFile, TrackEntry

_NO_BLOCKS = np.zeros((0, 3), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImuSamples:
    """Readings of the inertial sensor, each in its own sensor's axes.

    Attributes:
        times_s: Shape (N,), of the acceleration, from the recording's start.
        gyroscope_times_s: Shape (N,), of the angular velocity.
        acceleration_m_s2: Shape (N, 3); at rest 9.8 upwards.
        angular_velocity_rad_s: Shape (N, 3).
    """

    times_s: Float64[np.ndarray, "N"]
    gyroscope_times_s: Float64[np.ndarray, "N"]
    acceleration_m_s2: Float32[np.ndarray, "N 3"]
    angular_velocity_rad_s: Float32[np.ndarray, "N 3"]


class K4ARecording:
    """An open recording: a context manager.

    Attributes:
        tags: The recording's tags by name.
        calibration: Lens models and extrinsics in the recording's modes.
        start_offset_s: The device's clock at time 0 of the recording.
        notes: What is wrong with the file though it can be read, one sentence each.

    Raises:
        FileFormatError: The file is missing, no Matroska file, no Azure Kinect recording, lacks
            its calibration, or was cut off before its first depth image.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = MatroskaFile(path)
        try:
            self._path = self._file.path
            self.tags: Mapping[str, str] = self._file.tags
            self._depth_track = find_video_track(self._file, layout.DEPTH)
            self._color_track = find_video_track(self._file, layout.COLOR)
            self._infrared_track = find_video_track(self._file, layout.INFRARED)
            self._imu_track = find_track(self._file, layout.IMU)
            if self._depth_track is None and self._infrared_track is None:
                raise FileFormatError(
                    f"{path}: has no depth images: it is no Azure Kinect recording, or one with "
                    "depth off. Record with depth, with `auralize capture record` or k4arecorder."
                )
            self.calibration = read_calibration(
                self._file,
                depth=self._depth_track,
                infrared=self._infrared_track,
                color=self._color_track,
            )
            self._depth_blocks = self._image_blocks(self._depth_track)
            self._color_blocks = self._image_blocks(self._color_track)
            self._infrared_blocks = self._image_blocks(self._infrared_track)
            self.start_offset_s = int(self.tags.get("K4A_START_OFFSET_NS", "0") or 0) * 1e-9
            damage = self._file.damage
            if len(self._depth_blocks) + len(self._infrared_blocks) == 0:
                raise FileFormatError(
                    f"{path}: holds no whole depth image; it is {damage or 'empty'}. Record the "
                    "take again, or copy the file again."
                )
            sound_track = find_track(self._file, layout.AUDIO)
            self._sound = RecordedSound.of(self._file, sound_track) if sound_track else None
            notes: list[str] = []
            if damage is not None:
                notes.append(f"{path}: {damage}; used up to {self._last_image_s:.2f} s.")
            if self._sound is not None and self._sound.gap is not None:
                notes.append(f"{path}: {self._sound.gap}")
            self.notes = tuple(notes)
        except ValueError as error:
            self.close()
            raise FileFormatError(f"{path}: {error}.") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @cached_property
    def depth_times_s(self) -> Float64[np.ndarray, "depth_images"]:
        """When each depth image was taken."""
        return self._times_s(self._depth_blocks)

    @cached_property
    def infrared_times_s(self) -> Float64[np.ndarray, "infrared_images"]:
        """When each infrared image was taken."""
        return self._times_s(self._infrared_blocks)

    @cached_property
    def color_times_s(self) -> Float64[np.ndarray, "color_images"]:
        """When each color image was taken."""
        return self._times_s(self._color_blocks)

    @property
    def fps(self) -> float:
        """Images a second, as the recording states them (0 where it does not)."""
        track = self._depth_track or self._infrared_track
        return 1e9 / track.default_duration_ns if track and track.default_duration_ns else 0.0

    def depth_mm(self, index: int) -> UInt16[np.ndarray, "rows columns"]:
        """Read a depth image: millimetres along Z, 0 where nothing was measured.

        Raises:
            IndexError: There is no such image.
            DataError: The image has another size than its mode.
        """
        return self._sixteen_bit(self._depth_track, self._depth_blocks, index)

    def infrared(self, index: int) -> UInt16[np.ndarray, "rows columns"]:
        """Read an infrared image.

        Raises:
            IndexError: There is no such image, or the recording has none.
            DataError: The image has another size than its mode.
        """
        return self._sixteen_bit(self._infrared_track, self._infrared_blocks, index)

    def color(self, index: int) -> UInt8[np.ndarray, "rows columns 3"]:
        """Read a color image as RGB.

        Raises:
            IndexError: There is no such image, or the recording has none.
            DataError: The image is broken.
        """
        camera, mode = self.calibration.color, self.calibration.color_mode
        if camera is None or mode is None:
            raise IndexError(f"{self._path}: the recording has no color.")
        payload = self.color_payload(index)
        try:
            return decode_color(payload, split_color_mode(mode)[0], camera.shape)
        except ValueError as error:
            at_s = self.color_times_s[index]
            raise DataError(
                f"{self._path}: the color image at {at_s:.3f} s is broken: {error}."
            ) from error

    def color_payload(self, index: int) -> bytes:
        """Read a color image as the recording holds it.

        Raises:
            IndexError: There is no such image, or the recording has none.
        """
        return self._read_block(self._color_blocks, index)

    def color_index_at(self, time_s: float) -> int | None:
        """Return the color image nearest in time, None if none is within a frame's length."""
        times = self.color_times_s
        if len(times) == 0:
            return None
        after = int(np.searchsorted(times, time_s).clip(1, len(times) - 1)) if len(times) > 1 else 0
        index = min((max(after - 1, 0), after), key=lambda i: abs(times[i] - time_s))
        longest_s = 1 / self.fps if self.fps else 0.1
        return index if abs(times[index] - time_s) < longest_s else None

    def imu(self, start_s: float = 0.0, stop_s: float | None = None) -> ImuSamples:
        """Read the IMU samples between two times (none where the recording has no IMU).

        An hour of them takes 200 MB, so ask for what you need.

        Args:
            start_s: From the first block that begins at or after this time.
            stop_s: To here; None: to the end.

        Raises:
            FileFormatError: A block has another size than samples have.
        """
        kind = np.dtype([("time", "<u8"), ("a", "<f4", 3), ("gyro_time", "<u8"), ("w", "<f4", 3)])
        blocks = self._blocks(self._imu_track)
        begins_s = self._times_s(blocks)
        first = int(np.searchsorted(begins_s, start_s))
        last = len(blocks) if stop_s is None else int(np.searchsorted(begins_s, stop_s))
        times: list[np.ndarray] = []
        gyroscope_times: list[np.ndarray] = []
        chunks: list[np.ndarray] = []
        for begin_s, (_, offset, size) in zip(
            begins_s[first:last], blocks[first:last], strict=True
        ):
            if size % layout.IMU_SAMPLE.size or size == 0:
                raise FileFormatError(f"{self._path}: an IMU block of {size} bytes is broken.")
            samples = np.frombuffer(self._file.read(int(offset), int(size)), dtype=kind)
            # A block has the time of its first sample; the device's own time may count from 1970.
            first_ns = np.int64(samples["time"][0])
            times.append(begin_s + (samples["time"].astype(np.int64) - first_ns) * 1e-9)
            since_ns = samples["gyro_time"].astype(np.int64) - first_ns
            gyroscope_times.append(begin_s + since_ns * 1e-9)
            chunks.append(samples)
        together = np.concatenate(chunks) if chunks else np.zeros(0, dtype=kind)
        return ImuSamples(
            times_s=np.concatenate([np.zeros(0), *times]),
            gyroscope_times_s=np.concatenate([np.zeros(0), *gyroscope_times]),
            acceleration_m_s2=together["a"].astype(np.float32),
            angular_velocity_rad_s=together["w"].astype(np.float32),
        )

    @property
    def has_imu(self) -> bool:
        """Whether there are IMU samples."""
        return self._imu_track is not None

    def imu_pieces(self, piece_s: float = 10.0) -> Iterator[ImuSamples]:
        """Read all IMU samples, some seconds at a time."""
        begins_s = self._times_s(self._blocks(self._imu_track))
        start_s = 0.0
        while len(begins_s) and start_s <= begins_s[-1]:
            yield self.imu(start_s, start_s + piece_s)
            start_s += piece_s

    @property
    def audio(self) -> AudioFormat | None:
        """The sound's format, None where the recording has no AUDIO track."""
        return None if self._sound is None else self._sound.format

    def audio_clock(self) -> ClockFit:
        """Return how the sound's samples run beside the recording's clock, by its timestamps."""
        return ClockFit() if self._sound is None else self._sound.clock()

    def read_audio(self, start: int, stop: int) -> Float32[np.ndarray, "channels samples"]:
        """Read the samples from `start` to `stop` (clipped to what there is).

        Raises:
            IndexError: The recording has no sound.
        """
        if self._sound is None:
            raise IndexError(f"{self._path}: the recording has no AUDIO track.")
        return self._sound.read(start, stop)

    @property
    def _last_image_s(self) -> float:
        return float(np.concatenate([self.depth_times_s, self.infrared_times_s]).max())

    @staticmethod
    def _blocks(track: TrackEntry | None) -> Int64[np.ndarray, "blocks 3"]:
        return _NO_BLOCKS if track is None else track.blocks

    def _image_blocks(self, track: TrackEntry | None) -> Int64[np.ndarray, "blocks 3"]:
        """Return a track's blocks, of images with the same time the first one."""
        blocks = self._blocks(track)
        return blocks[np.diff(blocks[:, 0], prepend=np.iinfo(np.int64).min // 2) > 0]

    def _times_s(self, blocks: Int64[np.ndarray, "blocks 3"]) -> Float64[np.ndarray, "blocks"]:
        return blocks[:, 0] * (self._file.timestamp_scale_ns * 1e-9)

    def _read_block(self, blocks: Int64[np.ndarray, "blocks 3"], index: int) -> bytes:
        if not 0 <= index < len(blocks):
            raise IndexError(f"{self._path}: image {index} of {len(blocks)}.")
        return self._file.read(int(blocks[index, 1]), int(blocks[index, 2]))

    def _sixteen_bit(
        self, track: TrackEntry | None, blocks: Int64[np.ndarray, "blocks 3"], index: int
    ) -> UInt16[np.ndarray, "rows columns"]:
        payload = self._read_block(blocks, index)
        shape = self.calibration.depth.shape
        if is_compact(track):
            try:
                return decode_compact(payload, shape)
            except ValueError as error:
                raise DataError(f"{self._path}: image {index} is broken: {error}.") from error
        if len(payload) != shape[0] * shape[1] * 2:
            raise DataError(
                f"{self._path}: image {index} has {len(payload)} bytes, not "
                f"{shape[0] * shape[1] * 2} as its mode has."
            )
        return np.frombuffer(payload, dtype=">u2").reshape(shape).astype(np.uint16)
