"""take.json: what a take folder holds, written by the recorder and the simulator, edited by hand.

A folder with take.mkv, audio.wav and this file is a take:

    {
      "format": "auralize-take-1",
      "name": "quartet",
      "recording": "take.mkv",
      "audio": "audio.wav",
      "clock": {"offset_s": 0.0, "drift_ppm": 0.0},
      "microphones": [{"channel": 0, "role": "center"}]
    }
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from capture.clock import ClockFit
from capture.errors import FileFormatError
from capture.files.atomic import atomic_path
from capture.pose import Pose

if TYPE_CHECKING:
    from capture.sync import SyncFit

TAKE_FILE = "take.json"
RECORDING = "take.mkv"
"""Name of the recording in folders that Auralize writes."""

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Vector = tuple[_Number, _Number, _Number]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockEntry(_Model):
    """Sound time = offset_s + (1 + drift_ppm · 1e-6) · camera time + wander."""

    offset_s: _Number = Field(
        default=0.0, description="Time in the sound file when the images' recording starts."
    )
    drift_ppm: float = Field(
        default=0.0, gt=-10_000, lt=10_000, description="How much faster the sound's clock runs."
    )

    wander: tuple[tuple[_Number, _Number], ...] = Field(
        default=(),
        description="What the line leaves: pairs of camera time and seconds to add, straight in "
        "between.",
    )
    source: Literal["stated", "stamps", "clap"] = Field(
        default="stated",
        description="stamps: fitted to when images and sound arrived while recording; clap: "
        "corrected by a clap that is seen and heard; stated: by hand.",
    )
    error_ms: float | None = Field(
        default=None, ge=0, description="Standard error of the fit at its largest."
    )
    jumps: tuple[tuple[_Number, _Number], ...] = Field(
        default=(),
        description="Where a clock jumped: camera time, and by how many seconds the sound fell "
        "behind. The wander holds them already.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.fit()
        return self

    def fit(self) -> ClockFit:
        """Return the entry as a ClockFit."""
        return ClockFit(offset_s=self.offset_s, drift=self.drift_ppm * 1e-6, wander=self.wander)

    @classmethod
    def of(cls, fit: SyncFit) -> Self:
        """Return the entry for what time stamps gave."""
        return cls.of_clock(
            fit.clock,
            source="stamps",
            error_ms=round(1e3 * fit.error_s, 3),
            jumps=tuple((round(at, 3), round(height, 4)) for at, height in fit.jumps),
        )

    @classmethod
    def of_clock(
        cls,
        clock: ClockFit,
        *,
        source: Literal["stated", "stamps", "clap"] = "stated",
        error_ms: float | None = None,
        jumps: tuple[tuple[float, float], ...] = (),
    ) -> Self:
        """Return the entry for a clock fit."""
        return cls(
            offset_s=clock.offset_s,
            drift_ppm=round(clock.drift * 1e6, 5),
            wander=clock.wander,
            source=source,
            error_ms=error_ms,
            jumps=jumps,
        )


class MicrophoneEntry(_Model):
    """One channel of the sound file."""

    channel: int = Field(ge=0, description="Counted from 0.")
    role: Literal["center", "ring", "other"] = Field(
        description="Stems are separated from the center microphone."
    )
    position_m: _Vector | None = Field(
        default=None,
        description="In the depth camera's frame turned to world axes: x front, y left, z up.",
    )


class PoseEntry(_Model):
    """A position and an orientation (a quaternion, w first)."""

    position_m: _Vector
    orientation_wxyz: tuple[_Number, _Number, _Number, _Number]

    def pose(self) -> Pose:
        """Return the entry as a Pose."""
        return Pose(
            position_m=np.array(self.position_m), orientation_wxyz=np.array(self.orientation_wxyz)
        )


class FramesEntry(_Model):
    """PLY files in place of a recording."""

    folder: str = Field(default=".", description="Beside take.json.")
    rate_hz: float | None = Field(
        default=None, gt=0, description="Files a second, where there is no frames.csv."
    )
    axes: Literal["camera", "world"] = Field(
        default="camera",
        description="camera: X right, Y down, Z forward; world: x front, y left, z up, z = 0 is "
        "the floor.",
    )
    unit_m: float = Field(default=1.0, gt=0, description="0.001 where positions are millimetres.")


class GapEntry(_Model):
    """A stretch of a recording in which something is missing."""

    what: Literal["depth", "color", "sound"] = Field(
        description="Sound has silence there; images are not there."
    )
    start_s: _Number = Field(description="By the camera's clock, from the recording's start.")
    length_s: _Number


class RecordedEntry(_Model):
    """How a take was recorded, and what got lost. Written by the recorder."""

    finished: bool = Field(description="False while it is recorded, and after a crash.")
    started: str = Field(default="", description="Date and time, UTC.")
    camera: str = Field(default="", description="Name of the camera.")
    sound: str | None = Field(default=None, description="Name of the sound device.")
    fault: str | None = Field(default=None, description="What ended it, where nobody asked to.")
    depth_images: int = 0
    depth_missing: int = Field(default=0, description="By the gaps between those that came.")
    color_images: int = 0
    color_missing: int = 0
    late_images: int = Field(default=0, description="Came too late or twice: not in the file.")
    dropped_captures: int = Field(
        default=0, description="Given up because the disk was too slow; missing above, too."
    )
    imu_readings: int = 0
    camera_clock_jumps: int = Field(default=0, description="Straightened by the host's clock.")
    sound_samples: int = Field(default=0, description="Of each channel, silence counted.")
    sound_missing_samples: int = Field(default=0, description="Of them, silence in gaps.")
    sound_overflows: int = Field(default=0, description="Reported by the device (xruns).")
    gaps: tuple[GapEntry, ...] = Field(default=(), description="The first 200 of each kind.")

    @property
    def lost(self) -> str | None:
        """A sentence about what is missing, None where nothing is."""
        parts = [
            text
            for count, text in (
                (self.depth_missing, f"{self.depth_missing} depth images"),
                (self.color_missing, f"{self.color_missing} color images"),
                (
                    self.sound_missing_samples,
                    f"{self.sound_missing_samples} samples of sound (now silence)",
                ),
            )
            if count
        ]
        return f"missing: {', '.join(parts)}" if parts else None


class TakeFile(_Model):
    """The content of take.json."""

    format: Literal["auralize-take-1"] = "auralize-take-1"
    name: str | None = Field(default=None, description="Default: the folder's name.")
    recording: str | None = Field(default=None, description="A K4A MKV beside take.json.")
    frames: FramesEntry | None = Field(default=None, description="PLY files in its place.")
    audio: str | None = Field(
        default=None,
        description="A sound file beside take.json. Default: the recording's AUDIO track.",
    )
    clock: ClockEntry | None = Field(
        default=None, description="Default: both start together and run alike."
    )
    microphones: tuple[MicrophoneEntry, ...] = Field(
        default=(), description="Default: channel 0 is the center microphone."
    )
    world_from_camera: PoseEntry | None = Field(
        default=None,
        description="The pose of the depth camera's frame (X right, Y down, Z forward) in the "
        "world. Default: found from the inertial sensor and the floor.",
    )
    recorded: RecordedEntry | None = Field(
        default=None, description="How it was recorded, where Auralize recorded it."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.recording is None) == (self.frames is None):
            raise ValueError("a take has either a recording or frames")
        centers = [m.channel for m in self.microphones if m.role == "center"]
        if self.microphones and len(centers) != 1:
            raise ValueError(f"one microphone has the role center, got {len(centers)}")
        channels = [m.channel for m in self.microphones]
        if len(set(channels)) != len(channels):
            raise ValueError("two microphones have the same channel")
        return self

    @property
    def center_channel(self) -> int:
        """The channel of the center microphone."""
        return next((m.channel for m in self.microphones if m.role == "center"), 0)


def read_take_file(path: str | os.PathLike[str]) -> TakeFile:
    """Read a take.json.

    Raises:
        FileFormatError: It is missing or wrong; the message names the key.
    """
    try:
        return TakeFile.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise FileFormatError(f"{path}: {where}: {first['msg']}. Correct it.") from error


def write_take_file(path: str | os.PathLike[str], take_file: TakeFile) -> None:
    """Write a take.json.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as temporary:
        text = take_file.model_dump_json(indent=2, exclude_none=True)
        temporary.write_text(text + "\n", encoding="utf-8")


def take_file_schema() -> dict[str, Any]:
    """Return the JSON Schema of take.json."""
    schema = TakeFile.model_json_schema()
    return json.loads(
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema)
    )
