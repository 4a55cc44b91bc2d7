"""The text form of USD (.usda): prims, properties and values.

Source: OpenUSD, "Usda File Format Specification" (the Sdf text format), version 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

TIME_CODES_PER_S = 60


@dataclass(slots=True, kw_only=True)
class Prim:
    """A prim of a layer.

    Attributes:
        name: Letters, digits and underscores.
        kind: Its schema, such as Xform; empty for an `over` or a plain `def`.
        specifier: "def" or "over".
        metadata: Lines between its parentheses.
        properties: Lines of its body.
        children: Prims below.
    """

    name: str
    kind: str = ""
    specifier: str = "def"
    metadata: list[str] = field(default_factory=list[str])
    properties: list[str] = field(default_factory=list[str])
    children: list[Prim] = field(default_factory=list["Prim"])

    def lines(self, indent: str = "") -> Iterator[str]:
        """Give the lines of the prim and all below."""
        head = " ".join(filter(None, (self.specifier, self.kind, f'"{self.name}"')))
        if self.metadata:
            yield f"{indent}{head} ("
            yield from (f"{indent}    {line}" for line in self.metadata)
            yield f"{indent})"
        else:
            yield indent + head
        yield indent + "{"
        yield from (f"{indent}    {line}" for line in self.properties)
        for child in self.children:
            yield from child.lines(indent + "    ")
        yield indent + "}"


def layer(root: Prim, duration_s: float | None, *, up_axis: str, sublayers: Sequence[str]) -> str:
    """Return the text of a layer.

    Args:
        root: Its default prim.
        duration_s: Length of its time line; None for a layer that is only referenced.
        up_axis: "Y" or "Z".
        sublayers: Files beside it that it builds on.
    """
    lines = [
        "#usda 1.0",
        "(",
        f'    defaultPrim = "{root.name}"',
        "    metersPerUnit = 1",
        f'    upAxis = "{up_axis}"',
        f"    timeCodesPerSecond = {TIME_CODES_PER_S}",
        f"    framesPerSecond = {TIME_CODES_PER_S}",
    ]
    if duration_s is not None:
        lines += ["    startTimeCode = 0", f"    endTimeCode = {time_code(duration_s)}"]
    if sublayers:
        lines += [
            "    subLayers = [",
            *(f"        @./{name}@," for name in sublayers),
            "    ]",
        ]
    return "\n".join([*lines, ")", "", *root.lines()]) + "\n"


def time_code(time_s: float) -> str:
    """Return a time in time codes."""
    return number(time_s * TIME_CODES_PER_S, 6)


def number(value: float, digits: int) -> str:
    """Return a number with at most so many decimals."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def vector(values: Iterable[float], digits: int = 6) -> str:
    """Return a tuple: a vector, or a quaternion (w, x, y, z)."""
    return "(" + ", ".join(number(float(value), digits) for value in values) + ")"


def vectors(rows: Float[np.ndarray, "N D"], digits: int) -> str:
    """Return an array of tuples."""
    # One format for all is ten times as fast as one call for each.
    one = "(" + ", ".join([f"%.{digits}f"] * rows.shape[1]) + ")"
    return "[" + ", ".join([one] * len(rows)) % tuple(rows.reshape(-1).tolist()) + "]"


def integers(values: Iterable[int]) -> str:
    """Return an array of integers."""
    return "[" + ", ".join(map(str, values)) + "]"


def samples(times_s: Iterable[float], values: Iterable[str]) -> str:
    """Return time samples: a dictionary of time codes and values."""
    pairs = zip(times_s, values, strict=True)
    return "{ " + ", ".join(f"{time_code(time)}: {value}" for time, value in pairs) + " }"


def quoted(text: str) -> str:
    """Return a string in quotes."""
    flat = "".join(character if character.isprintable() else " " for character in text)
    escaped = flat.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
