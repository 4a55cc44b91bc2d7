"""The filters from one source to the two ears: all that a sound meets on its straight way.

Gain, the air, the directivity of the source and the head come together here, as spectra that are
multiplied. What is trivial costs nothing: a source without colour gets the head's own responses.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float, Float32

from auralize.fourier import fast_length, irfft, rfft
from auralize.heard_source import HeardSource
from auralize.interpolation import HrtfInterpolator
from auralize.source_colour import colour_factors, colour_spectra, colour_taps


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
    directions, distances = source.seen_from_listener(times_s)
    gains = source.gains(distances)
    factors = colour_factors(source, times_s)
    if factors is not None:
        gains = gains * factors
    filters = interpolator.impulse_responses(directions) * gains.astype(np.float32)[:, None, None]
    own_taps = binaural_taps(source, interpolator)
    if own_taps > filters.shape[2]:
        length = _even_length(own_taps)
        colour = colour_spectra(source, times_s, length)
        assert colour is not None
        filters = _filtered(filters, colour[:, None], length)[..., :own_taps]
    if taps is not None and taps > own_taps:
        filters = np.pad(filters, ((0, 0), (0, 0), (0, taps - own_taps)))
    return filters


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
    length = _even_length(max(taps, colour_taps(source)))
    colour = colour_spectra(source, times_s, length)
    if factors is None and colour is None:
        return None
    filters = np.zeros((len(times_s), taps), dtype=np.float32)
    filters[:, 0] = 1.0
    if colour is not None:
        filters = irfft(colour, length)[:, :taps].astype(np.float32)
    return filters if factors is None else filters * factors.astype(np.float32)[:, None]


def _filtered(
    responses: Float32[np.ndarray, "T 2 taps"],
    spectra: Complex64[np.ndarray, "T ears bins"],
    length: int,
) -> Float32[np.ndarray, "T 2 length"]:
    return irfft(rfft(responses, length) * spectra, length)


def _even_length(taps: int) -> int:
    """Return an even length that transforms fast and leaves room for what dies out late."""
    return 2 * fast_length(taps)
