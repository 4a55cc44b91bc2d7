"""The microphones of the array: where they are, and finding it out from sounds of known places."""

from capture.microphones.geometry import (
    AZURE_KINECT,
    CENTER_CHANNEL,
    MicrophoneGeometry,
    device_places,
    microphone_positions,
)

__all__ = [
    "AZURE_KINECT",
    "CENTER_CHANNEL",
    "MicrophoneGeometry",
    "device_places",
    "microphone_positions",
]
