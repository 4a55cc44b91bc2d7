"""KinectCamera: an Azure Kinect, or an Orbbec Femto that speaks its language, through pyk4a.

pyk4a's errors are empty, so what went wrong is found out beside it: from what is plugged in, and
from the step that failed. A Femto Bolt or Mega needs Orbbec's own libk4a, which takes the place of
the one that pyk4a brings when it is loaded before it.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import FRAME_RATES_HZ, depth_image_mode, split_color_mode
from capture.errors import DependencyError, DeviceError
from capture.optional import optional
from capture.record.driver import Capture, ImuReading
from capture.record.usb import UDEV_REMEDY, UsbSensor, plugged_sensors

LIBRARY_VARIABLE = "AURALIZE_K4A_LIBRARY"
"""Names a libk4a to use in place of pyk4a's own."""
_WAIT_MS = 100
_OLDEST_NS = 2_000_000_000
_FORMATS = {
    "MJPG": "COLOR_MJPG",
    "NV12": "COLOR_NV12",
    "YUY2": "COLOR_YUY2",
    "BGRA": "COLOR_BGRA32",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """Modes of the cameras.

    Attributes:
        depth_mode: Such as NFOV_UNBINNED.
        color_mode: Such as MJPG_720P, None for no color.
        fps: Images a second.
        infrared: Whether infrared images are recorded.
        index: Which one of several cameras.
        library: A libk4a to use in place of pyk4a's own, as Orbbec's cameras need.
    """

    depth_mode: str = "NFOV_UNBINNED"
    color_mode: str | None = "MJPG_720P"
    fps: int = 30
    infrared: bool = False
    index: int = 0
    library: str | None = None

    def __post_init__(self) -> None:
        depth_image_mode(self.depth_mode)
        if self.fps not in FRAME_RATES_HZ:
            raise ValueError(f"the cameras give {FRAME_RATES_HZ} images a second, got {self.fps}.")
        if self.fps == 30 and self.depth_mode == "WFOV_UNBINNED":
            raise ValueError("WFOV_UNBINNED gives at most 15 images a second, got 30.")
        if self.color_mode is None:
            return
        color_format, _ = split_color_mode(self.color_mode)
        resolution = self.color_mode.partition("_")[2]
        if resolution == "3072P" and self.fps == 30:
            raise ValueError("color of 3072P gives at most 15 images a second, got 30.")
        if color_format in ("NV12", "YUY2") and resolution != "720P":
            raise ValueError(f"{color_format} color is 720P only, got {self.color_mode}.")


class KinectCamera:
    """A camera, opened; see `CameraDriver`.

    Raises:
        DependencyError: pyk4a, or the library that was named, cannot be loaded.
        DeviceError: There is no camera, it may not be opened, or it is in use.
    """

    live = True
    imu = True

    def __init__(self, settings: CameraSettings | None = None) -> None:
        settings = settings or CameraSettings()
        self._settings = settings
        self._pyk4a = load_pyk4a(settings.library)
        self.fps = settings.fps
        self.infrared = settings.infrared
        count = int(self._pyk4a.connected_device_count())
        if count <= settings.index:
            raise DeviceError(_why_not_there(count, settings.index, plugged_sensors()))
        self._device: Any = self._pyk4a.PyK4A(self._config(), device_id=settings.index)
        self._running = False
        try:
            self._device.open()
            self.serial = str(self._device.serial)
            factory = str(self._device.calibration_raw)
        except self._pyk4a.K4AException as error:
            raise DeviceError(_why_not_open(plugged_sensors())) from error
        self.name = "Azure Kinect" if settings.library is None else "K4A camera"
        self.calibration = Calibration.from_json(
            factory.rstrip("\0"), depth_mode=settings.depth_mode, color_mode=settings.color_mode
        )

    def start(self) -> None:
        """Start cameras and inertial sensor.

        Raises:
            DeviceError: They do not start.
        """
        try:
            self._device.start()
        except self._pyk4a.K4AException as error:
            raise DeviceError(
                f"{self.name} {self.serial} was opened, but its cameras do not start in "
                f"{self._settings.depth_mode}, {self._settings.color_mode}, {self.fps} Hz. The "
                "depth engine needs OpenGL 4.4 and a display (DISPLAY=:0, or xvfb-run without "
                "one), and the cameras a USB 3 port of their own."
            ) from error
        self._running = True

    def captures(self) -> Generator[Capture | None]:
        """Yield what arrives.

        Raises:
            DeviceError: The camera is lost.
        """
        while True:
            try:
                capture = self._device.get_capture(timeout=_WAIT_MS)
            except self._pyk4a.K4ATimeoutException:
                yield None
                continue
            except self._pyk4a.K4AException as error:
                raise DeviceError(
                    f"{self.name} {self.serial} was lost: it was unplugged, lost its power, or its "
                    "USB connection broke down."
                ) from error
            yield self._capture(capture)

    def stop(self) -> None:
        """Close the device."""
        device, self._device = self._device, None
        if device is None:
            return
        try:
            if self._running:
                device.stop()
            else:
                device.close()
        except self._pyk4a.K4AException:
            # What is unplugged cannot be stopped; the object must not try again when it goes.
            device.is_running = False
            device._device_handle = None

    def _config(self) -> Any:
        pyk4a, settings = self._pyk4a, self._settings
        color_format, resolution = "MJPG", "OFF"
        if settings.color_mode is not None:
            color_format, _, resolution = settings.color_mode.partition("_")
            resolution = f"RES_{resolution}"
        return pyk4a.Config(
            color_resolution=pyk4a.ColorResolution[resolution],
            color_format=pyk4a.ImageFormat[_FORMATS[color_format]],
            depth_mode=pyk4a.DepthMode[settings.depth_mode],
            camera_fps=pyk4a.FPS[f"FPS_{settings.fps}"],
            # An image without its partner is better than none.
            synchronized_images_only=False,
        )

    def _capture(self, capture: Any) -> Capture:
        depth, color = capture.depth, capture.color
        infrared = capture.ir if self.infrared and depth is not None else None
        arrived = [
            time_ns
            for image, time_ns in (
                (depth, capture.depth_system_timestamp_nsec),
                (color, capture.color_system_timestamp_nsec if color is not None else 0),
            )
            if image is not None and time_ns
        ]
        now_ns = time.perf_counter_ns()
        # Some libraries stamp with another clock than the SDK's, which is this one.
        arrived = [time_ns for time_ns in arrived if 0 <= now_ns - time_ns < _OLDEST_NS]
        return Capture(
            host_ns=min(arrived, default=now_ns),
            depth_us=int(capture.depth_timestamp_usec) if depth is not None else 0,
            depth_mm=None if depth is None else np.array(depth, dtype=np.uint16),
            infrared=None if infrared is None else np.array(infrared, dtype=np.uint16),
            color_us=int(capture.color_timestamp_usec) if color is not None else 0,
            color=None if color is None else np.ascontiguousarray(color).tobytes(),
            imu=tuple(self._readings()),
        )

    def _readings(self) -> Iterator[ImuReading]:
        """Yield the inertial readings that wait."""
        while True:
            try:
                sample = self._device.get_imu_sample(timeout=0)
            except self._pyk4a.K4AException:  # nothing waits; a lost device shows at its images
                return
            if sample is None:
                return
            yield ImuReading(
                time_us=int(sample["acc_timestamp"]),
                acceleration_m_s2=tuple(sample["acc_sample"]),
                gyroscope_us=int(sample["gyro_timestamp"]),
                angular_velocity_rad_s=tuple(sample["gyro_sample"]),
            )


def load_pyk4a(library: str | None = None) -> Any:
    """Import pyk4a, on top of another libk4a where one is named.

    Args:
        library: Path of a libk4a, such as Orbbec's; None: as AURALIZE_K4A_LIBRARY says, or pyk4a's
            own.

    Raises:
        DependencyError: One of them cannot be loaded.
    """
    # libk4a prints what it thinks went wrong; the errors raised here say it.
    os.environ.setdefault("K4A_ENABLE_LOG_TO_STDOUT", "0")
    library = library or os.environ.get(LIBRARY_VARIABLE)
    if library:
        try:
            # Symbols of a library that is loaded for all come before those that pyk4a brings.
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise DependencyError(
                f"{library} cannot be loaded ({error}). Name the libk4a of Orbbec's K4A wrapper, "
                "with the libraries beside it on LD_LIBRARY_PATH."
            ) from error
    if int(np.__version__.partition(".")[0]) >= 2 and find_spec("pyk4a") is not None:
        raise DependencyError(
            f"pyk4a works with NumPy 1 only, and NumPy {np.__version__} is installed: pip install "
            "'numpy<2', or record in an environment of its own (pip install 'auralize[kinect]')."
        )
    return optional("pyk4a", extra="kinect", purpose="Azure Kinect and Femto cameras")


def _why_not_there(count: int, index: int, sensors: list[UsbSensor] | None) -> str:
    """Say why the library finds no camera."""
    if count:
        return f"there are {count} cameras, counted from 0: no camera {index}."
    cameras = [sensor for sensor in sensors or () if sensor.is_camera]
    if not cameras:
        return (
            "no Azure Kinect or Femto is plugged in. Plug it into USB 3, with its power supply, or "
            "play a take: --simulated TAKE."
        )
    names = ", ".join(sorted({camera.name for camera in cameras}))
    if not all(camera.writable for camera in cameras):
        return f"{names}: plugged in, but this user may not open it: {UDEV_REMEDY}."
    if any(camera.vendor == "Orbbec" for camera in cameras):
        return (
            f"{names}: plugged in, but the libk4a in use does not know it. Name the one of "
            f"Orbbec's K4A wrapper with --k4a-library or {LIBRARY_VARIABLE}."
        )
    return (
        f"{names}: plugged in, but libk4a does not find a whole sensor. Use its own power supply "
        "and a USB 3 port, and plug it in again."
    )


def _why_not_open(sensors: list[UsbSensor] | None) -> str:
    """Say why a camera that is there does not open."""
    cameras = [sensor for sensor in sensors or () if sensor.is_camera]
    if cameras and not all(camera.writable for camera in cameras):
        return f"the camera may not be opened by this user: {UDEV_REMEDY}."
    return (
        "the camera is there but does not open: it is in use by another program (k4aviewer, "
        "another recording). Close that, or plug the camera in again."
    )
