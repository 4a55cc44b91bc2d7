"""Where loudspeakers stand: layouts with names, and files that a person writes.

Directions are seen from the middle, where one listens. Azimuth is anticlockwise from the front
(left is positive), elevation is up. There are no channels for low-frequency effects.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float64
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from capture.axes import world_from_spherical
from capture.errors import DataError, FileFormatError
from capture.files.yaml_document import Where, YamlDocument, read_yaml
from capture.files.yaml_errors import suggestion
from scenes.model import Degrees, Integer, Number, SceneModel, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LoudspeakerLayout:
    """Loudspeakers in the order of their channels.

    Attributes:
        name: What people call the layout.
        loudspeakers: Their names.
        directions: Unit vectors from the listener (x front, y left, z up), shape (L, 3).
    """

    name: str
    loudspeakers: tuple[str, ...]
    directions: Float64[np.ndarray, "L 3"]


class Loudspeaker(SceneModel):
    """One loudspeaker of a file."""

    azimuth_deg: Degrees
    """Anticlockwise from the front: left is positive."""

    elevation_deg: Annotated[Number, Field(ge=-90, le=90)] = 0.0
    """Up from the horizon."""

    name: Text | None = None
    """What people call it; else its number."""


class LayoutFile(SceneModel):
    """A file of loudspeakers, YAML or JSON, in the order of their channels."""

    title: Text | None = None
    """What people call the layout; else the name of the file."""

    loudspeakers: Annotated[tuple[Loudspeaker, ...], Field(min_length=2, max_length=1024)]
    """All that are fed, in the order of the channels."""


class _IemLoudspeaker(BaseModel):
    """A loudspeaker as the IEM plug-in suite writes it; what is not needed here is passed over."""

    azimuth_deg: Degrees = Field(alias="Azimuth")
    elevation_deg: Annotated[Number, Field(ge=-90, le=90)] = Field(alias="Elevation")
    channel: Integer = Field(alias="Channel")
    is_imaginary: bool = Field(alias="IsImaginary", default=False)


def find_layout(name_or_path: str | os.PathLike[str]) -> LoudspeakerLayout:
    """Return a layout by its name, or from a file.

    Files are YAML or JSON: a list of loudspeakers, or a mapping with one (see `LayoutFile`), or
    what the IEM plug-in suite exports, whose imaginary loudspeakers are left out.

    Raises:
        DataError: It is neither the name of a layout nor a file.
        FileFormatError: The file holds no layout; the message starts with file, line and column.
    """
    known = named_layouts()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    path = Path(name_or_path)
    if not path.is_file():
        raise DataError(
            f"{path}: neither a file of loudspeakers nor one of the layouts {', '.join(known)}."
        )
    return _read_layout(path)


def named_layouts() -> dict[str, LoudspeakerLayout]:
    """Return the layouts that have names.

    Source: Recommendation ITU-R BS.2051-3 for stereo, 5.0, 7.0, 5.0.4, 7.0.4 and 22.0 (its
    systems A, B, I, D, J and H without low-frequency effects); Hardin and Sloane 1996 for the
    spherical 7-design of 24 points.
    """
    layouts = {
        name: _layout(name, np.array([degrees[:2] for degrees in places]), labels)
        for name, (places, labels) in _listed().items()
    }
    for name, points in _solids().items():
        numbers = tuple(str(number) for number in range(1, len(points) + 1))
        layouts[name] = LoudspeakerLayout(name=name, loudspeakers=numbers, directions=points)
    return layouts


def _read_layout(path: Path) -> LoudspeakerLayout:
    document = read_yaml(path)
    where: Where = ()
    try:
        match document.value:
            case list() as loudspeakers:
                file = LayoutFile.model_validate({"loudspeakers": loudspeakers})
            case {"LoudspeakerLayout": {"Loudspeakers": list() as loudspeakers}}:
                where = ("LoudspeakerLayout", "Loudspeakers")
                file = _from_iem(loudspeakers)
            case value:
                where = ("loudspeakers",)
                file = LayoutFile.model_validate(value)
    except ValidationError as error:
        raise FileFormatError(_described(error, document, where)) from error
    places = np.array([[one.azimuth_deg, one.elevation_deg] for one in file.loudspeakers])
    labels = tuple(one.name or str(n) for n, one in enumerate(file.loudspeakers, start=1))
    layout = _layout(file.title or path.stem, places, labels)
    closeness = layout.directions @ layout.directions.T - 2 * np.eye(len(places))
    if closeness.max() > np.cos(np.radians(0.1)):
        first, second = np.unravel_index(np.argmax(closeness), closeness.shape)
        raise FileFormatError(
            f"{document.place_of((*where, int(second)))}: the loudspeakers {labels[first]} "
            f"and {labels[second]} stand in the same direction. Leave one of them out."
        )
    return layout


def _from_iem(values: list[Any]) -> LayoutFile:
    """Return what the IEM plug-in suite exports, in the order of its channels.

    Raises:
        ValidationError: It is incomplete.
    """
    loudspeakers = TypeAdapter(list[_IemLoudspeaker]).validate_python(values)
    real = sorted((one for one in loudspeakers if not one.is_imaginary), key=lambda s: s.channel)
    return LayoutFile.model_validate(
        {
            "loudspeakers": [
                {
                    "azimuth_deg": one.azimuth_deg,
                    "elevation_deg": one.elevation_deg,
                    "name": f"channel {one.channel}",
                }
                for one in real
            ]
        }
    )


def _described(error: ValidationError, document: YamlDocument, where: Where) -> str:
    problems = error.errors(include_url=False)
    # A misspelt key explains a missing one.
    problem = min(problems, key=lambda one: one["type"] != "extra_forbidden")
    place: Where = tuple(part for part in problem["loc"] if part != "loudspeakers")
    in_loudspeaker = place[:1] != () and isinstance(place[0], int)
    reason = problem["msg"]
    if problem["type"] == "extra_forbidden":
        known = (Loudspeaker if in_loudspeaker else LayoutFile).model_fields
        hint = suggestion(str(problem["loc"][-1]), known).removesuffix("?")
        reason = f"there is no such key{hint}"
    place = (*where, *place) if in_loudspeaker else problem["loc"]
    return (
        f"{document.place_of(place)}: {'.'.join(map(str, place)) or 'the layout'}: {reason}. "
        "A layout is a list of loudspeakers such as '- {azimuth_deg: 30, elevation_deg: 0}'."
    )


def layout_schema() -> str:
    """Return the JSON Schema of layout files; `data/loudspeakers.schema.json` publishes it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **LayoutFile.model_json_schema(),
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _layout(name: str, degrees: np.ndarray, labels: tuple[str, ...]) -> LoudspeakerLayout:
    azimuths, elevations = np.radians(degrees.T)
    directions = world_from_spherical(azimuths, elevations, np.ones(len(degrees)))
    return LoudspeakerLayout(name=name, loudspeakers=labels, directions=directions)


