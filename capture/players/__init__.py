"""The players of a take: found, told apart where they touch, followed, faced, and corrected.

Names are imported when they are first used: finding needs scipy, reading corrections does not.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from capture.players.corrections import (
        NO_CORRECTIONS,
        Corrections,
        find_corrections,
        read_corrections,
    )
    from capture.players.facing import facing_yaw_rad
    from capture.players.finder import (
        DepthImages,
        FindConfig,
        Found,
        find_people,
        find_performers,
    )
    from capture.players.watch import WatchConfig, watch_performers

__all__ = [
    "NO_CORRECTIONS",
    "Corrections",
    "DepthImages",
    "FindConfig",
    "Found",
    "WatchConfig",
    "facing_yaw_rad",
    "find_corrections",
    "find_people",
    "find_performers",
    "read_corrections",
    "watch_performers",
]

_HOMES = {
    "Corrections": "capture.players.corrections",
    "DepthImages": "capture.players.finder",
    "FindConfig": "capture.players.finder",
    "Found": "capture.players.finder",
    "NO_CORRECTIONS": "capture.players.corrections",
    "WatchConfig": "capture.players.watch",
    "facing_yaw_rad": "capture.players.facing",
    "find_corrections": "capture.players.corrections",
    "find_people": "capture.players.finder",
    "find_performers": "capture.players.finder",
    "read_corrections": "capture.players.corrections",
    "watch_performers": "capture.players.watch",
}

__getattr__ = lazy(__name__, _HOMES)
