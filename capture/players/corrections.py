"""performers.yaml: what a person knows better than the finding of players.

    version: 1
    corrections:
      - merge: [performer-2, performer-3]     # one person, named as the first
      - split: performer-1                    # several persons: about where they are, x and y
        at_m: [[2.3, 0.5], [2.4, -0.2]]
        into: [left, right]
      - rename: performer-4
        to: first-violin
      - drop: performer-5                     # nobody
      - keep: visitor-1                       # a player after all
      - add: performer-7                      # who was not found: what is nobody's about x and y
        at_m: [2.4, -0.9]
      - fix: performer-6                      # from_s and to_s: only then
        position_m: [2.5, 0.1, 0.9]
        yaw_deg: 180
      - label: performer-6
        instrument: cello

Corrections are applied from the top to the bottom. Names are those that finding gives without any
correction, or that corrections above gave. `near_m: [x, y]` may stand in each: the correction is
then refused where nobody of that name is within half a metre, so that it cannot meet somebody else
after the take or the program has changed.

The file lies beside the take: `performers.yaml` in a take's folder, `NAME.performers.yaml` beside
a recording NAME.mkv.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from capture.errors import FileFormatError
from capture.files import yaml_errors
from capture.files.yaml_document import Where, YamlDocument, read_yaml

CORRECTIONS_FILE = "performers.yaml"
_PLAIN_NAME = re.compile(r"\w[\w.-]*")
_LONGEST_NAME = 64

_Number = Annotated[float, Field(allow_inf_nan=False)]
Place = tuple[_Number, _Number]
"""x and y on the floor, in metres."""


def _plain(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise PydanticCustomError(
            "misplaced",
            "{reason}",
            {
                "reason": f"a name is made of up to {_LONGEST_NAME} letters, digits, '.', '_' and "
                f"'-', for files bear it, got {name!r}"
            },
        )
    return name


Name = Annotated[str, AfterValidator(_plain)]


class _Correction(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class _Entry(_Correction):
    near_m: Place | None = None
    """Where the person is, x and y in metres: refused where nobody of the name is near."""


class Merge(_Entry):
    """Several that are one person."""

    merge: Annotated[tuple[Name, ...], Field(min_length=2)]
    """Who; the first gives the name."""


class Split(_Entry):
    """One that is several persons."""

    split: Name
    """Who."""

    at_m: Annotated[tuple[Place, ...], Field(min_length=2)]
    """About where each person is, x and y in metres."""

    into: tuple[Name, ...] | None = None
    """Their names, in the order of the places."""

    @model_validator(mode="after")
    def _check(self) -> Split:
        if self.into is not None and len(self.into) != len(self.at_m):
            raise ValueError(f"{len(self.at_m)} places need as many names, got {len(self.into)}")
        return self


class Rename(_Entry):
    """Another name."""

    rename: Name
    """Who."""

    to: Name
    """The new name."""


class Drop(_Entry):
    """Nobody: furniture, or somebody who does not play."""

    drop: Name
    """Who."""


class Keep(_Entry):
    """A player, though taken for a visitor."""

    keep: Name
    """Which visitor."""


class _Timed(_Correction):
    from_s: _Number | None = None
    """From this time on; else from the beginning."""

    to_s: _Number | None = None
    """Until this time; else to the end."""

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.from_s is not None and self.to_s is not None and self.to_s < self.from_s:
            raise ValueError(f"from_s {self.from_s:g} must not be after to_s {self.to_s:g}")
        return self


class Add(_Timed):
    """A player who was not found."""

    add: Name
    """The new name."""

    at_m: Place
    """Where the player is, x and y in metres. What is near and nobody's is the player's."""

    within_m: Annotated[float, Field(gt=0, le=2)] = 0.5
    """How far from there, seen from above."""


class Fix(_Timed, _Entry):
    """A position or a facing that is known."""

    fix: Name
    """Who."""

    position_m: tuple[_Number, _Number, _Number] | None = None
    """The centroid: x, y, z in metres."""

    yaw_deg: _Number | None = None
    """Where the player faces, anticlockwise from +x: 180 is towards the camera."""

    @model_validator(mode="after")
    def _check(self) -> Fix:
        if self.position_m is None and self.yaw_deg is None:
            raise ValueError("needs position_m or yaw_deg")
        return self


class Label(_Entry):
    """What somebody plays."""

    label: Name
    """Who."""

    instrument: Annotated[str, Field(min_length=1)]
    """Any word; those that separation knows are in `capture.instruments`."""


_KINDS: tuple[type[_Correction], ...] = (Merge, Split, Rename, Drop, Keep, Add, Fix, Label)
VERBS: tuple[str, ...] = tuple(kind.__name__.lower() for kind in _KINDS)


def _check_verb(entry: Any) -> Any:
    """Say which verbs there are where an entry has none of them, or several."""
    if not isinstance(entry, dict):
        reason = f"a correction is a mapping such as {{drop: performer-2}}, got {entry!r}"
        raise PydanticCustomError("misplaced", "{reason}", {"reason": reason})
    verbs = [key for key in entry if key in VERBS]
    if len(verbs) == 1:
        return entry
    keys = [str(key) for key in entry]
    hints = (yaml_errors.suggestion(key, VERBS) for key in keys)
    hint = "" if verbs else next((hint for hint in hints if hint), "").removesuffix("?")
    given = " and ".join(repr(key) for key in verbs) if verbs else f"the keys {', '.join(keys)}"
    reason = f"a correction has one of {', '.join(VERBS)}, got {given}{hint}"
    raise PydanticCustomError("misplaced", "{reason}", {"reason": reason})


def _verb_of(entry: Any) -> str:
    if isinstance(entry, _Correction):
        return f"~{type(entry).__name__}"
    return next(f"~{key.capitalize()}" for key in entry if key in VERBS)


Correction = Merge | Split | Rename | Drop | Keep | Add | Fix | Label
_Tagged = Annotated[
    Annotated[Merge, Tag("~Merge")]
    | Annotated[Split, Tag("~Split")]
    | Annotated[Rename, Tag("~Rename")]
    | Annotated[Drop, Tag("~Drop")]
    | Annotated[Keep, Tag("~Keep")]
    | Annotated[Add, Tag("~Add")]
    | Annotated[Fix, Tag("~Fix")]
    | Annotated[Label, Tag("~Label")],
    Discriminator(_verb_of),
    BeforeValidator(_check_verb),
]


class CorrectionsFile(BaseModel):
    """The content of performers.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    version: Literal[1]
    """Of this format."""

    corrections: tuple[_Tagged, ...]
    """Applied from the first to the last."""


