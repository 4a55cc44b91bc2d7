"""The filters from one source to the two ears: all that a sound meets on its straight way.

Gain, the air, the directivity of the source, the near field and the head come together here, as
spectra that are multiplied. What is trivial costs nothing: a source that is far enough and has no
colour gets the head's own responses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float, Float32, Float64

from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.hrtf.head import Hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.sources.colour import colour_factors, colour_spectra, colour_taps
from auralize.sources.heard_source import HeardSource
from auralize.sources.near_field import NearField


@dataclass(frozen=True, slots=True, kw_only=True)
class StraightWay:
    """The straight way from a source to the head, at some times.

    Attributes:
        distances_m: How far away the source is.
        directions: Unit vectors from which the head's measured responses are to be taken: of the
            source, shape (T, 3); or of each ear's own view of it, shape (T, 2, 3).
        gains: Factors at all frequencies: the source's level, the distance, a cardioid.
        spectra: What the responses are to be multiplied with: air, directivity, near field, shape
            (T, 1 or 2 ears, bins); None if nothing colours the sound.
    """

    distances_m: Float64[np.ndarray, "T"]
    directions: Float64[np.ndarray, "T 3"] | Float64[np.ndarray, "T 2 3"]
    gains: Float64[np.ndarray, "T"]
    spectra: Complex64[np.ndarray, "T ears bins"] | None


def straight_way(
    source: HeardSource, times_s: Float[np.ndarray, "T"], hrtf: Hrtf, length: int
) -> StraightWay:
    """Return what a source meets on its straight way to a head.

    Args:
        source: The source.
        times_s: Times of the scene.
        hrtf: The head, at the rate of the scene.
        length: Length of the transforms whose bins the spectra are for; even.
    """
    directions, distances = source.seen_from_listener(times_s)
    gains = source.gains(distances)
    factors = colour_factors(source, times_s)
    if factors is not None:
        gains = gains * factors
    colour = colour_spectra(source, times_s, length)
    spectra = None if colour is None else colour[:, None]
    near = NearField.near(distances)
    if source.head_radius_m is not None and near.any():
        field = NearField(
            head_radius_m=source.head_radius_m,
            measured_m=hrtf.distance_m,
            speed_of_sound_m_s=source.medium.speed_of_sound_m_s,
        )
        both = np.repeat(directions[:, None], 2, axis=1)
        both[near] = field.ear_directions(directions[near], distances[near])
        per_ear = np.ones((len(times_s), 2, length // 2 + 1), dtype=np.complex64)
        per_ear[near] = field.spectra(
            directions[near], distances[near], hrtf.sample_rate_hz, length
        )
        spectra = per_ear if spectra is None else per_ear * spectra
        directions = both
    return StraightWay(distances_m=distances, directions=directions, gains=gains, spectra=spectra)


def binaural_taps(source: HeardSource, interpolator: HrtfInterpolator) -> int:
    """Return how many taps the filters of a source have, at all times."""
    return interpolator.hrtf.tap_count + colour_taps(source)


def binaural_filters(
    source: HeardSource,
    times_s: Float[np.ndarray, "T"],
    interpolator: HrtfInterpolator,
    taps: int | None = None,
) -> Float32[np.ndarray, "T 2 taps"]:
    """Return the impulse responses of a source at some times, with its gain.

    Args:
        source: The source.
        times_s: Times of the scene.
        interpolator: The head.
        taps: Length to fill up with zeros, `binaural_taps` or more (that of the source if None).
    """
    own_taps = binaural_taps(source, interpolator)
    length = even_length(own_taps)
    way = straight_way(source, times_s, interpolator.hrtf, length)
    filters = interpolator.impulse_responses(way.directions)
    filters *= way.gains.astype(np.float32)[:, None, None]
    if way.spectra is not None:
        filters = irfft(rfft(filters, length) * way.spectra, length)[..., :own_taps]
    missing = max(own_taps, taps or 0) - filters.shape[2]
    return np.pad(filters, ((0, 0), (0, 0), (0, missing))) if missing > 0 else filters


def mono_filters(
    source: HeardSource, times_s: Float[np.ndarray, "T"], taps: int
) -> Float32[np.ndarray, "T taps"] | None:
    """Return what air and directivity do to a source at some times; None if they do nothing.

    The distance law and the source's own gain are not in it (see `HeardSource.gains`). The filters
    are minimum-phase: they delay nothing.

    Args:
        source: The source.
        times_s: Times of the scene.
        taps: Length of the filters; `colour_taps` of the source or more leaves nothing out.
    """
    factors = colour_factors(source, times_s)
    length = even_length(max(taps, colour_taps(source)))
    colour = colour_spectra(source, times_s, length)
    if factors is None and colour is None:
        return None
    filters = np.zeros((len(times_s), taps), dtype=np.float32)
    filters[:, 0] = 1.0
    if colour is not None:
        filters = irfft(colour, length)[:, :taps].astype(np.float32)
    return filters if factors is None else filters * factors.astype(np.float32)[:, None]


def comes_near(source: HeardSource) -> bool:
    """Whether the near field is heard of a source at any time."""
    return source.head_radius_m is not None and bool(NearField.near(np.array(source.nearest_m)))


def even_length(taps: int) -> int:
    """Return an even length that transforms fast and leaves room for what dies out late."""
    return 2 * fast_length(taps)
