"""libk4a and libk4arecord through ctypes: what the tests and the reference generator need of them.

The libraries come inside the wheel of pyk4a-bundle 1.5.0 (Linux x86-64), which need not be
installed:

    python -m pip download --no-deps --dest k4a pyk4a-bundle==1.5.0
    python -m zipfile -e k4a/pyk4a_bundle-1.5.0-*.whl k4a
    export AURALIZE_K4A_LIBRARIES=$PWD/k4a/pyk4a_bundle.libs
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_size_t, c_uint8, c_uint64, c_void_p
from pathlib import Path

import numpy as np

ENVIRONMENT = "AURALIZE_K4A_LIBRARIES"
DEPTH_MODES = {
    "NFOV_2X2BINNED": 1,
    "NFOV_UNBINNED": 2,
    "WFOV_2X2BINNED": 3,
    "WFOV_UNBINNED": 4,
}
COLOR_RESOLUTIONS = {None: 0, "720P": 1, "1080P": 2, "1440P": 3, "1536P": 4, "2160P": 5, "3072P": 6}
DEPTH, COLOR, GYROSCOPE, ACCELEROMETER = range(4)
FRAMES_A_SECOND = {5: 0, 15: 1, 30: 2}
IMAGE_FORMATS = {"MJPG": 0, "DEPTH16": 4, "IR16": 5}
END = 2


class ImuSample(ctypes.Structure):
    _fields_ = (
        ("temperature", c_float),
        ("acceleration", c_float * 3),
        ("acceleration_us", c_uint64),
        ("gyroscope", c_float * 3),
        ("gyroscope_us", c_uint64),
    )


class Configuration(ctypes.Structure):
    _fields_ = (
        ("color_format", c_int),
        ("color_resolution", c_int),
        ("depth_mode", c_int),
        ("camera_fps", c_int),
        ("synchronized_images_only", ctypes.c_bool),
        ("depth_delay_off_color_usec", ctypes.c_int32),
        ("wired_sync_mode", c_int),
        ("subordinate_delay_off_master_usec", ctypes.c_uint32),
        ("disable_streaming_indicator", ctypes.c_bool),
    )


def missing() -> str | None:
    """Say why the libraries cannot be used, or None."""
    folder = os.environ.get(ENVIRONMENT)
    if not folder:
        return f"{ENVIRONMENT} does not name a folder with libk4a and libk4arecord"
    for name in ("libk4a", "libk4arecord"):
        if not _find(folder, name):
            return f"{ENVIRONMENT}={folder} holds no {name}"
    return None


def _find(folder: str, name: str) -> Path | None:
    # auditwheel puts a hash into the names: libk4a-f64cb9eb.so.1.4.2
    found = [*Path(folder).glob(f"{name}.so*"), *Path(folder).glob(f"{name}-*.so*")]
    return next(iter(sorted(found)), None)


class Libraries:
    def __init__(self) -> None:
        folder = os.environ[ENVIRONMENT]
        self.k4a = ctypes.CDLL(str(_find(folder, "libk4a")))
        self.record = ctypes.CDLL(str(_find(folder, "libk4arecord")))
        for kind in ("depth", "color", "ir"):
            get = getattr(self.k4a, f"k4a_capture_get_{kind}_image")
            get.restype, get.argtypes = c_void_p, [c_void_p]
            getattr(self.k4a, f"k4a_capture_set_{kind}_image").argtypes = [c_void_p, c_void_p]
        self.k4a.k4a_image_get_size.restype = c_size_t
        self.k4a.k4a_image_get_size.argtypes = [c_void_p]
        self.k4a.k4a_image_get_buffer.restype = POINTER(c_uint8)
        self.k4a.k4a_image_get_buffer.argtypes = [c_void_p]
        self.k4a.k4a_image_get_device_timestamp_usec.restype = c_uint64
        self.k4a.k4a_image_get_device_timestamp_usec.argtypes = [c_void_p]
        self.k4a.k4a_image_set_device_timestamp_usec.argtypes = [c_void_p, c_uint64]
        self.k4a.k4a_image_release.argtypes = [c_void_p]
        self.k4a.k4a_capture_release.argtypes = [c_void_p]
        self.record.k4a_playback_data_block_get_buffer.restype = POINTER(c_uint8)
        self.record.k4a_playback_data_block_get_buffer.argtypes = [c_void_p]
        self.record.k4a_playback_data_block_get_buffer_size.restype = c_size_t
        self.record.k4a_playback_data_block_get_buffer_size.argtypes = [c_void_p]
        self.record.k4a_playback_data_block_get_device_timestamp_usec.restype = c_uint64
        self.record.k4a_playback_data_block_get_device_timestamp_usec.argtypes = [c_void_p]
        self.record.k4a_playback_data_block_release.argtypes = [c_void_p]
        self.record.k4a_record_create.argtypes = [
            c_char_p, c_void_p, Configuration, POINTER(c_void_p)
        ]  # fmt: skip

    def calibration(self, factory_json: str, depth_mode: str, color: str | None) -> Calibration:
        """Make a calibration from the factory file."""
        raw = factory_json.encode() + b"\0"
        calibration = Calibration(self)
        ok = self.k4a.k4a_calibration_get_from_raw(
            raw, c_size_t(len(raw)), DEPTH_MODES[depth_mode], COLOR_RESOLUTIONS[color],
            calibration.buffer,
        )  # fmt: skip
        if ok != 0:
            raise RuntimeError("libk4a does not accept the factory calibration")
        return calibration

    def play(self, path: Path) -> Playback:
        """Open a recording."""
        return Playback(self, path)

    def image_bytes(self, image: int) -> bytes:
        buffer, size = self.k4a.k4a_image_get_buffer(image), self.k4a.k4a_image_get_size(image)
        return ctypes.string_at(buffer, size)


class Calibration:
    """k4a_calibration_t, whose inside stays libk4a's business."""

    def __init__(self, libraries: Libraries) -> None:
        self.k4a = libraries.k4a
        self.buffer = ctypes.create_string_buffer(1 << 14)

    def unproject(self, pixels: np.ndarray, depths_mm: np.ndarray, target: int) -> np.ndarray:
        """2d → 3d for each row: x, y, z in mm and whether it is valid."""
        rows = np.zeros((len(pixels), 4), dtype=np.float32)
        for row, pixel, depth in zip(rows, pixels, depths_mm, strict=True):
            point, valid = (c_float * 3)(), c_int()
            self.k4a.k4a_calibration_2d_to_3d(
                self.buffer, (c_float * 2)(*pixel), c_float(depth), DEPTH, target,
                point, byref(valid),
            )  # fmt: skip
            row[:] = (*point, valid.value)
        return rows

    def project(self, points_mm: np.ndarray, source: int, target: int) -> np.ndarray:
        """3d → 2d for each row: u, v and whether it is valid."""
        rows = np.zeros((len(points_mm), 3), dtype=np.float32)
        for row, point in zip(rows, points_mm, strict=True):
            pixel, valid = (c_float * 2)(), c_int()
            self.k4a.k4a_calibration_3d_to_2d(
                self.buffer, (c_float * 3)(*point), source, target, pixel, byref(valid)
            )
            row[:] = (*pixel, valid.value)
        return rows

    def move(self, points_mm: np.ndarray, source: int, target: int) -> np.ndarray:
        """3d → 3d for each row."""
        rows = np.zeros((len(points_mm), 3), dtype=np.float32)
        for row, point in zip(rows, points_mm, strict=True):
            moved = (c_float * 3)()
            self.k4a.k4a_calibration_3d_to_3d(
                self.buffer, (c_float * 3)(*point), source, target, moved
            )
            row[:] = moved
        return rows