_WORDING = yaml_errors.Wording(
    root=CorrectionsFile,
    kind="corrections",
    numbers={"position_m": "three numbers", "near_m": "two numbers", "at_m": "places [x, y]"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """Corrections, and where in a file each stands.

    Attributes:
        entries: From the first to the last.
        document: The file, or None where they come from a program.
    """

    entries: Sequence[Correction]
    document: YamlDocument | None = None

    def place_of(self, index: int, key: str) -> str:
        """Return `file:line:column` of a correction's key, or which correction it is."""
        where: Where = ("corrections", index, key)
        return self.document.place_of(where) if self.document else f"correction {index + 1}"


NO_CORRECTIONS = Corrections(entries=())


def read_corrections(path: str | os.PathLike[str]) -> Corrections:
    """Read a performers.yaml.

    Raises:
        FileFormatError: It is missing or wrong; the message starts with file, line and column.
    """
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise FileFormatError(f"{path}:1:1: a file of corrections holds version: 1, corrections: …")
    try:
        file = CorrectionsFile.model_validate(document.value)
    except ValidationError as error:
        raise FileFormatError(yaml_errors.describe(error, document, _WORDING)) from error
    return Corrections(entries=file.corrections, document=document)


def find_corrections(take: str | os.PathLike[str]) -> Path | None:
    """Return the corrections that lie beside a take, None where there are none.

    For a folder that is its `performers.yaml`; for a file NAME.mkv the `NAME.performers.yaml` in
    the same folder.
    """
    path = Path(take)
    beside = path / CORRECTIONS_FILE
    if not path.is_dir():
        beside = path.with_name(f"{path.stem}.{CORRECTIONS_FILE}")
    return beside if beside.is_file() else None


def corrections_schema() -> dict[str, Any]:
    """Return the JSON Schema of performers.yaml."""
    schema = CorrectionsFile.model_json_schema()
    return json.loads(
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema)
    )
