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
filled by continuing the surfaces (see `auralize.hrtf.gap_filling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float, Float32, Float64, Int64
from scipy.sparse import csr_array

from auralize.dsp.fourier import rfft
from auralize.dsp.spectral_kernels import mix_rows
from auralize.hrtf.aligned_head import AlignedHead
from auralize.hrtf.direction_mesh import DirectionMesh
from auralize.hrtf.gap_filling import missing_directions
from auralize.hrtf.head import Hrtf
from auralize.hrtf.sphere_splines import smooth_weights

_LARGEST_STEP_RAD = np.radians(2.2)
# Splines go through this many of the nearest directions.
_KNOTS = 24
# Nodes that are kept; KEMAR has 11 000 all round, of which a scene touches few.
_MOST_NODES = 4096
_MOST_AT_ONCE = 256
# Weights below this count nothing (−140 dB).
_COUNTS = 1e-7


@dataclass(frozen=True, slots=True)
class Places:
    """Directions as they lie between the nodes of a head's mesh, one for both ears or one for each.

    Attributes:
        nodes: Numbers of the nodes around each direction.
        weights: How much each of them counts.
    """

    nodes: Int64[np.ndarray, "P ears 3"]
    weights: Float64[np.ndarray, "P ears 3"]

    def __getitem__(self, some: slice) -> Places:
        """Return the places of some directions."""
        return Places(self.nodes[some], self.weights[some])

    def louder(self, gains: Float64[np.ndarray, "P"]) -> Places:
        """Return the same places, from where all sounds louder by some factors."""
        return Places(self.nodes, self.weights * gains[:, None, None])


class HrtfInterpolator:
    """Gives impulse responses for any direction.

    Directions are unit vectors in the listener's frame. Either both ears share one, shape (P, 3),
    or each has its own, shape (P, 2, 3): the parallax of a source close to the head. Ask for many
    directions at once: a call takes about 0.1 ms, and 1 µs more for each direction, where what is
    around them was asked for before (0.1 ms for each node that is new).

    Attributes:
        hrtf: The head.
        filled_poles: Which of "below" and "above" were not measured and are filled.
        aligned_tap_count: Samples of each aligned response.
        early_samples: How much later than the impulse response the aligned response with its
            delay is, for all directions alike: delays are never negative.
    """

    def __init__(self, hrtf: Hrtf, *, largest_step_rad: float = _LARGEST_STEP_RAD) -> None:
        """Prepare a head.

        Args:
            hrtf: The head.
            largest_step_rad: How far apart the nodes of the mesh may be.

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
            largest_step_rad=largest_step_rad,
            name=hrtf.name,
        )
        self._most_nodes = _MOST_NODES
        self._forget()

    def aligned(
        self, directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"]
    ) -> tuple[Float64[np.ndarray, "P 2"], Float32[np.ndarray, "P 2 aligned_taps"]]:
        """Return delays in samples, and the responses that remain without them, left ear first.

        Each response, delayed by its delay less `early_samples`, is the impulse response.
        """
        places = self.places(directions)
        responses = np.empty((len(places.nodes), 2, self.aligned_tap_count), dtype=np.float32)
        self._write(places, 0, responses)
        return self.delays_at(places), responses

    def aligned_spectra(
        self, directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"], length: int
    ) -> tuple[Float64[np.ndarray, "P 2"], Complex64[np.ndarray, "P 2 bins"]]:
        """Return the same as `aligned` with the responses' spectra instead, with no transform.

        Args:
            directions: Unit vectors.
            length: Samples that a real transform takes; `aligned_tap_count` at least.
        """
        planes = np.empty((len(directions), 2, 2 * (length // 2 + 1)), dtype=np.float32)
        delays = self.write_spectra(directions, length, planes)
        bins = length // 2 + 1
        spectra = np.empty((len(directions), 2, bins), dtype=np.complex64)
        spectra.real, spectra.imag = planes[..., :bins], planes[..., bins:]
        return delays, spectra

    def write_spectra(
        self,
        directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"],
        length: int,
        out: Float32[np.ndarray, "P 2 2*bins"],
    ) -> Float64[np.ndarray, "P 2"]:
        """Write what `aligned_spectra` returns, and return the delays in samples.

        Args:
            directions: Unit vectors.
            length: Samples that a real transform takes; `aligned_tap_count` at least.
            out: For each ear the real parts of all bins, and then the imaginary parts.
        """
        places = self.places(directions)
        self.write_spectra_at(places, length, out)
        return self.delays_at(places)

    def places(self, directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"]) -> Places:
        """Return where directions lie, for those who need delays and spectra at other times."""
        wanted = np.asarray(directions, dtype=np.float64)
        if wanted.ndim not in (2, 3) or wanted.shape[1:] not in ((3,), (2, 3)):
            raise ValueError(f"directions have the shape {wanted.shape}, not (P, 3) or (P, 2, 3).")
        nodes, weights = self._mesh.nodes(wanted.reshape(-1, 3))
        # Next to a node nothing else counts, and needs no computing.
        largest = np.take_along_axis(nodes, weights.argmax(axis=1)[:, None], axis=1)
        nodes = np.where(weights > _COUNTS, nodes, largest)
        shape = (len(wanted), wanted.size // max(1, 3 * len(wanted)), 3)
        return Places(nodes.reshape(shape), weights.reshape(shape))

    def delays_at(self, places: Places) -> Float64[np.ndarray, "P 2"]:
        """Return the delays for each ear in samples.

        What all directions need is computed together, which takes less than one after the other.
        """
        delays = np.empty((len(places.nodes), 2))
        ear = np.array([[0], [1]])
        for some in self._bounded(places):
            rows = self._rows_of(places.nodes[some])
            delays[some] = np.sum(places.weights[some] * self._node_delays[rows, ear], axis=-1)
        return delays

    def write_spectra_at(
        self, places: Places, length: int, out: Float32[np.ndarray, "P 2 2*bins"]
    ) -> None:
        """Write the spectra of the aligned responses, as `write_spectra` does."""
        if length < self.aligned_tap_count:
            raise ValueError(
                f"a length of {length} is shorter than the {self.aligned_tap_count} aligned taps."
            )
        self._write(places, length, out)

    def impulse_responses(
        self, directions: Float[np.ndarray, "P 3"] | Float[np.ndarray, "P 2 3"]
    ) -> Float32[np.ndarray, "P 2 taps"]:
        """Return the impulse responses for some directions, left ear first."""
        delays, responses = self.aligned(directions)
        return self._head.delayed(responses, delays - self.early_samples)

    def _write(self, places: Places, length: int, out: np.ndarray) -> None:
        """Write responses (length 0), or their spectra of some length."""
        for some in self._bounded(places):
            rows = self._rows_of(places.nodes[some])
            mix_rows(self._table(length, rows), rows, places.weights[some], out[some])

    def _bounded(self, places: Places) -> Iterator[slice]:
        """Give parts of places for which there is room at once."""
        step = self._most_nodes // max(3, places.nodes[:1].size)
        for start in range(0, len(places.nodes), step):
            yield slice(start, start + step)

    def _rows_of(self, nodes: Int64[np.ndarray, "*P"]) -> Int64[np.ndarray, "*P"]:
        """Return the rows of nodes in the tables, once all are there."""
        rows = self._rows[nodes]
        if rows.min() >= 0:
            return rows
        unique = np.unique(nodes)
        new = unique[self._rows[unique] < 0]
        if self._row_count + len(new) > self._most_nodes:
            self._forget()
            new = unique
        for some in np.array_split(new, -(-len(new) // _MOST_AT_ONCE)):
            self._add(some)
        return self._rows[nodes]

    def prepare(self, places: Sequence[Places], length: int) -> None:
        """Compute what directions need for spectra of some length.

        Together this takes less than one after the other. Where there are too many to be kept,
        nothing is done.
        """
        nodes = np.unique(np.concatenate([some.nodes.ravel() for some in places]))
        if len(nodes) <= self._most_nodes:
            self._table(length, self._rows_of(nodes))

    def prepare_all(self, length: int) -> None:
        """Compute what all directions need for spectra of some length.

        Later calls then only mix: what they take and allocate is the same for all directions.
        """
        if self._most_nodes < self._mesh.node_count:
            self._most_nodes = self._mesh.node_count
            self._forget()
        self._table(length, self._rows_of(np.arange(self._mesh.node_count)))

    def _forget(self) -> None:
        # Memory is taken where it is written to: what is not needed costs nothing.
        self._row_count = 0
        self._rows = np.full(self._mesh.node_count, -1, dtype=np.int64)
        self._node_delays = np.zeros((self._most_nodes, 2))
        shape = (self._most_nodes, 2, self.aligned_tap_count)
        self._responses = np.zeros(shape, dtype=np.float32)
        self._tables: dict[int, _Table] = {}

    def _add(self, nodes: Int64[np.ndarray, "K"]) -> None:
        """Compute nodes."""
        new = slice(self._row_count, self._row_count + len(nodes))
        delays, responses = self._head.mixed(self._node_weights(nodes))
        self._node_delays[new], self._responses[new] = delays, responses
        self._rows[nodes] = np.arange(new.start, new.stop)
        self._row_count = new.stop

    def _table(
        self, length: int, rows: Int64[np.ndarray, "*P"]
    ) -> Float32[np.ndarray, "rows 2 columns"]:
        """Return the nodes' responses (length 0), or their spectra of some length.

        Those of some rows are there.
        """
        if length == 0:
            return self._responses
        if length not in self._tables:
            self._tables[length] = _Table(self._most_nodes, length)
        table = self._tables[length]
        if not table.known[rows].all():
            new = np.unique(rows[~table.known[rows]])
            for some in np.array_split(new, -(-len(new) // _MOST_AT_ONCE)):
                spectra = rfft(self._responses[some], length)
                bins = spectra.shape[2]
                table.planes[some, :, :bins] = np.real(spectra)
                table.planes[some, :, bins:] = np.imag(spectra)
            table.known[new] = True
        return table.planes

    def _node_weights(self, nodes: Int64[np.ndarray, "K"]) -> csr_array:
        """Return how much each vertex counts for each node, shape (nodes, vertices)."""
        around, directions = self._mesh.between(nodes)
        knots: list[np.ndarray] = [np.empty(0, dtype=np.int64)] * len(nodes)
        splined: dict[int, list[int]] = {}
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, vertices in enumerate(around.tolist()):
            groups.setdefault(tuple(v for v in vertices if v >= 0), []).append(number)
        for vertices, members in groups.items():
            if len(vertices) == 1:
                near = np.array([vertices])
            else:
                near = self._mesh.neighbourhood(vertices, directions[members], _KNOTS)
                splined.setdefault(near.shape[1], []).extend(members)
            for member, some in zip(members, near, strict=True):
                knots[member] = some
        weights = [np.ones(len(some)) for some in knots]
        for members in splined.values():
            places = self._mesh.vertices[np.stack([knots[member] for member in members])]
            for member, some in zip(
                members, smooth_weights(places, directions[members]), strict=True
            ):
                weights[member] = some
        ends = np.cumsum([0, *(len(some) for some in knots)])
        return csr_array(
            (np.concatenate(weights), np.concatenate(knots), ends),
            shape=(len(nodes), len(self._mesh.vertices)),
        )


class _Table:
    """Spectra of nodes for transforms of one length: real parts, then imaginary parts."""

    def __init__(self, rows: int, length: int) -> None:
        self.planes = np.zeros((rows, 2, 2 * (length // 2 + 1)), dtype=np.float32)
        self.known = np.zeros(rows, dtype=np.bool_)
