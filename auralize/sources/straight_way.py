"""The filters from one source to the two ears: all that a sound meets on its straight way.

Gain, the air, the directivity of the source, the near field and the head come together here, as
spectra that are multiplied. What is trivial costs nothing: a source that is far enough and has no
colour gets the head's own responses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float, Float32, Float64

from auralize.dsp.fourier import fast_length, irfft
from auralize.hrtf.head import Hrtf
from auralize.sources.colour import colour_factors, colour_spectra, colour_taps
from auralize.sources.heard_source import HeardSource
from auralize.sources.near_field import NearField


@dataclass(frozen=True, slots=True, kw_only=True)
class StraightWay:
    """The straight way from a source to the head, at some times.

    Attributes:
        source: The source.
        times_s: Times of the scene.
        seen: Unit vectors to the source in the listener's frame.
        distances_m: How far away the source is.
        directions: Unit vectors from which the head's measured responses are to be taken: of the
            source, shape (T, 3); or of each ear's own view of it, shape (T, 2, 3).
        gains: Factors at all frequencies: the source's level, the distance, a cardioid.
        near_field: What corrects the head's responses, where the source comes near.
    """

    source: HeardSource
    times_s: Float[np.ndarray, "T"]
    seen: Float64[np.ndarray, "T 3"]
    distances_m: Float64[np.ndarray, "T"]
    directions: Float64[np.ndarray, "T 3"] | Float64[np.ndarray, "T 2 3"]
    gains: Float64[np.ndarray, "T"]
    near_field: NearField | None

    def __getitem__(self, some: slice) -> StraightWay:
        """Return the way at some of the times."""
        return StraightWay(
            source=self.source,
            times_s=self.times_s[some],
            seen=self.seen[some],
            distances_m=self.distances_m[some],
            directions=self.directions[some],
            gains=self.gains[some],
            near_field=self.near_field,
        )

    def spectra(self, length: int) -> Complex64[np.ndarray, "T ears bins"] | None:
        """Return what the head's responses are to be multiplied with: air, directivity, near field.

        Args:
            length: Length of the transforms whose bins the spectra are for; even.

        Returns:
            Spectra for both ears or for each; None if nothing colours the sound.
        """
        colour = colour_spectra(self.source, self.times_s, self.distances_m, length)
        spectra = None if colour is None else colour[:, None]
        near = NearField.near(self.distances_m)
        if self.near_field is None or not near.any():
            return spectra
        per_ear = np.ones((len(near), 2, length // 2 + 1), dtype=np.complex64)
        per_ear[near] = self.near_field.spectra(
            self.seen[near], self.distances_m[near], self.source.sample_rate_hz, length
        )
        return per_ear if spectra is None else per_ear * spectra


def straight_way(source: HeardSource, times_s: Float[np.ndarray, "T"], hrtf: Hrtf) -> StraightWay:
    """Return what a source meets on its straight way to a head, at the rate of the scene."""
    seen, distances = source.seen_from_listener(times_s)
    gains = source.gains_at(times_s, distances)
    factors = colour_factors(source, times_s)
    field, directions = None, seen
    near = NearField.near(distances)
    if source.head_radius_m is not None and near.any():
        field = NearField(
            head_radius_m=source.head_radius_m,
            measured_m=hrtf.distance_m,
            speed_of_sound_m_s=source.medium.speed_of_sound_m_s,
        )
        directions = np.repeat(seen[:, None], 2, axis=1)
        directions[near] = field.ear_directions(seen[near], distances[near])
    return StraightWay(
        source=source,
        times_s=times_s,
        seen=seen,
        distances_m=distances,
        directions=directions,
        gains=gains if factors is None else gains * factors,
        near_field=field,
    )


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
    distances = source.seen_from_listener(times_s)[1]
    colour = colour_spectra(source, times_s, distances, length)
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
