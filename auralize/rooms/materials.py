"""The library of materials: what surfaces absorb and scatter, with the source of each figure.

The figures lie in `data/materials.yaml`, per octave band from 125 Hz to 8 kHz.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float64

from capture.errors import DataError
from scenes.surface import OCTAVE_BANDS_HZ, Surface, per_band


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a surface does to sound.

    Attributes:
        name: Its name in the library; empty for one given by its numbers.
        description: What it is.
        absorption: Share of the energy that is not reflected, per octave band.
        scattering: Share of the reflected energy that is not reflected as by a mirror, per band.
        sources: Where the figures were published.
        held_at_8_khz: The source stops at 4 kHz; its last value is held.
    """

    name: str
    description: str
    absorption: Float64[np.ndarray, "bands"]
    scattering: Float64[np.ndarray, "bands"]
    sources: tuple[str, ...]
    held_at_8_khz: bool = False


def material(choice: str | Surface, where: str = "") -> Material:
    """Return a material by its name, or by its own numbers.

    Args:
        choice: A name of the library, or numbers.
        where: What is made of it, for the error.

    Raises:
        DataError: The library has no such name.
    """
    if isinstance(choice, Surface):
        return Material(
            name="",
            description="given by its numbers",
            absorption=np.array(per_band(choice.absorption)),
            scattering=np.array(per_band(choice.scattering)),
            sources=(),
        )
    library = read_materials()
    if choice not in library:
        close = difflib.get_close_matches(choice, library, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise DataError(
            f"{where and where + ': '}no material is named {choice!r}.{hint} There are "
            f"{', '.join(library)}; or give absorption and scattering in numbers."
        )
    return library[choice]


@cache
def read_materials() -> MappingProxyType[str, Material]:
    """Return all materials of the library by name."""
    from ruamel.yaml import YAML

    text = resources.files("auralize").joinpath("data", "materials.yaml").read_text("utf-8")
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    sources: dict[str, str] = document["sources"]
    return MappingProxyType(
        {
            name: Material(
                name=name,
                description=entry["what"],
                absorption=_bands(entry["absorption"]),
                scattering=_bands(entry["scattering"]),
                sources=tuple(sources[key] for key in entry["from"]),
                held_at_8_khz=entry.get("held", False),
            )
            for name, entry in document["materials"].items()
        }
    )


def _bands(value: float | list[float]) -> Float64[np.ndarray, "bands"]:
    bands = np.broadcast_to(np.asarray(value, dtype=np.float64), len(OCTAVE_BANDS_HZ)).copy()
    bands.flags.writeable = False
    return bands
