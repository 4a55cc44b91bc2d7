"""Impulse responses of a head for any direction, from those that were measured.

The measured directions span triangles on the sphere. Inside a triangle, with weights that are one
at a corner and fall linearly to the opposite side,

- the magnitude in decibels is the weighted mean of the corners',
- the onset of each ear is the weighted mean of the corners' onsets, and
- the phase that remains without the onset is that of the weighted mean of unit phasors, which
  needs no unwrapping and is continuous over the whole sphere.

At a measured direction this gives back the measured response. Where a set leaves out the floor or
the ceiling (KEMAR ends at −40°), the pole is filled with the mean of the nearest ring.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float, Float32, Float64, Int
from scipy.spatial import ConvexHull, QhullError

from auralize.fourier import fast_length, irfft, rfft
from auralize.hrtf import Hrtf
from capture.errors import DataError

# A pole is missing where the last ring ends below 75° of elevation; the ring is what lies within
# 10° of the last measured elevation.
_POLE_ELEVATION_RAD = np.radians(75.0)
_RING_WIDTH_RAD = np.radians(10.0)
# The widest hole: the plane of a triangle must be this far from the middle of the unit sphere
# (a circle of 66° around its corners).
_NEAREST_PLANE = 0.4
# Magnitudes are kept above −180 dB of the largest, so that their logarithms are finite.
_SMALLEST = 1e-9
_ONSET_THRESHOLD = 0.1


class HrtfInterpolator:
    """Gives impulse responses for any direction.

    Attributes:
        hrtf: The head.
        filled_poles: Which of "below" and "above" were not measured and are filled.
    """

    def __init__(self, hrtf: Hrtf) -> None:
        """Prepare a head.

        Raises:
            DataError: The directions do not go all round.
        """
        self.hrtf = hrtf
        self._length = fast_length(hrtf.tap_count + 256)
        spectrum = rfft(hrtf.impulse_responses, self._length)
        magnitude = np.abs(spectrum)
        magnitude = np.maximum(magnitude, magnitude.max() * _SMALLEST)
        onsets = _onsets(hrtf.impulse_responses)
        self._bins_per_turn = np.arange(spectrum.shape[-1]) / self._length
        phasors = spectrum / magnitude * self._delayed_by(-onsets)

        poles, fill = _missing_poles(hrtf.directions)
        self.filled_poles = tuple("below" if pole[2] < 0 else "above" for pole in poles)
        self._log_magnitudes = _filled(np.log(magnitude), fill).astype(np.float32)
        self._phasors = _filled(phasors, fill).astype(np.complex64)
        self._onsets = _filled(onsets, fill)
        self._corners, self._weights_from_direction = _triangulate(
            np.concatenate([hrtf.directions, poles]), hrtf.name
        )

    def impulse_responses(
        self, directions: Float[np.ndarray, "P 3"]
    ) -> Float32[np.ndarray, "P 2 taps"]:
        """Return the impulse responses for some directions, left ear first.

        Args:
            directions: Unit vectors in the listener's frame.
        """
        corners, weights = self.weights(directions)
        shape = (len(corners), 2, self._log_magnitudes.shape[-1])
        log_magnitude = np.zeros(shape, dtype=np.float32)
        phasor = np.zeros(shape, dtype=np.complex64)
        onset = np.zeros(shape[:2])
        for corner, weight in zip(corners.T, weights.T, strict=True):
            factor = weight.astype(np.float32)[:, None, None]
            log_magnitude += factor * self._log_magnitudes[corner]
            phasor += factor * self._phasors[corner]
            onset += weight[:, None] * self._onsets[corner]
        length = np.maximum(np.abs(phasor), np.float32(1e-12))
        phasor *= np.exp(log_magnitude) / length
        phasor *= self._delayed_by(onset)
        responses = irfft(phasor, self._length)
        return responses[..., : self.hrtf.tap_count]

    def weights(
        self, directions: Float[np.ndarray, "P 3"]
    ) -> tuple[Int[np.ndarray, "P 3"], Float64[np.ndarray, "P 3"]]:
        """Return which measured directions surround each direction, and how much each counts.

        Indices beyond the measured directions stand for filled poles.
        """
        # A direction is a weighted sum of three corners; the weights are all positive in the one
        # triangle that it passes through.
        count = len(self._corners)
        parts = (self._weights_from_direction @ np.asarray(directions, dtype=np.float64).T).reshape(
            3, count, -1
        )
        least = np.minimum(np.minimum(parts[0], parts[1]), parts[2])
        triangle = least.argmax(axis=0)
        weights = np.clip(parts[:, triangle, np.arange(parts.shape[2])].T, 0.0, None)
        return self._corners[triangle], weights / weights.sum(axis=-1, keepdims=True)

    def _delayed_by(
        self, delays_samples: Float[np.ndarray, "P 2"]
    ) -> Complex[np.ndarray, "P 2 bins"]:
        """Return the spectrum of a delay; turns are reduced first, so float32 is enough."""
        turns = delays_samples[..., None] * self._bins_per_turn
        turns -= np.round(turns)
        angle = (-2 * np.pi * turns).astype(np.float32)
        delayed = np.empty(angle.shape, dtype=np.complex64)
        np.cos(angle, out=delayed.real)
        np.sin(angle, out=delayed.imag)
        return delayed


def _onsets(responses: Float64[np.ndarray, "D 2 taps"]) -> Float64[np.ndarray, "D 2"]:
    """Return where each response first reaches a tenth of its maximum, in samples."""
    magnitudes = np.abs(responses)
    threshold = _ONSET_THRESHOLD * magnitudes.max(axis=-1, keepdims=True)
    after = np.maximum((magnitudes >= threshold).argmax(axis=-1), 1)[..., None]
    low = np.take_along_axis(magnitudes, after - 1, axis=-1)
    high = np.take_along_axis(magnitudes, after, axis=-1)
    # The first sample may already be loud: then the line is not between two sides.
    part = np.clip((threshold - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    return (after - 1 + part)[..., 0]


def _missing_poles(
    directions: Float64[np.ndarray, "D 3"],
) -> tuple[Float64[np.ndarray, "K 3"], Float64[np.ndarray, "K D"]]:
    """Return the poles that no direction comes near, and the rings whose mean fills them."""
    elevations = np.arcsin(np.clip(directions[:, 2], -1.0, 1.0))
    poles: list[list[float]] = []
    rings: list[np.ndarray] = []
    for side in (-1.0, 1.0):
        last = np.max(side * elevations)
        if last < _POLE_ELEVATION_RAD:
            ring = side * elevations > last - _RING_WIDTH_RAD / 2
            poles.append([0.0, 0.0, side])
            rings.append(ring / ring.sum())
    return np.reshape(poles, (-1, 3)), np.reshape(rings, (-1, len(directions)))


def _filled(values: np.ndarray, fill: Float64[np.ndarray, "K D"]) -> np.ndarray:
    """Append the means that stand for the missing poles."""
    return np.concatenate([values, np.tensordot(fill, values, axes=1)])


def _triangulate(
    directions: Float64[np.ndarray, "D 3"], name: str
) -> tuple[Int[np.ndarray, "T 3"], Float64[np.ndarray, "3*T 3"]]:
    """Return triangles that cover the sphere, and the map from a direction to its weights.

    The rows of the map are the first corners' of all triangles, then the second corners', then
    the third corners'.

    Raises:
        DataError: The directions leave a hole that is too wide to fill.
    """
    try:
        hull = ConvexHull(directions)
    except (QhullError, ValueError) as error:
        raise DataError(
            f"the HRTF {name!r} has {len(directions)} directions that do not go all round. "
            "Give a SOFA file with directions on a sphere."
        ) from error
    nearest = -float(hull.equations[:, 3].max())
    if nearest < _NEAREST_PLANE:
        hole = np.degrees(np.arccos(np.clip(nearest, -1, 1)))
        raise DataError(
            f"the HRTF {name!r} leaves a hole of {2 * hole:.0f}° between directions. Give a SOFA "
            "file with directions all round."
        )
    corners = hull.simplices
    columns = np.swapaxes(directions[corners], 1, 2)
    return corners, np.swapaxes(np.linalg.inv(columns), 0, 1).reshape(-1, 3)
