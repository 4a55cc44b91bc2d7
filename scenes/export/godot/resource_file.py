"""Text files of Godot: scenes (.tscn), and the values in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float64, Shaped

from capture.pose import rotation_matrix_from_quaternion
from scenes.export.godot.dialect import Dialect

Properties = Mapping[str, str]
"""From a property's name in Godot 4 to the text of its value."""


class SceneFile:
    """The file of a scene while it is put together: resources, then nodes, parents first."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._external: list[str] = []
        self._internal: list[str] = []
        self._nodes: list[str] = []

    def external(self, path: str, kind: str) -> str:
        """Name a file, relative to this one; return the reference to it."""
        number = len(self._external) + 1
        self._external.append(
            f'[ext_resource path="{path}" type="{self._dialect.name(kind)}" '
            f"id={self._dialect.identifier(number)}]"
        )
        return self._reference("ExtResource", number)

    def internal(self, kind: str, properties: Properties) -> str:
        """Add a resource inside this file; return the reference to it."""
        number = len(self._internal) + 1
        head = (
            f'[sub_resource type="{self._dialect.name(kind)}" '
            f"id={self._dialect.identifier(number)}]"
        )
        self._internal.append(self._section(head, properties))
        return self._reference("SubResource", number)

    def node(
        self, name: str, kind: str, parent: str | None, properties: Properties | None = None
    ) -> None:
        """Add a node; the path of its parent is None for the root, "." below it."""
        place = "" if parent is None else f' parent="{parent}"'
        head = f'[node name="{name}" type="{self._dialect.name(kind)}"{place}]'
        self._nodes.append(self._section(head, properties or {}))

    def instance(self, name: str, scene: str, parent: str, properties: Properties) -> None:
        """Add the nodes of another scene, which is given by the reference to its file."""
        head = f'[node name="{name}" parent="{parent}" instance={scene}]'
        self._nodes.append(self._section(head, properties))

    def text(self) -> str:
        """Return the file."""
        steps = len(self._external) + len(self._internal) + 1
        head = f"[gd_scene load_steps={steps} format={self._dialect.text_format}]"
        external = ["\n".join(self._external)] if self._external else []
        return "\n\n".join([head, *external, *self._internal, *self._nodes]) + "\n"

    def _reference(self, kind: str, number: int) -> str:
        return f"{kind}( {self._dialect.identifier(number)} )"

    def _section(self, head: str, properties: Properties) -> str:
        lines = [f"{self._dialect.name(key)} = {value}" for key, value in properties.items()]
        return "\n".join([head, *lines])


def string(text: str) -> str:
    """Return text in quotes, in one line."""
    flat = " ".join(text.split())
    shown = "".join(character for character in flat if character.isprintable())
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def number(value: float) -> str:
    """Return a number with the digits that single precision has."""
    return f"{value + 0.0:.7g}"


def numbers(values: Shaped[np.ndarray, "..."]) -> str:
    """Return numbers between commas."""
    flat = np.asarray(values).ravel()
    if np.issubdtype(flat.dtype, np.integer):
        return ", ".join(map(str, flat.tolist()))
    return ", ".join([f"{value:.7g}" for value in (flat + 0.0).tolist()])


def array(dialect: Dialect, kind: str, values: Shaped[np.ndarray, "..."]) -> str:
    """Return a packed array, by the name of its type in Godot 4."""
    return f"{dialect.name(kind)}( {numbers(values)} )"


def transform(
    dialect: Dialect,
    position_m: Float[np.ndarray, "3"],
    orientation_wxyz: Float64[np.ndarray, "4"],
) -> str:
    """Return a transform: the rows of the rotation matrix, then the position."""
    rotation = rotation_matrix_from_quaternion(orientation_wxyz)
    return f"{dialect.name('Transform3D')}( {numbers(rotation)}, {numbers(position_m)} )"


def color(rgb: tuple[int, int, int], alpha: float = 1.0) -> str:
    """Return a color from sRGB in bytes."""
    return f"Color( {', '.join(number(part / 255) for part in rgb)}, {number(alpha)} )"
