"""The words for how a source radiates, which scene files may use."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from capture.instruments import canonical_instrument
from scenes.model import Number, misplaced

FirstOrder = Literal[
    "omni", "subcardioid", "cardioid", "supercardioid", "hypercardioid", "figure_eight"
]
FIRST_ORDER_SHAPES: dict[str, float] = {
    "omni": 0.0,
    "subcardioid": 0.3,
    "cardioid": 0.5,
    "supercardioid": 0.634,
    "hypercardioid": 0.75,
    "figure_eight": 1.0,
}
"""The part of a figure of eight in each pattern of the cardioid family."""

PatternInstrument = Literal[
    "violin",
    "viola",
    "cello",
    "double_bass",
    "guitar",
    "saxophone",
    "flute",
    "oboe",
    "clarinet",
    "bassoon",
    "horn",
    "trumpet",
    "trombone",
    "tuba",
    "voice",
]
PATTERN_INSTRUMENTS: tuple[str, ...] = get_args(PatternInstrument)
"""Instruments whose radiation is modelled."""

_WORDS = (*FIRST_ORDER_SHAPES, "instrument", *PATTERN_INSTRUMENTS)


def pattern_instrument(name: str) -> str:
    """Return the instrument of `PATTERN_INSTRUMENTS` that a name means, or the name itself."""
    try:
        return canonical_instrument(name)
    except ValueError:
        return name.strip().lower().replace("-", "_").replace(" ", "_")


def _checked(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Refuse anything else in one line."""
    try:
        return handler(value)
    except ValueError:
        close = difflib.get_close_matches(str(value), _WORDS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise misplaced(
            f"directivity must be one of {', '.join(_WORDS)}, or a number from 0 (omni) over 0.5 "
            f"(cardioid) to 1 (figure of eight), got {value!r}{hint.removesuffix('?')}"
        ) from None


Directivity = Annotated[
    FirstOrder | Literal["instrument"] | PatternInstrument | Annotated[Number, Field(ge=0, le=1)],
    WrapValidator(_checked),
]
"""A pattern of the cardioid family by name or number, or that of an instrument."""
