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

import numpy as np
from jaxtyping import Complex64, Float, Float32, Float64
from scipy.sparse import csr_array

from auralize.aligned_head import AlignedHead
from auralize.direction_mesh import DirectionMesh
from auralize.fourier import rfft
from auralize.gap_filling import missing_directions
from auralize.hrtf import Hrtf
from auralize.sphere_splines import smooth_weights

_LARGEST_STEP_RAD = np.radians(2.2)
# Splines go through this many of the nearest directions.
_KNOTS = 24
# Nodes that are kept; KEMAR has 11 000 all round, of which a scene touches few.
_MOST_NODES = 4096
_MOST_AT_ONCE = 256
# Weights below this count nothing (−140 dB).
_COUNTS = 1e-7


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
        filled, self.filled_poles = missing_directions(hrtf.directions, hrtf.name)
        self._head = AlignedHead(hrtf, filled)
        self.aligned_tap_count = self._head.tap_count
        self.early_samples = self._head.early_samples
        self._mesh = DirectionMesh(
            self._head.directions,
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
        return self._head.delayed(responses, delays - self.early_samples)

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
        # Next to a node nothing else counts, and needs no computing.
        largest = np.take_along_axis(keys, weights.argmax(axis=1)[:, None], axis=1)
        keys = np.where(weights > _COUNTS, keys, largest)
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
        delays, responses = self._head.mixed(self._node_weights(keys))
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


def _as_floats(spectra: Complex64[np.ndarray, "rows 2 bins"]) -> np.ndarray:
    return np.ascontiguousarray(spectra, dtype=np.complex64).view(np.float32)


def _grown(table: np.ndarray, rows: int) -> np.ndarray:
    larger = np.zeros((rows, *table.shape[1:]), dtype=table.dtype)
    larger[: len(table)] = table
    return larger
