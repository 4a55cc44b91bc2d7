"""Where the microphones of the array are.

The Azure Kinect has one microphone in the middle and six around it, in a plane parallel to the
device's base. No published source gives their place relative to the depth camera, and those that
give a radius differ (28 to 42 mm), so that the geometry is data: a default, and fields to change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from capture.axes import camera_from_world_axes
from capture.pose import Pose

CENTER_CHANNEL = 0
"""Channel of the microphone in the middle."""
_ALONG = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneGeometry:
    """A ring of microphones around one, in the frame of a level camera.

    Attributes:
        ring_count: Microphones on the ring: channels 1 … ring_count, anticlockwise about the axis.
        radius_m: Radius of the ring.
        rotation_rad: Azimuth of channel 1, anticlockwise about the axis from the direction in which
            the camera looks.
        offset_m: From the depth camera to the middle: front, left, up along the camera's axes.
        axis: Of the ring, as front, left, up: (0, 0, 1) is up; (0, 0, -1) is a ring whose channels
            run clockwise seen from above.
    """

    ring_count: int = 6
    radius_m: float = 0.04
    rotation_rad: float = 0.0
    offset_m: tuple[float, float, float] = (-0.02, 0.0, 0.02)
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        if self.ring_count < 0 or not (np.isfinite(self.radius_m) and self.radius_m > 0):
            raise ValueError(
                "ring_count must not be negative and radius_m must be positive, got "
                f"{self.ring_count} and {self.radius_m}."
            )
        numbers = (self.rotation_rad, *self.offset_m)
        if len(self.offset_m) != 3 or not np.isfinite(numbers).all():
            raise ValueError(f"rotation_rad and the three offset_m must be finite, got {numbers}.")
        if len(self.axis) != 3 or not np.isfinite(self.axis).all() or not any(self.axis):
            raise ValueError(f"axis must be three finite numbers, not all 0, got {self.axis}.")

    @property
    def channel_count(self) -> int:
        """The one in the middle and those of the ring."""
        return self.ring_count + 1

    def on_device_m(self) -> Float64[np.ndarray, "channels 3"]:
        """Return the places as front, left, up of the depth camera, channel 0 in the middle."""
        up = np.asarray(self.axis, dtype=np.float64)
        up = up / np.linalg.norm(up)
        looks = np.array([1.0, 0.0, 0.0])
        # A ring about the direction of view starts at the top.
        front = np.array([0.0, 0.0, 1.0]) if abs(up @ looks) > _ALONG else looks
        front = front - (front @ up) * up
        front /= np.linalg.norm(front)
        angles = self.rotation_rad + 2 * np.pi * np.arange(self.ring_count) / max(
            self.ring_count, 1
        )
        ring = np.outer(np.cos(angles), front) + np.outer(np.sin(angles), np.cross(up, front))
        places = np.concatenate([np.zeros((1, 3)), self.radius_m * ring])
        return places + np.asarray(self.offset_m, dtype=np.float64)


AZURE_KINECT = MicrophoneGeometry()
"""One and six on a 40 mm ring, channel 1 to the front, 2 cm above and behind the depth camera."""


def microphone_positions(
    world_from_camera: Pose, geometry: MicrophoneGeometry = AZURE_KINECT
) -> Float64[np.ndarray, "channels 3"]:
    """Return the world position of every microphone, channel 0 in the middle.

    The array tilts with the camera.

    Args:
        world_from_camera: Pose of the depth camera, whose axes are X right, Y down, Z forward.
        geometry: Where the microphones are on the device.
    """
    return world_from_camera.transform(camera_from_world_axes(geometry.on_device_m()))


def device_places(geometry: MicrophoneGeometry) -> list[tuple[float, float, float]]:
    """Return the places as take.json states them: front, left, up of the depth camera."""
    return [(float(x), float(y), float(z)) for x, y, z in np.round(geometry.on_device_m(), 6)]
