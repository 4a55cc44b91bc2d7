"""Where a take's point clouds come from: a K4A recording, or a folder of PLY, PCD or NPZ files.

Both give clouds in the depth camera's frame (X right, Y down, Z forward, metres) at times of the
camera's clock.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float64, UInt16

from capture.axes import camera_from_world_axes
from capture.camera.calibration import Calibration
from capture.errors import DataError, FileFormatError
from capture.k4a_mkv import K4ARecording
from capture.point_cloud import PointCloud
from capture.take.cloud_files import CLOUD_READERS, read_cloud
from capture.take.level import up_from_imu

FRAMES_FILE = "frames.csv"
CLOUD_SUFFIXES = tuple(CLOUD_READERS)
"""Of the files that are read as point clouds."""
_LEVELLED_S = 60.0
"""How much of the accelerometer shows what is up."""


class TakeImages(Protocol):
    """What a take needs of its images."""

    @property
    def camera_times_s(self) -> Float64[np.ndarray, "images"]:
        """When each image was taken, by the camera's clock, from the recording's start."""
        ...

    @property
    def calibration(self) -> Calibration | None:
        """Of the sensor, where it is known."""
        ...

    @property
    def recording(self) -> K4ARecording | None:
        """The recording that they come from, None where there are only point clouds."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong, though it can be used."""
        ...

    def cloud(self, index: int, *, color: bool) -> PointCloud:
        """Return a point cloud in the camera's frame."""
        ...

    def depth_mm(self, index: int) -> UInt16[np.ndarray, "rows columns"] | None:
        """Return a depth image, None where there are only point clouds."""
        ...

    def up(self) -> Float64[np.ndarray, "3"] | None:
        """Return the direction of up in the camera's frame, where a sensor shows it."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class RecordingImages:
    """Images of a K4A recording."""

    def __init__(self, recording: K4ARecording) -> None:
        self.recording = recording

    @property
    def camera_times_s(self) -> Float64[np.ndarray, "images"]:
        """When each depth image was taken."""
        return self.recording.depth_times_s

    @property
    def calibration(self) -> Calibration | None:
        """The factory calibration."""
        return self.recording.calibration

    @property
    def notes(self) -> tuple[str, ...]:
        """The recording's."""
        return self.recording.notes

    def cloud(self, index: int, *, color: bool) -> PointCloud:
        """Return a depth image's points, colored by the color image of the same moment."""
        calibration = self.recording.calibration
        points = calibration.unproject(self.recording.depth_mm(index))
        image = self.recording.color_index_at(self.camera_times_s[index]) if color else None
        if image is None:
            return PointCloud(positions_m=points)
        colors = calibration.sample_colors(self.recording.color(image), points)
        return PointCloud(positions_m=points, colors=colors)

    def depth_mm(self, index: int) -> UInt16[np.ndarray, "rows columns"] | None:
        """Return a depth image."""
        return self.recording.depth_mm(index)

    def up(self) -> Float64[np.ndarray, "3"] | None:
        """Return what the accelerometer shows."""
        return up_from_imu(self.recording.imu(stop_s=_LEVELLED_S), self.recording.calibration)

    def close(self) -> None:
        """Close the recording."""
        self.recording.close()


class CloudImages:
    """Point clouds of a folder of files, all of one kind: PLY, PCD or NPZ.

    Args:
        folder: Holds the files, and a frames.csv with the columns file and time_s where their
            times are known.
        rate_hz: Files a second, in the order of the numbers in their names, where there is no
            frames.csv.
        world_axes: Whether the files have the world's axes and floor instead of the camera's.
        unit_m: What one unit in the files is.

    Raises:
        FileFormatError: There is no such file, or there are several kinds, or frames.csv is wrong,
            or nothing gives their times.
    """

    calibration: Calibration | None = None
    recording: K4ARecording | None = None
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        rate_hz: float | None = None,
        world_axes: bool = False,
        unit_m: float = 1.0,
    ) -> None:
        self._folder = Path(folder)
        self._world_axes = world_axes
        self._unit_m = unit_m
        table = self._folder / FRAMES_FILE
        if table.exists():
            self._files, self.camera_times_s = _read_frames_table(table)
        else:
            self._files = _cloud_files(self._folder)
            if rate_hz is None:
                raise FileFormatError(
                    f"{folder}: the times of its {len(self._files)} point clouds are not known. "
                    f"Add a {FRAMES_FILE} with the columns file and time_s, or state the rate "
                    "(open_take(..., rate_hz=15), or frames.rate_hz in take.json)."
                )
            self.camera_times_s = np.arange(len(self._files)) / rate_hz

    def cloud(self, index: int, *, color: bool) -> PointCloud:
        """Read one file."""
        cloud = read_cloud(self._files[index])
        positions = cloud.positions_m * np.float32(self._unit_m)
        if len(positions) and np.median(np.abs(positions).max(axis=1)) > 100.0:
            raise DataError(
                f"{self._files[index]}: most points are over 100 m away: the file seems to be in "
                "millimetres. State frames.unit_m: 0.001 in a take.json beside it."
            )
        if self._world_axes:
            positions = camera_from_world_axes(positions)
        return PointCloud(positions_m=positions, colors=cloud.colors if color else None)

    def depth_mm(self, index: int) -> UInt16[np.ndarray, "rows columns"] | None:
        """Return None: there are only point clouds."""
        return None

    def up(self) -> Float64[np.ndarray, "3"] | None:
        """Return None: no sensor shows it."""
        return None

    def close(self) -> None:
        """Nothing is open."""


def _cloud_files(folder: Path) -> list[Path]:
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in CLOUD_SUFFIXES]
    except OSError as error:
        raise FileFormatError(f"{folder}: cannot be read ({error.strerror}).") from error
    kinds = sorted({file.suffix.lower() for file in files})
    if len(kinds) != 1:
        what = (
            f"files of several kinds ({', '.join(kinds)})" if kinds else "no PLY, PCD or NPZ file"
        )
        raise FileFormatError(f"{folder}: holds {what}. Give a folder with one kind of them.")
    return sorted(files, key=_natural_order)


def _natural_order(path: Path) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", path.stem)], path.name


def _read_frames_table(path: Path) -> tuple[list[Path], Float64[np.ndarray, "images"]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(row["file"], float(row["time_s"])) for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise FileFormatError(
            f"{path}: not readable ({error!r}); it needs the columns file and time_s."
        ) from error
    files = [path.parent / name for name, _ in rows]
    times = np.array([time for _, time in rows], dtype=np.float64)
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise FileFormatError(f"{path}: names {missing.name}, which is not there.")
    if len(times) == 0 or not np.isfinite(times).all() or np.any(np.diff(times) <= 0):
        raise FileFormatError(f"{path}: needs at least one file, and times that increase.")
    return files, times
