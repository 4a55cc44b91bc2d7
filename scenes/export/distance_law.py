"""How loud sources are at a distance, and how engines that only turn down say the same.

A scene's amplitude is gain · reference_distance_m / distance_m; closer than `NEAREST_M` it rises no
further. Many engines hold volumes to at most 1: there, all sources are turned down by one common
gain, which the export states (and gives back behind the mix where the engine can).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from scenes.export.exported import ExportedSource

NEAREST_M = 0.15
"""Closer to the middle of the head, a source gets no louder (as in `auralize render`)."""


def level(source: ExportedSource) -> float:
    """Return a source's own factor (its gain, linear); 0 where it is not heard."""
    return 10 ** (source.gain_db / 20) if source.heard else 0.0


def amplitudes(
    source: ExportedSource, distances_m: Float64[np.ndarray, "N"]
) -> Float64[np.ndarray, "N"]:
    """Return the factor on a source's samples at distances from the middle of the head."""
    return level(source) * source.reference_distance_m / np.maximum(distances_m, NEAREST_M)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineVolumes:
    """The distance law for engines that know no volume above 1.

    What is heard in the engine at a distance, volumes[i] · near_m / distance (1 · volumes[i] closer
    than near_m), times `makeup`, is what the scene says.

    Attributes:
        near_m: Where a source is loudest; closer it gets no louder.
        volumes: One a source, at most 1; 0 where it is muted.
        makeup: Factor by which the mix is softer than the scene, at least 1.
    """

    near_m: float
    volumes: tuple[float, ...]
    makeup: float

    @property
    def makeup_db(self) -> float:
        """`makeup` in decibels."""
        return float(20 * np.log10(self.makeup))


def engine_volumes(sources: Sequence[ExportedSource], *, near_m: float) -> EngineVolumes:
    """Return volumes of at most 1 that hold the law from `near_m` on.

    Args:
        sources: The sources.
        near_m: Where they get no louder.
    """
    raw = [level(source) * source.reference_distance_m / near_m for source in sources]
    makeup = max(1.0, *raw)
    return EngineVolumes(
        near_m=near_m, volumes=tuple(value / makeup for value in raw), makeup=makeup
    )
