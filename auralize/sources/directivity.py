"""How strongly a source radiates into each direction.

Directions are in the player's frame: x where the player faces, y left, z up. Levels are relative
to straight ahead: a stem is what a microphone in front of the player heard, so a source sounds as
its file to whom it faces, whatever its pattern (0 dB there, at all frequencies).

Two families share one formula. The cardioid family is 1 − s + s·cos θ, with s from 0 (omni) over
½ (cardioid) to 1 (figure of eight, whose back is in opposite phase). An instrument has, per octave
band, a main direction of radiation and a difference between there and the opposite side; in
between, the level in decibels follows the cosine of the angle. Lobes and nulls that change from
one semitone to the next are left out on purpose: over a band of notes they average out.

The instruments' numbers are a model of ours, not measurements; axes follow how the instruments are
held. The model agrees with the literature where that speaks of octave bands: violins are
omnidirectional below 600 Hz (Wang and Burroughs 1999), guitars are monopoles below 300 Hz (Perry
2014), brass radiate along the bell at all dynamics (Pätynen and Lokki 2010), a voice is 5 dB louder
in front than behind at 125 to 250 Hz and 12 dB at 1.4 to 2 kHz (Kuttruff). It beams less than Meyer
states: factors of statistical directivity are 1.5 to 2.5 at high frequencies, where he has 2 to 3
for high strings and above 4 for brass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from scenes.directivity_names import FIRST_ORDER_SHAPES
from scenes.source import Source

OCTAVES_HZ = (63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
"""Middle frequencies of the bands of instrument patterns; beyond, the ends hold."""

# Azimuth (left is positive) and elevation in degrees of the main direction, and the level in
# decibels by which it exceeds the opposite side in each octave band.
_INSTRUMENTS: dict[str, tuple[float, float, tuple[float, ...]]] = {
    "violin": (-40, 50, (0, 0, 1, 4, 8, 12, 15, 17)),
    "viola": (-35, 45, (0, 0, 1, 5, 9, 12, 15, 16)),
    "cello": (0, 20, (0, 1, 3, 6, 9, 12, 14, 15)),
    "double_bass": (-10, 5, (0, 2, 5, 8, 10, 12, 14, 15)),
    "guitar": (0, 15, (0, 0, 1, 5, 8, 10, 12, 14)),
    "saxophone": (-10, 40, (0, 0, 1, 3, 6, 10, 14, 17)),
    "flute": (-20, 10, (0, 0, 1, 3, 4, 6, 9, 13)),
    "oboe": (0, -35, (0, 0, 1, 3, 6, 9, 13, 16)),
    "clarinet": (0, -40, (0, 0, 1, 2, 5, 9, 14, 17)),
    "bassoon": (30, 55, (0, 0, 2, 4, 6, 9, 12, 14)),
    "horn": (-150, 10, (0, 1, 2, 4, 7, 10, 12, 14)),
    "trumpet": (0, -5, (0, 1, 2, 5, 10, 16, 22, 27)),
    "trombone": (0, -5, (0, 1, 3, 7, 12, 18, 23, 27)),
    "tuba": (0, 80, (1, 2, 4, 8, 13, 18, 22, 25)),
    "voice": (0, -10, (2, 4, 5, 6, 8, 12, 15, 18)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Directivity:
    """A pattern of radiation; both parts multiply.

    Attributes:
        shape: Part of the figure of eight, 0 to 1.
        axis: Unit vector of the main direction of the bands, in the player's frame.
        front_to_back_db: Level of the main direction above its opposite, per octave band.
    """

    shape: float
    axis: Float64[np.ndarray, "3"]
    front_to_back_db: Float64[np.ndarray, "octaves"]

    def factors(self, directions: Float[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch"]:
        """Return the factors at all frequencies; negative where the phase is opposite."""
        return 1 - self.shape + self.shape * np.asarray(directions, dtype=np.float64)[..., 0]

    def octave_levels_db(
        self, directions: Float[np.ndarray, "*batch 3"]
    ) -> Float64[np.ndarray, "*batch octaves"]:
        """Return the levels by which the octave bands differ from straight ahead.

        They come on top of `factors`.
        """
        cosines = np.asarray(directions, dtype=np.float64) @ self.axis - self.axis[0]
        return cosines[..., None] * (self.front_to_back_db / 2)

    def diffuse_levels_db(self) -> Float64[np.ndarray, "octaves"]:
        """Return the level of all that is radiated, which feeds the reverberation of a room.

        It is the mean energy over the sphere, relative to straight ahead, of both parts together
        where only one of them has a direction; where both have, it is their sum in decibels.
        """
        family = (1 - self.shape) ** 2 + self.shape**2 / 3
        # The mean of exp(κ cos γ) over the sphere is sinh(κ)/κ.
        kappa = np.maximum(self.front_to_back_db * math.log(10) / 20, 1e-9)
        bands = np.log10(np.sinh(kappa) / kappa) * 10 - self.front_to_back_db / 2 * self.axis[0]
        return 10 * math.log10(family) + bands

    @property
    def has_bands(self) -> bool:
        """Whether it colours the sound."""
        return bool(np.any(self.front_to_back_db))


def directivity_of(source: Source) -> Directivity | None:
    """Return how a source radiates; None if it does so equally in all directions."""
    pattern = source.pattern
    if isinstance(pattern, str) and pattern in _INSTRUMENTS:
        azimuth_deg, elevation_deg, front_to_back_db = _INSTRUMENTS[pattern]
        azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
        return Directivity(
            shape=0.0,
            axis=np.array(
                [
                    math.cos(azimuth) * math.cos(elevation),
                    math.sin(azimuth) * math.cos(elevation),
                    math.sin(elevation),
                ]
            ),
            front_to_back_db=np.array(front_to_back_db, dtype=np.float64),
        )
    shape = FIRST_ORDER_SHAPES[pattern] if isinstance(pattern, str) else pattern
    if shape == 0:
        return None
    return Directivity(
        shape=shape,
        axis=np.array([1.0, 0.0, 0.0]),
        front_to_back_db=np.zeros(len(OCTAVES_HZ)),
    )
