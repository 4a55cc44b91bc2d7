"""What a room's sound arrives at: two ears, or a point with spherical harmonics."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Complex64, Float, Float32, Float64
from scipy.spatial import KDTree

from auralize.dsp.fourier import fast_length, irfft
from auralize.dsp.spherical_harmonics import spherical_harmonics
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.rooms.late_reverb import Diffuse, DiffuseField, DiffuseHarmonics

# Room for what filters of walls and air add to a response.
_COLOUR_S = 0.006


class Receiver(Protocol):
    """Turns arrivals from directions, and diffuse noise, into channels."""

    outputs: int
    """Channels."""

    @property
    def field(self) -> Diffuse:
        """What diffuse sound is at the channels."""
        ...

    field_late: int
    """By how many samples diffuse sound is to be late, as responses to arrivals are."""

    length: int
    """Samples of the response to one arrival; even."""

    late: int
    """By how many samples all responses to arrivals are late."""

    def arrivals(
        self, directions: Float[np.ndarray, "P 3"], spectra: Complex64[np.ndarray, "P bins"]
    ) -> Float32[np.ndarray, "P outputs length"]:
        """Return the responses to arrivals from directions, each with a filter."""
        ...

    def nearest(self, directions: Float[np.ndarray, "P 3"]) -> Float64[np.ndarray, "P 3"]:
        """Return directions close by that cost least to respond to."""
        ...


class Ears:
    """A head's two ears, left first: each arrival passes through the responses of its direction."""

    outputs = 2

    def __init__(self, interpolator: HrtfInterpolator) -> None:
        """Take a head."""
        self._interpolator = interpolator
        rate = interpolator.hrtf.sample_rate_hz
        self.length = _even_length(
            interpolator.aligned_tap_count + interpolator.early_samples, rate
        )
        self.late = interpolator.early_samples
        self._turns = np.arange(self.length // 2 + 1) / self.length
        self._measured = KDTree(interpolator.hrtf.directions)
        field = DiffuseField(interpolator)
        self.field: Diffuse = field
        self.field_late = field.late

    def arrivals(
        self, directions: Float[np.ndarray, "P 3"], spectra: Complex64[np.ndarray, "P bins"]
    ) -> Float32[np.ndarray, "P 2 length"]:
        """Return the responses to arrivals from directions, each with a filter."""
        delays, at_ears = self._interpolator.aligned_spectra(directions, self.length)
        turns = delays[..., None] * self._turns
        turns -= np.round(turns)
        angles = (-2 * np.pi * turns).astype(np.float32)
        delayed = np.empty(angles.shape, dtype=np.complex64)
        np.cos(angles, out=delayed.real)
        np.sin(angles, out=delayed.imag)
        delayed *= spectra[:, None]
        at_ears *= delayed
        return irfft(at_ears, self.length)

    def nearest(self, directions: Float[np.ndarray, "P 3"]) -> Float64[np.ndarray, "P 3"]:
        """Return the measured directions that are nearest."""
        return self._interpolator.hrtf.directions[self._measured.query(directions)[1]]


class Harmonics:
    """Spherical harmonics around the listener (ACN, SN3D)."""

    late = 0
    field_late = 0

    def __init__(self, order: int, sample_rate_hz: int) -> None:
        """Take an ambisonic order."""
        self._order = order
        self.outputs = (order + 1) ** 2
        self.field: Diffuse = DiffuseHarmonics(order)
        self.length = _even_length(1, sample_rate_hz)

    def arrivals(
        self, directions: Float[np.ndarray, "P 3"], spectra: Complex64[np.ndarray, "P bins"]
    ) -> Float32[np.ndarray, "P outputs length"]:
        """Return the responses to arrivals from directions, each with a filter."""
        harmonics = spherical_harmonics(directions, self._order).astype(np.float32)
        return harmonics[..., None] * irfft(spectra, self.length)[:, None]

    def nearest(self, directions: Float[np.ndarray, "P 3"]) -> Float64[np.ndarray, "P 3"]:
        """Return the directions themselves, which all cost the same."""
        return directions


def _even_length(taps: int, sample_rate_hz: int) -> int:
    return 2 * fast_length(-(-(taps + round(_COLOUR_S * sample_rate_hz)) // 2))