_Listed = tuple[list[tuple[float, float]], tuple[str, ...]]


def _listed() -> dict[str, _Listed]:
    """Return azimuths and elevations in degrees, and labels as BS.2051 has them."""
    pairs: dict[str, list[tuple[float, float]]] = {
        "stereo": [(30, 0), (-30, 0)],
        "quad": [(45, 0), (-45, 0), (135, 0), (-135, 0)],
        "5.0": [(30, 0), (-30, 0), (0, 0), (110, 0), (-110, 0)],
        "7.0": [(30, 0), (-30, 0), (0, 0), (90, 0), (-90, 0), (135, 0), (-135, 0)],
        "hexagon": [(30, 0), (-30, 0), (90, 0), (-90, 0), (150, 0), (-150, 0)],
        "octagon": [(a * s, 0) for a in (22.5, 67.5, 112.5, 157.5) for s in (1, -1)],
    }
    pairs["5.0.4"] = pairs["5.0"] + [(30, 30), (-30, 30), (110, 30), (-110, 30)]
    pairs["7.0.4"] = pairs["7.0"] + [(45, 30), (-45, 30), (135, 30), (-135, 30)]
    pairs["22.0"] = [
        *[(60, 0), (-60, 0), (0, 0), (135, 0), (-135, 0), (30, 0), (-30, 0), (180, 0)],
        *[(90, 0), (-90, 0), (45, 30), (-45, 30), (0, 30), (0, 90), (135, 30), (-135, 30)],
        *[(90, 30), (-90, 30), (180, 30), (0, -30), (45, -30), (-45, -30)],
    ]
    return {name: (places, tuple(map(_label, places))) for name, places in pairs.items()}


def _label(place: tuple[float, float]) -> str:
    """Return the label of BS.2051: M for the middle layer, U above, T on top, B below; degrees."""
    azimuth, elevation = place
    layer = "M" if elevation == 0 else "B" if elevation < 0 else "T" if elevation > 80 else "U"
    return f"{layer}{azimuth:+04g}" if azimuth else f"{layer}+000"


def _solids() -> dict[str, Float64[np.ndarray, "L 3"]]:
    """Return points that are spread as evenly as solids have them, the upper ones first."""
    golden = (1 + 5**0.5) / 2
    signs = np.array(np.meshgrid([1, -1], [1, -1], [1, -1])).reshape(3, 8).T.astype(np.float64)
    turned = [np.roll(np.eye(3), shift, axis=0) for shift in range(3)]
    cube = signs
    icosahedron = np.concatenate([signs[::2] * [golden, 1, 0] @ turn for turn in turned])
    edges = np.concatenate([signs[::2] * [golden, 1 / golden, 0] @ turn for turn in turned])
    # The 24 turns of the cube, on one point: a snub cube.
    point = np.array([0.866246818107821, 0.422518653761112, 0.266635401516705])
    swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    snub = [
        point @ turn @ np.diag(sign)
        for turn in [*turned, *(swap @ turn for turn in turned)]
        for sign in signs
        if np.linalg.det(turn @ np.diag(sign)) > 0
    ]
    solids = {
        "cube": cube,
        "icosahedron": np.unique(icosahedron, axis=0),
        "dodecahedron": np.concatenate([cube, np.unique(edges, axis=0)]),
        "t-design-24": np.array(snub),
    }
    return {name: _ordered(points) for name, points in solids.items()}


def _ordered(points: np.ndarray) -> np.ndarray:
    """Return unit vectors from the top down, and anticlockwise from the front in each layer."""
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    azimuths = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    return points[np.lexsort((np.round(azimuths, 6), -np.round(points[:, 2], 6)))]
