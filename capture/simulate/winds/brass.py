"""What brass instruments share: mouthpieces, flares and lacquers."""

from __future__ import annotations

import numpy as np

from capture.simulate.solids import Color, Mesh
from capture.simulate.winds.bores import Path, Profile, bore

LACQUER: Color = (210, 165, 65)
SILVER: Color = (190, 190, 195)
GOLD_BRASS: Color = (190, 120, 60)


def draw_finish(rng: np.random.Generator) -> Color:
    """Draw the color of the metal."""
    return (LACQUER, SILVER, GOLD_BRASS)[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]


def mouthpiece(rim_m: float, shank_m: float, length_m: float, color: Color) -> Mesh:
    """Return a mouthpiece along +y, its rim at the origin.

    Args:
        rim_m: Radius of the rim.
        shank_m: Radius of the shank's end.
        length_m: Of all of it.
        color: RGB.
    """
    profile = (
        (0.0, shank_m),
        (0.62 * length_m, 0.75 * shank_m),
        (0.70 * length_m, 0.90 * shank_m),
        (0.88 * length_m, 0.92 * rim_m),
        (length_m, rim_m),
    )
    return bore(np.array([[0.0, 0.0, 0.0], [0.0, length_m, 0.0]]), profile, color, sides=12)


def flare(rim_m: float, throat_m: float, length_m: float) -> Profile:
    """Return the profile of a bell: radius ∝ (distance from the rim + offset)^−γ, γ = 0.7.

    Args:
        rim_m: Radius of the rim.
        throat_m: Radius where the flare begins.
        length_m: From there to the rim.

    Source: A. H. Benade, "Fundamentals of Musical Acoustics" (1976), ch. 20: Bessel horns.
    """
    gamma = 0.7
    ratio = (rim_m / throat_m) ** (1 / gamma)
    offset = length_m / (ratio - 1)
    shares = np.linspace(0.0, 1.0, 13) ** 2.2
    distances = shares * length_m
    radii = rim_m * (offset / (offset + distances)) ** gamma
    return list(zip(distances.tolist(), radii.tolist(), strict=True))


def bell(path: Path, profile: Profile, color: Color, *, open_m: float) -> Mesh:
    """Return a tube that ends in an open bell."""
    return bore(path, profile, color, sides=20, open_m=open_m)
