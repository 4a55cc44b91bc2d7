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


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneGeometry:
    """A ring of microphones around one, in the frame of a level camera.

    Attributes:
        ring_count: Microphones on the ring: channels 1 … ring_count, anticlockwise seen from above.
        radius_m: Radius of the ring.
        rotation_rad: Azimuth of channel 1, anticlockwise from the direction in which the camera
            looks.
        offset_m: From the depth camera to the middle: front, left, up along the camera's axes.
    """

    ring_count: int = 6
    radius_m: float = 0.04
    rotation_rad: float = 0.0
    offset_m: tuple[float, float, float] = (-0.02, 0.0, 0.02)

    def __post_init__(self) -> None:
        if self.ring_count < 0 or not (np.isfinite(self.radius_m) and self.radius_m > 0):
            raise ValueError(
                "ring_count must not be negative and radius_m must be positive, got "
                f"{self.ring_count} and {self.radius_m}."
            )
        numbers = (self.rotation_rad, *self.offset_m)
        if len(self.offset_m) != 3 or not np.isfinite(numbers).all():
            raise ValueError(f"rotation_rad and the three offset_m must be finite, got {numbers}.")


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
    azimuths = geometry.rotation_rad + 2 * np.pi * np.arange(geometry.ring_count) / max(
        geometry.ring_count, 1
    )
    ring = np.stack([np.cos(azimuths), np.sin(azimuths), np.zeros_like(azimuths)], axis=1)
    on_device = np.concatenate([np.zeros((1, 3)), geometry.radius_m * ring])
    on_device = on_device + np.asarray(geometry.offset_m, dtype=np.float64)
    return world_from_camera.transform(camera_from_world_axes(on_device))
