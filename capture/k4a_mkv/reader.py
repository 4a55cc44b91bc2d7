"""K4ARecording: read an Azure Kinect recording lazily.

Times count from the recording's start, in seconds; the device's own clock is `start_offset_s`
ahead of them. Images are read from disk when they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8, UInt16

from capture.calibration import Calibration
from capture.clock import ClockFit
from capture.errors import DataError, FileFormatError
from capture.k4a_mkv import layout
from capture.k4a_mkv.color import decode_color
from capture.k4a_mkv.sound import AudioFormat, RecordedSound
from capture.k4a_modes import (
    COLOR_FORMATS,
    COLOR_RESOLUTIONS,
    DEPTH_MODES,
    INFRARED_MODES,
    split_color_mode,
)
from capture.matroska import MatroskaFile, TrackEntry

_NO_BLOCKS = np.zeros((0, 3), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImuSamples:
    """Readings of the inertial sensor, each in its own sensor's axes.

    Attributes:
        times_s: Shape (N,), from the recording's start.
        acceleration_m_s2: Shape (N, 3); at rest 9.8 upwards.
        angular_velocity_rad_s: Shape (N, 3).
    """

    times_s: Float64[np.ndarray, "N"]
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
            self._depth_track = self._video_track(layout.DEPTH)
            self._color_track = self._video_track(layout.COLOR)
            self._infrared_track = self._video_track(layout.INFRARED)
            self._imu_track = self._track(layout.IMU)
            sensed_track = self._depth_track or self._infrared_track
            if sensed_track is None:
                raise FileFormatError(
                    f"{path}: has no depth images: it is no Azure Kinect recording, or one with "
                    "depth off. Record with depth, with `auralize capture record` or k4arecorder."
                )
            self.calibration = self._read_calibration(sensed_track)
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
            sound_track = self._track(layout.AUDIO)
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
        return self._sixteen_bit(self._depth_blocks, index)

    def infrared(self, index: int) -> UInt16[np.ndarray, "rows columns"]:
        """Read an infrared image.

        Raises:
            IndexError: There is no such image, or the recording has none.
            DataError: The image has another size than its mode.
        """
        return self._sixteen_bit(self._infrared_blocks, index)

    def color(self, index: int) -> UInt8[np.ndarray, "rows columns 3"]:
        """Read a color image as RGB.

        Raises:
            IndexError: There is no such image, or the recording has none.
            DataError: The image is broken.
        """
        camera, mode = self.calibration.color, self.calibration.color_mode
        if camera is None or mode is None:
            raise IndexError(f"{self._path}: the recording has no color.")
        payload = self._read_block(self._color_blocks, index)
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
            start_s: From the block that holds this time.
            stop_s: To here; None: to the end.

        Raises:
            FileFormatError: A block has another size than samples have.
        """
        kind = np.dtype([("time", "<u8"), ("a", "<f4", 3), ("gyro_time", "<u8"), ("w", "<f4", 3)])
        blocks = self._blocks(self._imu_track)
        begins_s = self._times_s(blocks)
        first = max(0, int(np.searchsorted(begins_s, start_s, side="right")) - 1)
        last = len(blocks) if stop_s is None else int(np.searchsorted(begins_s, stop_s))
        times: list[np.ndarray] = []
        chunks: list[np.ndarray] = []
        for begin_s, (_, offset, size) in zip(
            begins_s[first:last], blocks[first:last], strict=True
        ):
            if size % layout.IMU_SAMPLE.size or size == 0:
                raise FileFormatError(f"{self._path}: an IMU block of {size} bytes is broken.")
            samples = np.frombuffer(self._file.read(int(offset), int(size)), dtype=kind)
            # A block has the time of its first sample; the device's own time may count from 1970.
            since_ns = samples["time"].astype(np.int64) - np.int64(samples["time"][0])
            times.append(begin_s + since_ns * 1e-9)
            chunks.append(samples)
        together = np.concatenate(chunks) if chunks else np.zeros(0, dtype=kind)
        return ImuSamples(
            times_s=np.concatenate(times) if times else np.zeros(0),
            acceleration_m_s2=together["a"].astype(np.float32),
            angular_velocity_rad_s=together["w"].astype(np.float32),
        )

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

    def _track(self, name: str) -> TrackEntry | None:
        """Find a track by the UID in its tag, or by its name."""
        uid = self.tags.get(f"K4A_{name}_TRACK", "")
        tracks = self._file.tracks
        by_uid = [track for track in tracks if str(track.uid) == uid]
        by_name = [track for track in tracks if track.name == name]
        track = next(iter(by_uid + by_name), None)
        if track is not None and track.encoded:
            raise FileFormatError(
                f"{self._path}: track {name} is compressed, which the sensor's tools never do. "
                "Remux with `mkvmerge --compression -1:none`."
            )
        return track

    def _video_track(self, name: str) -> TrackEntry | None:
        track = self._track(name)
        if track is not None and track.codec != layout.CODEC_VIDEO:
            raise FileFormatError(
                f"{self._path}: track {name} is {track.codec}, not {layout.CODEC_VIDEO}: the "
                "file was converted. Give the recording as the sensor's tools wrote it."
            )
        return track

    def _read_calibration(self, depth_track: TrackEntry) -> Calibration:
        name = self.tags.get("K4A_CALIBRATION_FILE", layout.CALIBRATION_FILE)
        factory = self._file.read_attachment(name)
        if factory is None:
            raise FileFormatError(
                f"{self._path}: has no factory calibration attached ({name}), so depth cannot be "
                "turned into points. Give the recording as the sensor's tools wrote it."
            )
        width, height, fourcc = layout.decode_bitmap_header(depth_track.codec_private)
        if fourcc != layout.FOURCC_DEPTH:
            raise ValueError(f"depth images of kind {fourcc!r} are not {layout.FOURCC_DEPTH!r}")
        modes = DEPTH_MODES if self._depth_track else INFRARED_MODES
        sizes = {(m.width_px, m.height_px): mode for mode, m in modes.items()}
        if (width, height) not in sizes:
            raise ValueError(f"no depth mode has images of {width}×{height} pixels")
        try:
            return Calibration.from_json(
                factory.rstrip(b"\0").decode("utf-8"),
                depth_mode=sizes[width, height],
                color_mode=self._color_mode(),
            )
        except (UnicodeDecodeError, FileFormatError) as error:
            raise FileFormatError(f"{self._path}: {error}") from error

    def _color_mode(self) -> str | None:
        if self._color_track is None:
            return None
        width, height, fourcc = layout.decode_bitmap_header(self._color_track.codec_private)
        formats = [name for name, (code, _) in COLOR_FORMATS.items() if code == fourcc]
        sizes = [
            name
            for name, m in COLOR_RESOLUTIONS.items()
            if (m.width_px, m.height_px) == (width, height)
        ]
        if not formats or not sizes:
            raise ValueError(f"no color mode has {fourcc!r} images of {width}×{height} pixels")
        return f"{formats[0]}_{sizes[0]}"

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

    def _sixteen_bit(self, blocks: Int64[np.ndarray, "blocks 3"], index: int) -> np.ndarray:
        payload = self._read_block(blocks, index)
        shape = self.calibration.depth.shape
        if len(payload) != shape[0] * shape[1] * 2:
            raise DataError(
                f"{self._path}: image {index} has {len(payload)} bytes, not "
                f"{shape[0] * shape[1] * 2} as its mode has."
            )
        return np.frombuffer(payload, dtype=">u2").reshape(shape).astype(np.uint16)
