"""Recording: cameras and microphones → take folders that survive what goes wrong.

Names are imported when they are first used: drivers need packages that not every machine has.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from capture.record.driver import CameraDriver, Capture, ImuReading, SoundBlock, SoundDriver
    from capture.record.faults import Faults
    from capture.record.repair import repair_take
    from capture.record.settings import RecordSettings
    from capture.record.simulated import simulated_devices
    from capture.record.status import RecordingStatus
    from capture.record.take_folder import fault_of, record_take

__all__ = [
    "CameraDriver",
    "Capture",
    "Faults",
    "ImuReading",
    "RecordSettings",
    "RecordingStatus",
    "SoundBlock",
    "SoundDriver",
    "fault_of",
    "record_take",
    "repair_take",
    "simulated_devices",
]

_HOMES = {
    "CameraDriver": "capture.record.driver",
    "Capture": "capture.record.driver",
    "Faults": "capture.record.faults",
    "ImuReading": "capture.record.driver",
    "RecordSettings": "capture.record.settings",
    "RecordingStatus": "capture.record.status",
    "SoundBlock": "capture.record.driver",
    "SoundDriver": "capture.record.driver",
    "fault_of": "capture.record.take_folder",
    "record_take": "capture.record.take_folder",
    "repair_take": "capture.record.repair",
    "simulated_devices": "capture.record.simulated",
}

__getattr__ = lazy(__name__, _HOMES)
