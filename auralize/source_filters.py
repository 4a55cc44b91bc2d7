"""The filters from one source to the two ears: all that a sound meets on its straight way."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from auralize.heard_source import HeardSource
from auralize.interpolation import HrtfInterpolator


def binaural_filters(
    source: HeardSource, times_s: np.ndarray, interpolator: HrtfInterpolator
) -> Float32[np.ndarray, "T 2 taps"]:
    """Return the impulse responses of a source at some times, with its gain."""
    directions, distances = source.seen_from_listener(times_s)
    gains = source.gains(distances).astype(np.float32)
    return interpolator.impulse_responses(directions) * gains[:, None, None]
