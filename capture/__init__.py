"""Sensors and recordings: takes, point clouds, performers, and the types that flow.

Names are imported when they are first used, so that a command that only prints its help does not
wait for torch or scipy.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from capture.camera.calibration import Calibration
    from capture.errors import AuralizeError
    from capture.instruments import INSTRUMENTS
    from capture.k4a_mkv import K4ARecording, K4AWriter
    from capture.performer import (
        Performer,
        Visitor,
        read_performers,
        read_visitors,
        with_instruments,
        write_performers,
    )
    from capture.players import (
        Corrections,
        FindConfig,
        find_people,
        find_performers,
        read_corrections,
    )
    from capture.point_cloud import PointCloud, read_ply, write_ply
    from capture.pose import Pose, Trajectory
    from capture.take import Take, open_take
    from capture.waveform import Waveform, read_waveform, write_waveform

__all__ = [
    "INSTRUMENTS",
    "AuralizeError",
    "Calibration",
    "Corrections",
    "FindConfig",
    "K4ARecording",
    "K4AWriter",
    "Performer",
    "PointCloud",
    "Pose",
    "Take",
    "Trajectory",
    "Visitor",
    "Waveform",
    "find_people",
    "find_performers",
    "open_take",
    "read_corrections",
    "read_performers",
    "read_ply",
    "read_visitors",
    "read_waveform",
    "with_instruments",
    "write_performers",
    "write_ply",
    "write_waveform",
]

_HOMES = {
    "AuralizeError": "capture.errors",
    "Calibration": "capture.camera.calibration",
    "Corrections": "capture.players.corrections",
    "FindConfig": "capture.players.finder",
    "INSTRUMENTS": "capture.instruments",
    "K4ARecording": "capture.k4a_mkv",
    "K4AWriter": "capture.k4a_mkv",
    "Performer": "capture.performer",
    "PointCloud": "capture.point_cloud",
    "Pose": "capture.pose",
    "Take": "capture.take",
    "Trajectory": "capture.pose",
    "Visitor": "capture.performer",
    "Waveform": "capture.waveform",
    "find_people": "capture.players.finder",
    "find_performers": "capture.players.finder",
    "open_take": "capture.take",
    "read_corrections": "capture.players.corrections",
    "read_performers": "capture.performer",
    "read_ply": "capture.point_cloud",
    "read_visitors": "capture.performer",
    "read_waveform": "capture.waveform",
    "with_instruments": "capture.performer",
    "write_performers": "capture.performer",
    "write_ply": "capture.point_cloud",
    "write_waveform": "capture.waveform",
}

__getattr__ = lazy(__name__, _HOMES)