class Playback:
    """An open recording."""

    def __init__(self, libraries: Libraries, path: Path) -> None:
        self.libraries, self.record = libraries, libraries.record
        self.handle = c_void_p()
        if self.record.k4a_playback_open(str(path).encode(), byref(self.handle)) != 0:
            raise RuntimeError(f"libk4arecord does not open {path}")

    def __enter__(self) -> Playback:
        return self

    def __exit__(self, *_: object) -> None:
        self.record.k4a_playback_close(self.handle)

    def captures(self) -> list[dict[str, tuple[int, bytes]]]:
        """Return time in µs and bytes of the images of each capture, by kind."""
        found: list[dict[str, tuple[int, bytes]]] = []
        k4a = self.libraries.k4a
        capture = c_void_p()
        while self.record.k4a_playback_get_next_capture(self.handle, byref(capture)) == 0:
            images: dict[str, tuple[int, bytes]] = {}
            for kind in ("depth", "color", "ir"):
                image = getattr(k4a, f"k4a_capture_get_{kind}_image")(capture)
                if image:
                    time_us = k4a.k4a_image_get_device_timestamp_usec(image)
                    images[kind] = (time_us, self.libraries.image_bytes(image))
                    k4a.k4a_image_release(image)
            k4a.k4a_capture_release(capture)
            found.append(images)
        return found

    def imu_samples(self) -> list[tuple[int, list[float], list[float]]]:
        """Return time in µs, acceleration and angular velocity of each sample."""
        found: list[tuple[int, list[float], list[float]]] = []
        sample = ImuSample()
        while self.record.k4a_playback_get_next_imu_sample(self.handle, byref(sample)) == 0:
            found.append(
                (sample.acceleration_us, list(sample.acceleration), list(sample.gyroscope))
            )
        return found

    def data_blocks(self, track: str) -> list[tuple[int, bytes]]:
        """Return time in µs and bytes of each block of a custom track."""
        found: list[tuple[int, bytes]] = []
        block = c_void_p()
        record, name = self.record, track.encode()
        while record.k4a_playback_get_next_data_block(self.handle, name, byref(block)) == 0:
            time_us = record.k4a_playback_data_block_get_device_timestamp_usec(block)
            size = record.k4a_playback_data_block_get_buffer_size(block)
            data = ctypes.string_at(record.k4a_playback_data_block_get_buffer(block), size)
            found.append((time_us, data))
            record.k4a_playback_data_block_release(block)
        return found

    def calibration(self) -> Calibration:
        calibration = Calibration(self.libraries)
        if self.record.k4a_playback_get_calibration(self.handle, calibration.buffer) != 0:
            raise RuntimeError("libk4arecord does not read the calibration")
        return calibration

    def seek(self, offset_us: int) -> None:
        """Go to a time, counted from the recording's start."""
        ok = self.record.k4a_playback_seek_timestamp(
            self.handle, ctypes.c_int64(offset_us), c_int(0)
        )
        if ok != 0:
            raise RuntimeError(f"libk4arecord does not seek to {offset_us} µs")


