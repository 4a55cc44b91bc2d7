"""Directions that were not measured, below the last ring or above it, and what stands for them.

Loudspeakers rarely stand below a head: KEMAR ends at 40° below the horizon. Without 30° and 40°
below, too, what is filled in for these differs from the measurement by 15 µs (ITD), 2.7 dB (ILD in
bands) and 2.1 dB (spectrum); the nearest ring by 53 µs, 2.7 dB and 2.2 dB.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree

from capture.axes import world_from_spherical
from capture.errors import DataError

# A pole is missing where the last ring ends below 75° of elevation.
_POLE_ELEVATION_RAD = np.radians(75.0)
_RING_SPACING_DEG = 10.0
_NEAR_RAD = np.radians(8.0)
# What lies farther from everything that was measured, and from a missing pole, cannot be filled.
_WIDEST_RAD = np.radians(62.0)
# Beyond the data a surface falls back to its trend over about this angle (as a chord).
_REACH = 0.3
_MOST_KNOTS = 1500


def missing_directions(
    directions: Float64[np.ndarray, "D 3"], name: str
) -> tuple[Float64[np.ndarray, "K 3"], tuple[str, ...]]:
    """Return directions that fill the gaps of a set, and which poles ("below", "above") it lacks.

    They lie on rings 10° apart, wherever nothing was measured within 8° or, in a coarse set, within
    1.5 times the usual distance of neighbours.

    Raises:
        DataError: A gap is too wide, and does not only come from an elevation where the set ends.
    """
    elevations = np.arcsin(np.clip(directions[:, 2], -1.0, 1.0))
    sides = [
        (side, pole)
        for side, pole in ((-1.0, "below"), (1.0, "above"))
        if float(np.max(side * elevations)) < _POLE_ELEVATION_RAD
    ]
    candidates = _rings()
    poles = np.reshape([[0.0, 0.0, side] for side, _ in sides], (-1, 3))
    away = KDTree(np.concatenate([directions, poles])).query(candidates)[0].max()
    if away > 2 * np.sin(_WIDEST_RAD / 2):
        raise DataError(
            f"the HRTF {name!r} has no direction within {np.degrees(2 * np.arcsin(away / 2)):.0f}° "
            "of some others. Give a SOFA file with directions all round."
        )
    measured = KDTree(directions)
    spacing = float(np.median(measured.query(directions, k=2)[0][:, 1]))
    empty = measured.query(candidates)[0] > max(_NEAR_RAD, 1.5 * spacing)
    return candidates[empty], tuple(pole for _, pole in sides)


def _rings() -> Float64[np.ndarray, "K 3"]:
    """Return directions about 10° apart, on rings of equal elevation."""
    rings: list[np.ndarray] = []
    for elevation in np.radians(np.arange(-90.0, 91.0, _RING_SPACING_DEG)):
        count = max(1, round(360.0 * float(np.cos(elevation)) / _RING_SPACING_DEG))
        azimuths = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
        rings.append(world_from_spherical(azimuths, np.full(count, elevation), np.ones(count)))
    return np.concatenate(rings)


def continuation_weights(
    knots: Float64[np.ndarray, "K 3"], directions: Float64[np.ndarray, "P 3"]
) -> Float64[np.ndarray, "P K"]:
    """Return how much each knot counts for the values at directions outside of them.

    They are those of universal kriging: near the knots the surface continues smoothly, farther
    away it goes over into the trend of all knots, a + b·x + c·y + d·z. For a delay the trend is
    the plane wave's at a sphere; for a magnitude it is the slope that the head's shadow has.
    Above 1500 knots some are passed over, evenly.
    """
    if len(directions) == 0:
        return np.zeros((0, len(knots)))
    chosen = np.arange(0, len(knots), -(-len(knots) // _MOST_KNOTS))
    some = knots[chosen]
    trend = np.concatenate([np.ones((len(some), 1)), some], axis=1)
    covariance = _covariance(some @ some.T)
    # Knots in one plane do not tell the slope across it: what is added makes it level.
    system = np.block([[covariance, trend], [trend.T, -1e-9 * np.eye(4)]])
    wanted = np.concatenate(
        [
            _covariance(directions @ some.T),
            np.ones((len(directions), 1)),
            directions,
        ],
        axis=1,
    )
    weights = np.zeros((len(directions), len(knots)))
    weights[:, chosen] = np.linalg.solve(system, wanted.T).T[:, : len(some)]
    return weights


def _covariance(cosines: np.ndarray) -> np.ndarray:
    """Matérn's covariance with smoothness 3/2, of chords."""
    scaled = np.sqrt(np.maximum(6.0 - 6.0 * cosines, 0.0)) / _REACH
    return (1.0 + scaled) * np.exp(-scaled)
