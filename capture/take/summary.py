"""What a take holds, in figures and lines, without decoding an image."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from capture.take import Take
from capture.take.take_file import RecordedEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSummary:
    """A take in figures.

    Attributes:
        name: Of the take.
        duration_s: Of the sound, or of the images where there is none.
        images: Number of depth images or point clouds.
        first_image_s: When the first one was taken, on the sound's timeline.
        last_image_s: When the last one was.
        rate_hz: Images a second, by the median of the steps between them; 0 for one image.
        longest_step_s: The longest time without an image.
        depth_mode: Such as NFOV_UNBINNED, None for point clouds.
        color_mode: Such as MJPG_720P, None where color is off.
        channels: Of the sound, 0 where there is none.
        sample_rate_hz: Of the sound, 0 where there is none.
        clock: How the images' clock was moved onto the sound's.
        recorded: How it was recorded and what got lost, None where nothing says so.
        warnings: What is odd, one sentence each.
    """

    name: str
    duration_s: float
    images: int
    first_image_s: float
    last_image_s: float
    rate_hz: float
    longest_step_s: float
    depth_mode: str | None
    color_mode: str | None
    channels: int
    sample_rate_hz: int
    clock: str
    recorded: RecordedEntry | None
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        recorded = None if self.recorded is None else self.recorded.model_dump(mode="json")
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "recorded": recorded
        }

    def lines(self) -> list[tuple[str, str]]:
        """Return a name and a text for each line that a person reads."""
        cameras = "point clouds"
        if self.depth_mode is not None:
            cameras = f"depth {self.depth_mode}, color {self.color_mode or 'off'}"
        sound = "none"
        if self.channels:
            channels = "1 channel" if self.channels == 1 else f"{self.channels} channels"
            sound = f"{channels} at {self.sample_rate_hz} Hz, {self.duration_s:.2f} s"
        return [
            ("name", self.name),
            (
                "images",
                f"{self.images} from {self.first_image_s:.2f} s to {self.last_image_s:.2f} s, "
                f"{self.rate_hz:.2f} a second, longest step {1e3 * self.longest_step_s:.0f} ms",
            ),
            ("cameras", cameras),
            ("sound", sound),
            ("clock", self.clock),
            *self._how_it_was_recorded(),
        ]

    def _how_it_was_recorded(self) -> list[tuple[str, str]]:
        entry = self.recorded
        if entry is None:
            return []
        state = entry.lost or "nothing missing"
        if not entry.finished:
            state = "not finished"
        lines = [
            ("camera", entry.camera),
            ("microphones", entry.sound or "none"),
            ("recorded", f"{entry.started or 'at an unknown time'}, {state}"),
        ]
        if entry.fault is not None:
            lines.append(("ended by", entry.fault))
        return lines


def summarize_take(take: Take) -> TakeSummary:
    """Return a take in figures."""
    steps_s = np.diff(take.times_s)
    calibration = take.calibration
    return TakeSummary(
        name=take.name,
        duration_s=take.duration_s,
        images=len(take.times_s),
        first_image_s=float(take.times_s[0]),
        last_image_s=float(take.times_s[-1]),
        rate_hz=float(1 / np.median(steps_s)) if len(steps_s) else 0.0,
        longest_step_s=float(steps_s.max()) if len(steps_s) else 0.0,
        depth_mode=calibration.depth_mode if calibration else None,
        color_mode=calibration.color_mode if calibration else None,
        channels=take.channel_count if take.has_sound else 0,
        sample_rate_hz=take.sample_rate_hz if take.has_sound else 0,
        clock=str(take.clock),
        recorded=take.recorded,
        warnings=take.warnings,
    )
