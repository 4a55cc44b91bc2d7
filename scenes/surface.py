"""What a room's surfaces are made of: absorption and scattering per octave band."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from scenes.model import Number, Positive, SceneModel, Text

OCTAVE_BANDS_HZ = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
"""Centers of the octave bands that surfaces and reverberation times are given in."""

WALLS = ("floor", "ceiling", "front", "back", "left", "right")
"""The walls of a box: z low and high, x high (front) and low, y high (left) and low."""

# Names that start with ~ tell which kind of a union a value is; errors leave them out.
_NUMBER, _BANDS, _NAME, _SURFACE, _WALLS = "~number", "~bands", "~name", "~Surface", "~Walls"


def _number_or_bands(value: Any) -> str:
    return _BANDS if isinstance(value, list | tuple) or hasattr(value, "tolist") else _NUMBER


def _name_or_surface(value: Any) -> str:
    return _SURFACE if isinstance(value, dict | SceneModel) else _NAME


def _kind_of_surfaces(value: Any) -> str:
    if isinstance(value, Walls):
        return _WALLS
    if isinstance(value, dict) and not value.keys() & Surface.model_fields.keys():
        return _WALLS
    return _name_or_surface(value)


Share = Annotated[Number, Field(ge=0, le=1)]
ShareBands = tuple[Share, Share, Share, Share, Share, Share, Share]
SharePerBand = Annotated[
    Annotated[Share, Tag(_NUMBER)] | Annotated[ShareBands, Tag(_BANDS)],
    Discriminator(_number_or_bands),
]
"""A share from 0 to 1: one number, or one for each octave band (125 Hz … 8 kHz)."""

DecayTime = Annotated[Positive, Field(le=30)]
DecayTimeBands = tuple[DecayTime, DecayTime, DecayTime, DecayTime, DecayTime, DecayTime, DecayTime]
DecayTimePerBand = Annotated[
    Annotated[DecayTime, Tag(_NUMBER)] | Annotated[DecayTimeBands, Tag(_BANDS)],
    Discriminator(_number_or_bands),
]
"""Seconds: one number, or one for each octave band (125 Hz … 8 kHz)."""


class Surface(SceneModel):
    """A material that no library has, by its numbers."""

    absorption: SharePerBand
    """Share of the energy that is not reflected, 0 to 1: one number, or seven (125 Hz … 8 kHz)."""

    scattering: SharePerBand = 0.05
    """Share of the reflected energy that goes elsewhere than a mirror would send it, 0 to 1."""


Material = Annotated[
    Annotated[Text, Tag(_NAME)] | Annotated[Surface, Tag(_SURFACE)],
    Discriminator(_name_or_surface),
]
"""A material by its name in the library, or by its numbers."""


class Walls(SceneModel):
    """The materials of a box, wall by wall."""

    floor: Material | None = None
    """The floor (z low)."""

    ceiling: Material | None = None
    """The ceiling (z high)."""

    front: Material | None = None
    """The wall at high x."""

    back: Material | None = None
    """The wall at low x."""

    left: Material | None = None
    """The wall at high y."""

    right: Material | None = None
    """The wall at low y."""

    others: Material | None = None
    """All walls that are not named."""

    @model_validator(mode="after")
    def _all_walls(self) -> Walls:
        missing = [name for name in WALLS if getattr(self, name) is None]
        if missing and self.others is None:
            raise ValueError(f"no material for {', '.join(missing)}; name them, or give others")
        return self

    @property
    def materials(self) -> tuple[str | Surface, ...]:
        """The materials in the order of `WALLS`."""
        named = (self.floor, self.ceiling, self.front, self.back, self.left, self.right)
        return tuple(wall or self.others or "" for wall in named)


Surfaces = Annotated[
    Annotated[Text, Tag(_NAME)] | Annotated[Surface, Tag(_SURFACE)] | Annotated[Walls, Tag(_WALLS)],
    Discriminator(_kind_of_surfaces),
]
"""One material for all walls, or materials wall by wall."""


def per_band(value: float | tuple[float, ...]) -> tuple[float, ...]:
    """Return seven values for one number or seven."""
    return value if isinstance(value, tuple) else (float(value),) * len(OCTAVE_BANDS_HZ)
