"""The room around players and listener, and the air in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scenes.model import Number, Position, Positive, SceneModel


class Room(SceneModel):
    """A rectangular room with one reverberation time.

    A scene without a room is in the open (a free field). The renderer refuses scenes with a room
    for as long as it cannot render one: it never leaves the room out silently.
    """

    shape: Literal["shoebox"] = "shoebox"
    """A rectangular room; its walls are parallel to the world's axes."""

    size_m: Annotated[
        tuple[Positive, Positive, Positive],
        Field(description="Length (x), width (y) and height (z) in metres."),
    ]

    floor_center_m: Position = (0.0, 0.0, 0.0)
    """Where the middle of the floor lies, world coordinates [x, y, z] in metres."""

    rt60_s: Annotated[Number, Field(gt=0, le=30)]
    """Seconds in which the sound falls by 60 dB."""


class Medium(SceneModel):
    """The air: it sets the speed of sound."""

    temperature_c: Annotated[Number, Field(ge=-50, le=60)] = 20.0
    """Degrees Celsius."""

    @property
    def speed_of_sound_m_s(self) -> float:
        """Speed of sound in dry air.

        Source: ISO 9613-1:1993, eq. (A.5): 343.2 m/s at 293.15 K, with the root of the absolute
        temperature; humidity changes it by less than 0.4 %.
        """
        return 343.2 * ((self.temperature_c + 273.15) / 293.15) ** 0.5
