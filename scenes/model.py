"""What the parts of a scene have in common: checked numbers, vectors and the model base.

Every part is frozen and refuses unknown keys, so a misspelt word is an error and never silently
ignored. A number that is not finite is refused, and text never stands for a number.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError


def _plain(value: Any) -> Any:
    """Let NumPy arrays and scalars stand for lists and numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


Number = Annotated[float, Strict(), BeforeValidator(_plain)]
"""A finite number; integers are taken, text and booleans are not."""

Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Degrees = Annotated[Number, Field(ge=-360, le=360)]
Decibels = Annotated[Number, Field(ge=-120, le=60)]
Time = Annotated[Number, Field(ge=0, le=1e6)]
Length = Annotated[Number, Field(gt=0, le=1e5)]
Coordinate = Annotated[Number, Field(ge=-10_000, le=10_000)]

Position = Annotated[tuple[Coordinate, Coordinate, Coordinate], BeforeValidator(_plain)]
"""World coordinates [x, y, z] in metres: x front, y left, z up."""

Integer = Annotated[int, Strict(), BeforeValidator(_plain)]
Switch = Annotated[bool, Strict()]
Text = Annotated[str, Field(min_length=1, max_length=4096)]


class SceneModel(BaseModel):
    """Base of every part of a scene: frozen, no unknown keys, no NaN, described by docstrings."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )


def misplaced(reason: str, *place: str | int) -> PydanticCustomError:
    """Return the error of a check over several values, with the value inside that is to blame."""
    return PydanticCustomError("misplaced", "{reason}", {"reason": reason, "place": place})


def check_times(times_s: list[float]) -> None:
    """Refuse keyframes that are out of order.

    Raises:
        PydanticCustomError: Two neighbours do not increase.
    """
    for index, (before, after) in enumerate(itertools.pairwise(times_s), start=1):
        if after <= before:
            raise misplaced(
                f"the times of keyframes must increase, but {after:g} s follows {before:g} s",
                *("keyframes", index, "time_s"),
            )
