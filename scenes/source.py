"""A source: one stem of sound at a place, standing or moving."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Float64
from pydantic import Field, model_validator

from scenes.directivity_names import PATTERN_INSTRUMENTS, Directivity, pattern_instrument
from scenes.model import (
    Decibels,
    Degrees,
    Integer,
    Length,
    NotNegative,
    Position,
    SceneModel,
    Switch,
    Text,
    Time,
    check_times,
    misplaced,
)


class SourceKeyframe(SceneModel):
    """Where a source is at one time."""

    time_s: Time
    """Seconds from the start of the scene."""

    position_m: Position
    """World coordinates [x, y, z] in metres: x front, y left, z up."""

    yaw_deg: Degrees | None = None
    """Where the player faces, anticlockwise from +x; in between it turns along the shorter arc.
    Viewers show it, and a source with a directivity radiates that way."""


class Source(SceneModel):
    """One stem of sound at a place, standing or moving."""

    name: Annotated[Text, Field(max_length=200)]
    """What people call the source; each name occurs once."""

    file: Text
    """Sound file (WAV, FLAC, Ogg), relative to the scene file."""

    channel: Annotated[Integer, Field(ge=1)] = 1
    """Channel of the sound file, counted from 1."""

    gain_db: Decibels = 0.0
    """Level in decibels, on top of the distance law."""

    reference_distance_m: Length = 1.0
    """Distance at which the source sounds as loud as its file; it falls by 6 dB per doubling."""

    position_m: Position | None = None
    """World coordinates [x, y, z] in metres of a source that stands still."""

    keyframes: Annotated[tuple[SourceKeyframe, ...], Field(min_length=1)] | None = None
    """Where a moving source is at increasing times; before and after, the ends hold."""

    interpolation: Literal["linear", "smooth"] = "linear"
    """Between keyframes: straight lines, or a smooth curve that does not overshoot (PCHIP)."""

    yaw_deg: Degrees | None = None
    """Where a player who stands still faces, anticlockwise from +x (see keyframes)."""

    directivity: Directivity = "omni"
    """How the source radiates: omni (equally in all directions), another of the cardioid family by
    name or by a number from 0 (omni) over 0.5 (cardioid) to 1 (figure of eight), an instrument's
    pattern, or `instrument` for the pattern of the source's own instrument. Straight ahead, where
    the player faces, the source always sounds as its file; a source that has a directivity and no
    yaw_deg faces the place where the listener is at the start."""

    extent_m: Annotated[NotNegative, Field(le=100)] = 0.0
    """Width of a source that is a body and no point (a piano, a choir): what is heard of it comes
    from across this width. Its level stays the same."""

    propagation_delay: Switch | None = None
    """Whether its sound takes its time on the way, with Doppler shift where something moves; else
    as the medium says."""

    instrument: Text | None = None
    """What is played: violin, viola, cello, double_bass, guitar, saxophone, or any other word."""

    performer: Text | None = None
    """Who is seen where the source is heard: the folder of a take's performers and behind it the
    name of one (performers/performer-1), relative to the scene file. Viewers and exports show the
    point clouds, which go where the source goes."""

    start_s: Time = 0.0
    """When the sound file starts, in seconds from the start of the scene."""

    mute: Switch = False
    """Leave the source out."""

    solo: Switch = False
    """Where any source is solo, only those that are solo (and not muted) sound."""

    note: Text | None = None
    """A remark for people, such as where the position came from."""

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if (self.position_m is None) == (self.keyframes is None):
            given = "both are" if self.keyframes is not None else "neither is"
            raise ValueError(
                "a source needs either position_m (stands still) or keyframes (moves), and "
                f"{given} given"
            )
        if self.keyframes is not None:
            if self.yaw_deg is not None:
                raise misplaced(
                    "yaw_deg of a source that moves belongs into its keyframes", "yaw_deg"
                )
            check_times([key.time_s for key in self.keyframes])
        return self

    @model_validator(mode="after")
    def _known_pattern(self) -> Source:
        if self.directivity == "instrument" and self.pattern not in PATTERN_INSTRUMENTS:
            raise misplaced(
                "directivity: instrument needs an instrument whose radiation is known "
                f"({', '.join(PATTERN_INSTRUMENTS)}), got {self.instrument!r}",
                "directivity",
            )
        return self

    @property
    def pattern(self) -> str | float:
        """How the source radiates, with the instrument in the place of the word `instrument`."""
        if self.directivity == "instrument":
            return pattern_instrument(self.instrument or "")
        return self.directivity

    @property
    def moves(self) -> bool:
        """Whether the position changes over time."""
        keys = self.keyframes
        return keys is not None and any(key.position_m != keys[0].position_m for key in keys)

    @property
    def turns(self) -> bool:
        """Whether it faces different ways over time."""
        yaws = {key.yaw_deg for key in self.keyframes or () if key.yaw_deg is not None}
        return len(yaws) > 1

    def positions_at(self, times_s: Float[np.ndarray, "T"]) -> Float64[np.ndarray, "T 3"]:
        """Return the world positions in metres at many times of the scene."""
        return self.path()(np.asarray(times_s, dtype=np.float64))

    def path(self) -> Callable[[Float64[np.ndarray, "T"]], Float64[np.ndarray, "T 3"]]:
        """Return the function from times to positions, for those who call it many times."""
        if self.keyframes is None:
            place = np.array(self.position_m, dtype=np.float64)
            return lambda times: np.tile(place, (len(times), 1))
        keys = np.array([key.time_s for key in self.keyframes])
        positions = np.array([key.position_m for key in self.keyframes], dtype=np.float64)
        if self.interpolation == "smooth" and len(keys) > 2:
            from scipy.interpolate import PchipInterpolator

            curve = PchipInterpolator(keys, positions)
            return lambda times: curve(np.clip(times, keys[0], keys[-1]))
        return lambda times: np.stack(
            [np.interp(times, keys, axis) for axis in positions.T], axis=1
        )

    def yaw(self) -> Callable[[Float64[np.ndarray, "T"]], Float64[np.ndarray, "T"]] | None:
        """Return the function from times to where it faces in radians; None if nothing says so.

        It turns along the shorter arc between the keyframes that have a yaw; the ends hold.
        """
        if self.keyframes is None:
            return None if self.yaw_deg is None else _constant(math.radians(self.yaw_deg))
        facing = [(key.time_s, key.yaw_deg) for key in self.keyframes if key.yaw_deg is not None]
        if not facing:
            return None
        times, degrees = np.array(facing).T
        yaws = np.unwrap(np.radians(degrees))
        return lambda at: np.interp(at, times, yaws)


def _constant(value: float) -> Callable[[Float64[np.ndarray, "T"]], Float64[np.ndarray, "T"]]:
    return lambda times: np.full(len(times), value)
