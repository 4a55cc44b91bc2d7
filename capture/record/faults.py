"""Faults: what shall go wrong in a simulated recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, by default nothing.

    Attributes:
        drop_images: Share of the captures that get lost, from 0 to 1.
        unplug_camera_s: When the camera is unplugged.
        unplug_sound_s: When the sound device is unplugged.
        freeze_camera_s: When the camera gives nothing any more, without an error.
        clock_jump_s: When the camera's clock is set back to 0.
        xrun_every_s: How often the sound device loses samples.
        xrun_length_s: How much it loses each time.
        sound_drift_ppm: How much faster the sound device's clock runs.
        jitter_ms: Standard deviation of the host's times.
        late_times: Share of the host's times that are 50 ms late, from 0 to 1.
        disk_full_mb: Size at which the file can grow no more.
        seed: Draws what is random.
    """

    drop_images: float = 0.0
    unplug_camera_s: float | None = None
    unplug_sound_s: float | None = None
    freeze_camera_s: float | None = None
    clock_jump_s: float | None = None
    xrun_every_s: float | None = None
    xrun_length_s: float = 0.05
    sound_drift_ppm: float = 0.0
    jitter_ms: float = 0.0
    late_times: float = 0.0
    disk_full_mb: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("drop_images", "late_times"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, got {getattr(self, name)}.")
        if not abs(self.sound_drift_ppm) <= 5000:
            raise ValueError(
                f"sound_drift_ppm is at most 5000 either way, got {self.sound_drift_ppm}."
            )
        for name in ("xrun_every_s", "disk_full_mb"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}.")
        for name in ("xrun_length_s", "jitter_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}.")


FAULT_NAMES = tuple(field.name.replace("_", "-") for field in fields(Faults))
"""Names of the faults as a command line has them."""


def parse_faults(texts: Iterable[str]) -> Faults:
    """Return the faults that texts such as "drop-images=0.01" describe.

    Raises:
        ValueError: A name is unknown, or a value out of range.
    """
    faults = Faults()
    for text in texts:
        name, _, value = text.partition("=")
        if name not in FAULT_NAMES:
            raise ValueError(f"{name!r} is no fault; there are: {', '.join(FAULT_NAMES)}.")
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{text!r} needs a number: {name}=NUMBER.") from None
        field = name.replace("-", "_")
        given: dict[str, float | int] = {field: int(number) if field == "seed" else number}
        faults = replace(faults, **given)
    return faults
