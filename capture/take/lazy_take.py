"""Take: one recording of an ensemble, its point clouds and its sound on one timeline.

The timeline is the sound's: sample n is at n / sample_rate_hz, and nothing is ever resampled. The
times of images are moved onto it by the take's clock fit. Point clouds come in the world's frame:
origin on the floor below the depth camera, x where the camera looks, y left, z up, metres.

Everything is read from disk when it is asked for, so memory does not grow with the take's length.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float64, UInt16

from capture.axes import camera_from_world_axes
from capture.camera.calibration import Calibration
from capture.clock import ClockFit
from capture.errors import DataError
from capture.k4a_mkv import K4ARecording
from capture.point_cloud import PointCloud
from capture.pose import Pose
from capture.take.images import TakeImages
from capture.take.sound import TakeSound
from capture.take.take_file import MicrophoneEntry, RecordedEntry
from capture.take.world import find_world
from capture.waveform import Sound, Waveform, read_padded

_SHORTER_BY_S = 0.2


class Take:
    """A take, read lazily; a context manager. Made by `open_take`.

    Attributes:
        path: What was opened.
        name: For scenes and reports.
        clock: How the times of images were moved onto the sound's timeline.
        microphones: What is known of the sound's channels.
        center_channel: The channel of the center microphone.
        recorded: How it was recorded, where Auralize recorded it.
    """

    def __init__(
        self,
        *,
        path: Path,
        name: str,
        images: TakeImages,
        sound: TakeSound | None,
        clock: ClockFit,
        microphones: tuple[MicrophoneEntry, ...] = (),
        center_channel: int = 0,
        world_from_camera: Pose | None = None,
        recorded: RecordedEntry | None = None,
    ) -> None:
        self.path = path
        self.name = name
        self.clock = clock
        self.microphones = microphones
        self.center_channel = center_channel
        self.recorded = recorded
        self._images = images
        self._sound = sound
        self._known_pose = world_from_camera
        self._warnings: list[str] = []
        self.times_s: Float64[np.ndarray, "images"] = clock.sound_from_camera(images.camera_times_s)
        self._check_sound()
        self._check_recorded()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._images.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the take though it can be used, one sentence each, so far."""
        return (*self._images.notes, *self._warnings)

    @property
    def calibration(self) -> Calibration | None:
        """The sensor's calibration, None for a take of PLY files."""
        return self._images.calibration

    @property
    def known_pose(self) -> Pose | None:
        """What take.json says of the camera's pose, None where it is to be found."""
        return self._known_pose

    @property
    def recording(self) -> K4ARecording | None:
        """The recording behind the images, None for a take of point clouds."""
        return self._images.recording

    @property
    def sound_bits(self) -> int:
        """Bits of a sample of the sound: 16, or 24 for all that has more.

        Raises:
            DataError: The take has no sound.
        """
        return self._need_sound().bits

    @property
    def microphones_m(self) -> Float64[np.ndarray, "channels 3"] | None:
        """Where each channel's microphone is in the world; None where that is not known of all."""
        place_of = {entry.channel: entry.position_m for entry in self.microphones}
        places = [place_of.get(channel) for channel in range(self.channel_count)]
        if not places or any(place is None for place in places):
            return None
        return self.world_from_camera.transform(camera_from_world_axes(np.array(places)))

    @property
    def has_sound(self) -> bool:
        """Whether the take has sound."""
        return self._sound is not None

    @property
    def duration_s(self) -> float:
        """Length of the sound, or up to the last image where there is no sound."""
        if self._sound is None:
            return float(self.times_s[-1])
        return self._sound.sample_count / self._sound.sample_rate_hz

    @property
    def sample_rate_hz(self) -> int:
        """Of the sound.

        Raises:
            DataError: The take has no sound.
        """
        return self._need_sound().sample_rate_hz

    @property
    def channel_count(self) -> int:
        """Of the sound.

        Raises:
            DataError: The take has no sound.
        """
        return self._need_sound().channel_count

    @property
    def sound(self) -> Sound:
        """All channels of the sound, read from disk in the parts that are asked for.

        Raises:
            DataError: The take has no sound.
        """
        return self._need_sound()

    def audio(self, start_s: float = 0.0, stop_s: float | None = None) -> Waveform:
        """Read the sound between two times, all channels, at its own rate.

        Args:
            start_s: From here.
            stop_s: To here; None: to the sound's end. What lies outside the sound is silence.

        Raises:
            ValueError: The times are not in order.
            DataError: The take has no sound, or a sample is not finite.
        """
        sound = self._need_sound()
        start = round(start_s * sound.sample_rate_hz)
        stop = sound.sample_count if stop_s is None else round(stop_s * sound.sample_rate_hz)
        if stop < start:
            raise ValueError(f"the sound from {start_s} s to {stop_s} s has no length.")
        samples = read_padded(sound, start, stop)
        return Waveform(samples=samples, sample_rate_hz=sound.sample_rate_hz)

    def index_at(self, time_s: float) -> int:
        """Return the image that is nearest in time.

        Raises:
            ValueError: The time is not finite.
        """
        if not np.isfinite(time_s):
            raise ValueError(f"an image's time must be finite, got {time_s}.")
        after = int(np.searchsorted(self.times_s, time_s))
        before = max(after - 1, 0)
        after = min(after, len(self.times_s) - 1)
        nearer_before = time_s - self.times_s[before] <= self.times_s[after] - time_s
        return before if nearer_before else after

    def point_cloud(self, time_s: float, *, color: bool = True) -> PointCloud:
        """Read the point cloud at a time, in the world's frame: that of the nearest image.

        Args:
            time_s: Seconds from the take's start.
            color: Whether to color it; half the time goes into decoding the color image.

        Raises:
            ValueError: The time is not finite.
            DataError: The image is broken, or the take's images measured nothing at all.
        """
        return self.image_point_cloud(self.index_at(time_s), color=color)

    def image_point_cloud(self, index: int, *, color: bool = True) -> PointCloud:
        """Read the point cloud of an image by its number, in the world's frame.

        Args:
            index: 0 … len(times_s) - 1.
            color: Whether to color it.

        Raises:
            IndexError: There is no such image.
            DataError: The image is broken, or the take's images measured nothing at all.
        """
        return self.camera_point_cloud(index, color=color).transformed(self.world_from_camera)

    def camera_point_cloud(self, index: int, *, color: bool = True) -> PointCloud:
        """Read the point cloud of one image, in the depth camera's frame.

        Raises:
            IndexError: There is no such image.
            DataError: The image is broken.
        """
        self._check_index(index)
        return self._images.cloud(index, color=color)

    def depth_mm(self, index: int) -> UInt16[np.ndarray, "rows columns"] | None:
        """Read a depth image in millimetres, None for a take of PLY files.

        Raises:
            IndexError: There is no such image.
            DataError: The image is broken.
        """
        self._check_index(index)
        return self._images.depth_mm(index)

    @cached_property
    def world_from_camera(self) -> Pose:
        """The depth camera's pose: as take.json says, or found from the IMU and the floor.

        Raises:
            DataError: The images measured nothing at all.
        """
        if self._known_pose is not None:
            return self._known_pose
        pose, warning = find_world(self._images, self.path)
        if warning is not None:
            self._warnings.append(warning)
        return pose

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self.times_s):
            raise IndexError(f"{self.path}: image {index} of {len(self.times_s)}.")

    def _need_sound(self) -> TakeSound:
        if self._sound is None:
            raise DataError(
                f"{self.path}: has no sound: no AUDIO track and no sound file. Give one with "
                "--audio FILE.wav (audio=... in open_take)."
            )
        return self._sound

    def _check_sound(self) -> None:
        if self._sound is None:
            return
        if self.center_channel >= self._sound.channel_count:
            raise DataError(
                f"{self.path}: the center microphone is channel {self.center_channel}, but the "
                f"sound has {self._sound.channel_count} (counted from 0). Correct microphones in "
                "take.json."
            )
        last_s = float(self.times_s[-1])
        if self.duration_s < last_s - _SHORTER_BY_S:
            self._warnings.append(
                f"{self.path}: the sound ends at {self.duration_s:.2f} s, the images at "
                f"{last_s:.2f} s: after its end the take is silent."
            )

    def _check_recorded(self) -> None:
        if self.recorded is None:
            return
        if not self.recorded.finished:
            self._warnings.append(
                f"{self.path}: its recording was not finished. All that is on the disk is used; "
                "finish it with `auralize capture repair`."
            )
        if self.recorded.lost is not None:
            self._warnings.append(f"{self.path}: {self.recorded.lost} while recording.")
