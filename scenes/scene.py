"""The scene: sources around a listener, and what to make of them.

World frame: right-handed, x front, y left, z up; metres, seconds. Degrees only in fields that end
in `_deg`. The scene is what a person edits as YAML (see `scene_file`) and what every renderer and
exporter reads.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenes.listener import Listener
from scenes.model import Integer, Number, Positive, SceneModel, Switch, Text, misplaced
from scenes.room import Medium, Room
from scenes.room_check import check_inside
from scenes.source import Source

SCENE_VERSION = 2
"""Version of the format; `migrations` brings older files up to it."""


class Output(SceneModel):
    """How renders are written."""

    sample_format: Literal["pcm16", "pcm24", "float32"] = "pcm24"
    """Samples of the files that are rendered: integers of 16 bits (with triangular dither) or 24,
    or floating point of 32."""

    loudness_lufs: Annotated[Number, Field(ge=-70, le=0)] | None = None
    """Integrated loudness (ITU-R BS.1770) to which a render is brought as a whole, as far as the
    true-peak limit lets it; without one, a render is as loud as its sources make it."""

    true_peak_limit_dbtp: Annotated[Number, Field(ge=-60, le=0)] = -1.0
    """A render that would peak higher is turned down as a whole, by a gain that is stated."""

    limit_true_peak: Switch = True
    """Off, with float32 only, a render keeps its level, and may go beyond full scale."""

    headphone_eq: Text | None = None
    """Equalisation of the headphones, applied to renders for headphones only: an impulse response
    (WAV, FLAC; one or two channels), or a ParametricEQ.txt or GraphicEQ.txt of AutoEq or Equalizer
    APO. Relative to the scene file."""

    ambisonic_order: Annotated[Integer, Field(ge=0, le=7)] = 1
    """Order of *.ambix.wav renders: (order + 1)² channels. The higher, the sharper."""

    ambisonic_convention: Literal["sn3d", "n3d", "fuma"] = "sn3d"
    """Order and weights of the channels of *.ambix.wav renders: sn3d is AmbiX (ACN, SN3D), n3d has
    the same channels with other weights, and fuma is the old B-format (Furse-Malham: W 3 dB lower,
    then X, Y, Z), to order 3."""

    @model_validator(mode="after")
    def _conventions_have_the_order(self) -> Output:
        if self.ambisonic_convention == "fuma" and self.ambisonic_order > 3:
            raise misplaced(
                "the convention fuma ends at order 3, and ambisonic_order is "
                f"{self.ambisonic_order}; take sn3d, or a lower order",
                "ambisonic_convention",
            )
        return self

    @model_validator(mode="after")
    def _integers_have_a_limit(self) -> Output:
        if not self.limit_true_peak and self.sample_format != "float32":
            raise misplaced(
                "limit_true_peak may only be off with sample_format float32, because integers "
                f"would clip; sample_format is {self.sample_format}",
                "limit_true_peak",
            )
        return self


class Scene(SceneModel):
    """Sources around a listener."""

    version: Literal[2] = SCENE_VERSION
    """Version of this format; a file without one is of the newest. Older ones are brought up to it
    when they are read."""

    title: Text = "Scene"
    """What people call the scene."""

    axes: Literal["x_front_y_left_z_up"] = "x_front_y_left_z_up"
    """The axes of all positions, right-handed. There are no others; this tells people and other
    programs."""

    units: Literal["m_s_hz_db_deg"] = "m_s_hz_db_deg"
    """The units, as the names of the keys say them: metres, seconds, hertz, decibels, degrees."""

    sample_rate_hz: Annotated[Integer, Field(ge=8000, le=384_000)]
    """Rate of the render, which every sound file must have (nothing is resampled silently). In a
    file it may be left out where all sound files have the same."""

    duration_s: Annotated[Positive, Field(le=86_400)] | None = None
    """Length of the render; else it ends with the last sound."""

    listener: Listener = Listener()
    """Where the head is and how it is turned."""

    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    """What sounds, and where."""

    room: Room | None = None
    """The room; without one, the scene is in the open."""

    medium: Medium = Medium()
    """The air: it sets the speed of sound."""

    output: Output = Output()
    """How renders are written."""

    seed: Annotated[Integer, Field(ge=0, le=2**32 - 1)] = 0
    """Another number gives other noise in the late part of a room, and sounds alike."""

    provenance: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Where the scene came from, for people and receipts: take, model, versions."""

    @model_validator(mode="after")
    def _names_differ(self) -> Scene:
        seen: set[str] = set()
        for index, source in enumerate(self.sources):
            if source.name in seen:
                raise misplaced(
                    f"each source needs a name of its own, but {source.name!r} is taken",
                    *("sources", index, "name"),
                )
            seen.add(source.name)
        return self

    @model_validator(mode="after")
    def _everybody_inside(self) -> Scene:
        if self.room is not None and self.room.size_m is not None:
            check_inside(self.room, self.listener, self.sources)
        return self

    @property
    def heard_sources(self) -> tuple[Source, ...]:
        """The sources that sound: those that are solo if any is, without those that are muted."""
        solo = any(source.solo for source in self.sources)
        return tuple(
            source for source in self.sources if not source.mute and (source.solo or not solo)
        )
