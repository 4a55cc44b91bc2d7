"""Impulse responses of a head for any direction, from those that were measured.

A response is its delay at each ear and what is left when both ears are aligned. Delays and aligned
responses apart suit moving sources, whose delays live in a delay line; the two together are the
impulse response.

Between the measured directions,

- the magnitude in decibels is a smooth surface (a spline) over the sphere at each frequency,
- the onset at each ear is another such surface, and
- the phase that remains without the onset is that of the splined unit phasors, which needs no
  unwrapping.

At a measured direction this gives back the measured response. Splines are evaluated at the nodes
of a mesh whose steps are at most 2.2°, once for each node that is needed; in a small triangle of
the mesh, aligned responses and delays are mixed linearly, which is fast, and continuous all over.
On KEMAR that changes the bands' levels by less than 0.1 dB (rms).

Where a set leaves out the floor or the ceiling (KEMAR ends at −40°), directions about 10° apart are
filled by continuing the surfaces (see `auralize.gap_filling`).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Complex64, Float, Float32, Float64
from scipy.sparse import csr_array

from auralize.direction_mesh import DirectionMesh
from auralize.fourier import fast_length, irfft, rfft
from auralize.gap_filling import continuation_weights, missing_directions
from auralize.hrtf import Hrtf
from auralize.sphere_splines import smooth_weights

_LARGEST_STEP_RAD = np.radians(2.2)
# Splines go through this many of the nearest directions.
_KNOTS = 24
# Magnitudes are kept above −180 dB of the largest, so that their logarithms are finite.
_SMALLEST = 1e-9
_ONSET_THRESHOLD = 0.1
# What an aligned response keeps at least before its onset (a tenth of the maximum), all that is
# above −90 dB before, and samples at its ends for what rings there.
_LEAD_S = 1.4e-3
_INAUDIBLE = 3e-5
_TAIL = 24
# Nodes that are kept; KEMAR has 11 000 all round, of which a scene touches few.
_MOST_NODES = 4096
_MOST_AT_ONCE = 256


class HrtfInterpolator:
    """Gives impulse responses for any direction.

    Directions are unit vectors in the listener's frame. Either both ears share one, shape (P, 3),
    or each has its own, shape (P, 2, 3): the parallax of a source close to the head. Ask for many
    directions at once: a call takes about 0.2 ms, and 10 µs more for each direction.

    Attributes:
        hrtf: The head.
        filled_poles: Which of "below" and "above" were not measured and are filled.
        aligned_tap_count: Samples of each aligned response.
        early_samples: How much later than the impulse response the aligned response with its
            delay is, for all directions alike: delays are never negative.
    """

    def __init__(self, hrtf: Hrtf) -> None:
        """Prepare a head.

        Raises:
            DataError: The directions do not go all round.
        """
        self.hrtf = hrtf
        self._length = fast_length(hrtf.tap_count + 512)
        self._bins_per_turn = np.arange(self._length // 2 + 1) / self._length
        filled, self.filled_poles = missing_directions(hrtf.directions, hrtf.name)
        self._fill = continuation_weights(hrtf.directions, filled)

        onsets = _onsets(hrtf.impulse_responses)
        lead = max(round(_LEAD_S * hrtf.sample_rate_hz), _heard_before(hrtf, onsets) + _TAIL)
        all_onsets = np.concatenate([onsets, self._fill @ onsets])
        self.early_samples = max(0, int(np.ceil(lead - all_onsets.min())))
        self._delays = all_onsets - lead + self.early_samples
        self.aligned_tap_count = math.ceil(hrtf.tap_count - onsets.min()) + lead + _TAIL

        # Of the measured and the filled directions; computed when they are needed, because of a
        # large set few are.
        count, bins = len(all_onsets), self._length // 2 + 1
        self._from_lead = lead - onsets
        self._known = np.zeros(count, dtype=np.bool_)
        self._log_magnitudes = np.empty((count, 2, bins), dtype=np.float32)
        self._phasors = np.empty((count, 2, bins), dtype=np.complex64)
        self._smallest = _SMALLEST * float(np.abs(hrtf.impulse_responses).sum(axis=2).max())
        self._mesh = DirectionMesh(
            np.concatenate([hrtf.directions, filled]),
            largest_step_rad=_LARGEST_STEP_RAD,
            name=hrtf.name,
        )
        self._forget()

    def aligned(
        self, directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"]
    ) -> tuple[Float64[np.ndarray, "P 2"], Float32[np.ndarray, "P 2 aligned_taps"]]:
        """Return delays in samples, and the responses that remain without them, left ear first.

        Each response, delayed by its delay less `early_samples`, is the impulse response.
        """
        return self._mixed(directions, 0, np.dtype(np.float32))

    def aligned_spectra(
        self, directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"], length: int
    ) -> tuple[Float64[np.ndarray, "P 2"], Complex64[np.ndarray, "P 2 bins"]]:
        """Return the same as `aligned` with the responses' spectra instead, with no transform.

        Args:
            directions: Unit vectors.
            length: Samples that a real transform takes; `aligned_tap_count` at least.
        """
        if length < self.aligned_tap_count:
            raise ValueError(
                f"a length of {length} is shorter than the {self.aligned_tap_count} aligned taps."
            )
        return self._mixed(directions, length, np.dtype(np.complex64))

    def impulse_responses(
        self, directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"]
    ) -> Float32[np.ndarray, "P 2 taps"]:
        """Return the impulse responses for some directions, left ear first."""
        delays, responses = self.aligned(directions)
        spectrum = rfft(responses, self._length)
        spectrum *= self._delayed_by(delays - self.early_samples)
        return irfft(spectrum, self._length)[..., : self.hrtf.tap_count]

    def _mixed(
        self, directions: np.ndarray, length: int, dtype: np.dtype[np.generic]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mix the nodes around directions; their responses, or their spectra of some length."""
        wanted = np.asarray(directions, dtype=np.float64)
        if wanted.ndim not in (2, 3) or wanted.shape[1:] not in ((3,), (2, 3)):
            raise ValueError(f"directions have the shape {wanted.shape}, not (P, 3) or (P, 2, 3).")
        parts = [
            self._mixed_few(wanted[start : start + _MOST_AT_ONCE], length)
            for start in range(0, max(1, len(wanted)), _MOST_AT_ONCE)
        ]
        delays = np.concatenate([delays for delays, _ in parts])
        values = np.concatenate([values for _, values in parts]) if len(parts) > 1 else parts[0][1]
        return delays, values.view(dtype)

    def _mixed_few(self, wanted: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        keys, weights = self._mesh.nodes(wanted.reshape(-1, 3))
        rows = self._rows_of(keys)
        table = self._tables[length] if length == 0 else self._spectra(length)
        ears = 2 if wanted.ndim == 2 else 1
        # Rows of single ears: those of a node lie side by side.
        rows = np.repeat(rows.reshape(-1, 3) * 2, ears, axis=0)
        rows[1::2] += 1
        weights = np.repeat(weights, ears, axis=0)
        count = len(rows)
        mixing = csr_array(
            (
                weights.astype(np.float32).ravel(),
                rows.ravel().astype(np.int32),
                np.arange(0, 3 * count + 1, 3, dtype=np.int32),
            ),
            shape=(count, 2 * len(table)),
        )
        values = mixing @ table.reshape(2 * len(table), -1)
        delays = np.sum(weights * self._node_delays.reshape(-1)[rows], axis=1)
        return delays.reshape(-1, 2), values.reshape(-1, 2, values.shape[-1])

    def _rows_of(self, keys: np.ndarray) -> np.ndarray:
        """Return the rows of nodes in the tables; nodes that are new are computed."""
        unique, places = np.unique(keys, return_inverse=True)
        new = [key for key in unique.tolist() if key not in self._rows]
        if len(self._rows) + len(new) > _MOST_NODES:
            self._forget()
            new = unique.tolist()
        if new:
            self._add(new)
        rows = np.array([self._rows[key] for key in unique.tolist()], dtype=np.int64)
        return rows[places]

    def _forget(self) -> None:
        self._rows: dict[int, int] = {}
        self._node_delays = np.zeros((0, 2))
        self._tables = {0: np.zeros((0, 2, self.aligned_tap_count), dtype=np.float32)}

    def _add(self, keys: list[int]) -> None:
        """Compute nodes."""
        count = len(self._rows)
        delays, responses = self._nodes(keys)
        room = len(self._node_delays)
        if count + len(keys) > room:
            room = max(64, 2 * room, count + len(keys))
            self._node_delays = _grown(self._node_delays, room)
            self._tables[0] = _grown(self._tables[0], room)
        new = slice(count, count + len(keys))
        self._node_delays[new] = delays
        self._tables[0][new] = responses
        self._rows.update(zip(keys, range(count, count + len(keys)), strict=True))
        for length in self._tables:
            if length > 0:
                if room > len(self._tables[length]):
                    self._tables[length] = _grown(self._tables[length], room)
                self._tables[length][new] = _as_floats(rfft(self._tables[0][new], length))

    def _spectra(self, length: int) -> Float32[np.ndarray, "rows 2 floats"]:
        """Return the nodes' spectra, real and imaginary parts in turn."""
        if length not in self._tables:
            self._tables[length] = _as_floats(rfft(self._tables[0], length))
        return self._tables[length]

    def _nodes(
        self, keys: list[int]
    ) -> tuple[Float64[np.ndarray, "K 2"], Float32[np.ndarray, "K 2 aligned_taps"]]:
        """Return the delays and the aligned responses of nodes."""
        weights = self._node_weights(keys)
        self._learn(np.unique(weights.indices))
        delays = np.maximum(weights @ self._delays, 0.0)
        single = weights.astype(np.float32)
        vertex_count, _, bins = self._phasors.shape
        phasors = single @ self._phasors.view(np.float32).reshape(vertex_count, -1)
        phasors = phasors.view(np.complex64).reshape(-1, 2, bins)
        magnitudes = single @ self._log_magnitudes.reshape(vertex_count, -1)
        np.exp(magnitudes, out=magnitudes)
        magnitudes = magnitudes.reshape(-1, 2, bins)
        magnitudes /= np.maximum(np.abs(phasors), np.float32(1e-12))
        phasors *= magnitudes
        return delays, irfft(phasors, self._length)[..., : self.aligned_tap_count]

    def _learn(self, vertices: np.ndarray) -> None:
        """Compute magnitudes and phasors of some vertices, those that are not known yet."""
        new = vertices[~self._known[vertices]]
        self._known[new] = True
        measured = new[new < len(self._fill.T)]
        spectrum = rfft(self.hrtf.impulse_responses[measured], self._length)
        magnitude = np.maximum(np.abs(spectrum), self._smallest)
        self._log_magnitudes[measured] = np.log(magnitude)
        spectrum /= magnitude
        self._phasors[measured] = spectrum * self._delayed_by(self._from_lead[measured])
        filled = new[len(measured) :] - len(self._fill.T)
        if len(filled) > 0:
            knots = np.flatnonzero(self._fill.any(axis=0))
            self._learn(knots)
            weights = self._fill[np.ix_(filled, knots)]
            for values in (self._log_magnitudes, self._phasors):
                values[len(self._fill.T) + filled] = np.tensordot(weights, values[knots], axes=1)

    def _node_weights(self, keys: list[int]) -> csr_array:
        """Return how much each vertex counts for each node, shape (nodes, vertices)."""
        knots: list[np.ndarray] = []
        splined: dict[int, list[int]] = {}
        directions = np.zeros((len(keys), 3))
        for number, key in enumerate(keys):
            vertices, directions[number] = self._mesh.node(key)
            if len(vertices) == 1:
                knots.append(np.array(vertices))
            else:
                knots.append(self._mesh.neighbourhood(vertices, directions[number], _KNOTS))
                splined.setdefault(len(knots[-1]), []).append(number)
        weights = [np.ones(len(some)) for some in knots]
        for numbers in splined.values():
            places = self._mesh.vertices[np.stack([knots[number] for number in numbers])]
            for number, some in zip(
                numbers, smooth_weights(places, directions[numbers]), strict=True
            ):
                weights[number] = some
        ends = np.cumsum([0, *(len(some) for some in knots)])
        return csr_array(
            (np.concatenate(weights), np.concatenate(knots), ends),
            shape=(len(keys), len(self._mesh.vertices)),
        )

    def _delayed_by(
        self, delays_samples: Float[np.ndarray, "P 2"]
    ) -> Complex64[np.ndarray, "P 2 bins"]:
        """Return the spectrum of a delay; turns are reduced first, so float32 is enough."""
        turns = delays_samples[..., None] * self._bins_per_turn
        turns -= np.round(turns)
        angle = (-2 * np.pi * turns).astype(np.float32)
        delayed = np.empty(angle.shape, dtype=np.complex64)
        np.cos(angle, out=delayed.real)
        np.sin(angle, out=delayed.imag)
        return delayed


def _as_floats(spectra: Complex64[np.ndarray, "rows 2 bins"]) -> np.ndarray:
    return np.ascontiguousarray(spectra, dtype=np.complex64).view(np.float32)


def _grown(table: np.ndarray, rows: int) -> np.ndarray:
    larger = np.zeros((rows, *table.shape[1:]), dtype=table.dtype)
    larger[: len(table)] = table
    return larger


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


def _heard_before(hrtf: Hrtf, onsets: Float64[np.ndarray, "D 2"]) -> int:
    """Return how many samples before an onset a response may begin."""
    magnitudes = np.abs(hrtf.impulse_responses)
    first = (magnitudes > _INAUDIBLE * magnitudes.max()).argmax(axis=-1)
    return math.ceil((onsets - first).max())