class Recorder:
    """A recording that libk4arecord writes without a device."""

    def __init__(
        self, libraries: Libraries, path: Path, factory_json: str, *, depth_mode: str, fps: int
    ) -> None:
        self.libraries, self.record = libraries, libraries.record
        self.handle = c_void_p()
        configuration = Configuration(
            color_format=IMAGE_FORMATS["MJPG"],
            color_resolution=COLOR_RESOLUTIONS["720P"],
            depth_mode=DEPTH_MODES[depth_mode],
            camera_fps=FRAMES_A_SECOND[fps],
        )
        self._check(
            self.record.k4a_record_create(
                str(path).encode(), None, configuration, byref(self.handle)
            )
        )
        self._check(self.record.k4a_record_add_imu_track(self.handle))
        data = factory_json.encode()
        self._check(
            self.record.k4a_record_add_attachment(
                self.handle, b"calibration.json", data, c_size_t(len(data))
            )
        )
        self._check(
            self.record.k4a_record_add_tag(
                self.handle, b"K4A_CALIBRATION_FILE", b"calibration.json"
            )
        )
        self._check(self.record.k4a_record_write_header(self.handle))

    def add_capture(self, time_us: int, depth_mm: np.ndarray, jpeg: bytes) -> None:
        k4a = self.libraries.k4a
        capture = c_void_p()
        self._check(k4a.k4a_capture_create(byref(capture)))
        images = (
            ("depth", "DEPTH16", depth_mm.shape, 2, depth_mm.astype("<u2").tobytes()),
            ("ir", "IR16", depth_mm.shape, 2, (depth_mm // 2).astype("<u2").tobytes()),
            ("color", "MJPG", (720, 1280), 0, jpeg),
        )
        for kind, image_format, (rows, columns), stride, data in images:
            image = c_void_p()
            buffer = ctypes.create_string_buffer(data, len(data))
            self._check(
                k4a.k4a_image_create_from_buffer(
                    IMAGE_FORMATS[image_format],
                    columns,
                    rows,
                    stride * columns,
                    buffer,
                    c_size_t(len(data)),
                    None,
                    None,
                    byref(image),
                )
            )
            k4a.k4a_image_set_device_timestamp_usec(image, time_us)
            getattr(k4a, f"k4a_capture_set_{kind}_image")(capture, image)
            k4a.k4a_image_release(image)
            # The writer copies the images when it writes the capture, which follows at once.
            setattr(self, f"_{kind}_buffer", buffer)
        self._check(self.record.k4a_record_write_capture(self.handle, capture))
        k4a.k4a_capture_release(capture)
        self._check(self.record.k4a_record_flush(self.handle))

    def add_imu(self, time_us: int, acceleration: list[float], gyroscope: list[float]) -> None:
        sample = ImuSample(
            0.0, (c_float * 3)(*acceleration), time_us, (c_float * 3)(*gyroscope), time_us
        )
        self._check(self.record.k4a_record_write_imu_sample(self.handle, sample))

    def close(self) -> None:
        self._check(self.record.k4a_record_flush(self.handle))
        self.record.k4a_record_close(self.handle)

    @staticmethod
    def _check(result: int) -> None:
        if result != 0:
            raise RuntimeError("libk4arecord refuses to record")
