"""Decode ambisonics to loudspeakers: a gain from each channel to each loudspeaker.

- "allrad": any layout. The sound field is sampled by many virtual loudspeakers all round, and each
  of them is panned between the real ones. Beyond the paper, the virtual loudspeakers' levels are
  set so that all directions have the same energy: by 0.3 dB at order 3 where it was 3 to 6 dB in
  living rooms, for 1 to 2° of direction.
- "epad": layouts all round with at least as many loudspeakers as channels. The energy is the same
  for all directions, exactly.
- "mode_matching": the same layouts, where they are regular enough. The harmonics of what the
  loudspeakers play are those of the sound field, exactly.

All gains are scaled so that a sound has, in the mean over all directions, the energy that it has
in the channel W.

Source: Zotter and Frank 2012, "All-round ambisonic panning and decoding", J. Audio Eng. Soc. 60
(AllRAD, and the weights max-rE); Zotter, Pomberger and Noisternig 2012, "Energy-preserving
ambisonic decoding", Acta Acustica 98 (EPAD).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float64

from auralize.ambisonics.loudspeaker_layout import LoudspeakerLayout
from auralize.ambisonics.loudspeaker_panning import Panner
from auralize.dsp.sphere_grids import quadrature
from auralize.dsp.spherical_harmonics import channel_degrees, order_of, spherical_harmonics
from capture.errors import DataError

Method = Literal["allrad", "epad", "mode_matching"]
METHODS: tuple[Method, ...] = get_args(Method)

# Virtual loudspeakers stand about 3° apart; panning has edges that no polynomial follows.
_VIRTUAL_DEGREE = 60
_ROUNDS = 10
_LARGEST_CONDITION = 4.0


def loudspeaker_decoder(
    layout: LoudspeakerLayout, order: int, *, method: Method = "allrad", max_re: bool = True
) -> Float64[np.ndarray, "L channels"]:
    """Return the gains from AmbiX channels (ACN, SN3D) to loudspeakers.

    Args:
        layout: Where the loudspeakers stand.
        order: Ambisonic order, 0 or more.
        method: How to decode (see above).
        max_re: Weigh the degrees so that the energy comes from as near to the direction of the
            sound as can be; without, they count as they are (sharper, with sidelobes).

    Raises:
        ValueError: The method is unknown.
        DataError: The method does not fit the layout.
    """
    if method not in METHODS:
        raise ValueError(f"the method must be one of {', '.join(METHODS)}, got {method!r}.")
    degrees = channel_degrees(order)
    weights = max_re_weights(order)[degrees] if max_re else np.ones(len(degrees))
    if method == "allrad":
        gains = _panned(layout, order, weights)
    else:
        gains = _matched(layout, order, method) * weights
    # N3D channels have a mean square of 1, so the sum of squares is the mean energy.
    gains = gains / np.linalg.norm(gains)
    return gains * np.sqrt(2 * degrees + 1)


def max_re_weights(order: int) -> Float64[np.ndarray, "order+1"]:
    """Return the weights of the degrees that make the energy vector longest.

    They are Pₙ(r) with r the largest root of P of degree order + 1, which is the length of the
    energy vector with infinitely many loudspeakers.

    Source: Daniel 2000, "Représentation de champs acoustiques" (thesis), section 3.3.
    """
    length = float(np.polynomial.legendre.leggauss(order + 1)[0].max())
    return np.polynomial.legendre.legvander(np.array([length]), order)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What loudspeakers make of sounds from some directions, seen from the middle.

    Attributes:
        energies: Sums of squared gains; 1 is that of the sound itself.
        energy_vectors: Mean directions of the energy (rE), not longer than 1: high frequencies.
        velocity_vectors: Mean directions of the pressure (rV): low frequencies.
    """

    energies: Float64[np.ndarray, "P"]
    energy_vectors: Float64[np.ndarray, "P 3"]
    velocity_vectors: Float64[np.ndarray, "P 3"]


def reproduce(
    layout: LoudspeakerLayout,
    decoder: Float[np.ndarray, "L channels"],
    directions: Float[np.ndarray, "P 3"],
) -> Reproduction:
    """Return where sounds from some directions are heard through a decoder.

    Source: Gerzon 1992, "General metatheory of auditory localisation", AES 92nd convention.
    """
    order = order_of(decoder.shape[1])
    gains = spherical_harmonics(directions, order) @ decoder.T
    energies = np.sum(gains**2, axis=1)
    return Reproduction(
        energies=energies,
        energy_vectors=(gains**2 @ layout.directions) / energies[:, None],
        velocity_vectors=(gains @ layout.directions) / np.sum(gains, axis=1, keepdims=True),
    )


def _panned(
    layout: LoudspeakerLayout, order: int, channel_weights: Float64[np.ndarray, "channels"]
) -> Float64[np.ndarray, "L channels"]:
    """Return gains from N3D channels by panning virtual loudspeakers, at levels for even energy."""
    points, shares = quadrature(_VIRTUAL_DEGREE + 2 * order)
    harmonics = spherical_harmonics(points, order, normalisation="n3d") * channel_weights
    panned = Panner(layout.directions).gains(points).T * shares
    gains = panned @ harmonics
    levels = np.ones(len(points))
    for _ in range(_ROUNDS):
        energies = np.sum((harmonics / channel_weights @ gains.T) ** 2, axis=1)
        # Only ratios count: where nothing comes from, nothing can be turned up.
        levels /= np.sqrt(energies / energies.mean() + 1e-3)
        gains = panned * levels @ harmonics
    return gains


def _matched(
    layout: LoudspeakerLayout, order: int, method: Method
) -> Float64[np.ndarray, "L channels"]:
    """Return gains from N3D channels by the harmonics of the loudspeakers' directions.

    Raises:
        DataError: There are fewer loudspeakers than channels, or they leave directions open.
    """
    harmonics = spherical_harmonics(layout.directions, order, normalisation="n3d")
    count, channels = harmonics.shape
    instead = "Use allrad, which fits any layout, or a lower order."
    if count < channels:
        raise DataError(
            f"{method} needs {channels} loudspeakers or more for order {order}, and "
            f"{layout.name} has {count}. {instead}"
        )
    left, sizes, right = np.linalg.svd(harmonics, full_matrices=False)
    if sizes[-1] * _LARGEST_CONDITION < sizes[0]:
        raise DataError(
            f"{method} needs loudspeakers that stand evenly all round; those of {layout.name} "
            f"leave gaps at order {order}. {instead}"
        )
    return left @ right if method == "epad" else (left / sizes) @ right
