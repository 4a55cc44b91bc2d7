"""RecordSettings: how long and how carefully to record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """How to record.

    Attributes:
        seconds: Length, None until somebody asks to stop.
        keep_going: Whether the other device records on when one is lost.
        inbox_bytes: Memory for what waits for the disk.
        disk_reserve_bytes: Room that is left on the disk: with less, the recording ends.
        first_image_s: How long to wait for the first image.
        silence_s: How long a device may give nothing before it counts as lost.
        status_s: Between two looks at the recording.
    """

    seconds: float | None = None
    keep_going: bool = False
    inbox_bytes: int = 256_000_000
    disk_reserve_bytes: int = 64_000_000
    first_image_s: float = 10.0
    silence_s: float = 5.0
    status_s: float = 0.5
