"""A mesh of triangles over the sphere of directions, divided finely between its vertices.

The vertices are directions with data. Each triangle of their convex hull is divided into smaller
ones, whose corners are called nodes. A node has a key: the vertices that it lies between, and in
which parts; nodes are numbered in the order of their keys. Nodes on an edge that two triangles
share have one key, so what is computed for nodes and mixed linearly inside the small triangles is
continuous over the whole sphere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64, Int, Int64
from numba import njit
from scipy.spatial import ConvexHull, QhullError

from capture.errors import DataError

# The plane of each triangle must be this far from the middle of the unit sphere (a circle of 78°
# around its corners), or directions hardly fix their weights.
_NEAREST_PLANE = 0.2
# Of all triangles this part has the steps asked for.
_USUAL = 0.95


class DirectionMesh:
    """Triangles over the sphere.

    Attributes:
        vertices: Unit vectors, shape (V, 3).
        parts: Into how many parts each edge is divided.
    """

    def __init__(
        self, vertices: Float64[np.ndarray, "V 3"], *, largest_step_rad: float, name: str
    ) -> None:
        """Span triangles between directions.

        Args:
            vertices: Unit vectors.
            largest_step_rad: How far apart neighbouring nodes may be (not in the few triangles
                that are larger than others).
            name: What errors call the set.

        Raises:
            DataError: The directions do not go all round.
        """
        self.vertices = vertices
        try:
            hull = ConvexHull(vertices)
        except (QhullError, ValueError) as error:
            raise _not_all_round(len(vertices), name) from error
        if float(hull.equations[:, 3].max()) > -_NEAREST_PLANE:
            raise _not_all_round(len(vertices), name)
        self._corners: Int64[np.ndarray, "T 3"] = hull.simplices.astype(np.int64)
        self._across = hull.neighbors.astype(np.int64)  # the triangle opposite to each corner
        corner_vectors = vertices[self._corners]
        self._weights_from_direction = np.linalg.inv(np.swapaxes(corner_vectors, 1, 2))
        edges = np.linalg.norm(corner_vectors - np.roll(corner_vectors, 1, axis=1), axis=2)
        usual = float(np.quantile(edges.max(axis=1), _USUAL))
        self.parts = max(1, math.ceil(2 * np.arcsin(usual / 2) / largest_step_rad))
        # The triangles around each vertex, one vertex after the other.
        self._around = np.argsort(self._corners, axis=None, kind="stable") // 3
        self._starts = np.searchsorted(np.sort(self._corners, axis=None), range(len(vertices) + 1))
        self._near: dict[int, Int64[np.ndarray, "K"]] = {}
        keys = self._all_keys()
        self._keys, numbers = np.unique(keys, return_inverse=True)
        self._nodes: Int64[np.ndarray, "T i j"] = numbers.reshape(keys.shape).astype(np.int64)
        self._last = 0  # a triangle to start looking from

    @property
    def node_count(self) -> int:
        """How many nodes there are; they are numbered from zero."""
        return len(self._keys)

    def nodes(
        self, directions: Float[np.ndarray, "P 3"]
    ) -> tuple[Int64[np.ndarray, "P 3"], Float64[np.ndarray, "P 3"]]:
        """Return the three nodes around each direction, by number, and their weights.

        The weights are not negative and their sum is one.
        """
        wanted = np.ascontiguousarray(directions, dtype=np.float64)
        nodes = np.empty((len(wanted), 3), dtype=np.int64)
        weights = np.empty((len(wanted), 3))
        self._last = _find_nodes(
            self._weights_from_direction,
            self._across,
            self._nodes,
            self._last,
            wanted,
            nodes,
            weights,
        )
        return nodes, weights

    def between(
        self, numbers: Int64[np.ndarray, "K"]
    ) -> tuple[Int64[np.ndarray, "K 3"], Float64[np.ndarray, "K 3"]]:
        """Return the vertices between which nodes lie, and the nodes' directions.

        A node on an edge has two vertices, and one at a vertex has only that: the rest are −1.
        """
        base, digit = len(self.vertices) + 1, self.parts + 1
        rest, third = np.divmod(self._keys[numbers], base)
        rest, count_of_second = np.divmod(rest, digit)
        rest, second = np.divmod(rest, base)
        first, count_of_first = np.divmod(rest, digit)
        last = self.parts - count_of_first - count_of_second
        counts = np.stack([count_of_first, count_of_second, last], axis=1)
        around = np.where(counts > 0, np.stack([first, second, third], axis=1), -1)
        directions = np.einsum("kv,kvx->kx", counts, self.vertices[around])
        return around, directions / np.linalg.norm(directions, axis=1, keepdims=True)

    def neighbourhood(
        self, vertices: Sequence[int], directions: Float64[np.ndarray, "K 3"], most: int
    ) -> Int64[np.ndarray, "K most"]:
        """Return the vertices at most two edges away from some between which directions lie.

        For each direction those nearest to it come first, and as many as `most` are returned.
        """
        found = np.unique(np.concatenate([self._two_edges_away(vertex) for vertex in vertices]))
        closeness = directions @ self.vertices[found].T
        # The vertices themselves first, whatever else is near.
        closeness[:, np.searchsorted(found, np.array(vertices))] += 2.0
        return found[np.argsort(-closeness, axis=1, kind="stable")[:, :most]]

    def _two_edges_away(self, vertex: int) -> Int64[np.ndarray, "K"]:
        if vertex not in self._near:
            beside = [self._one_edge_away(other) for other in self._one_edge_away(vertex).tolist()]
            self._near[vertex] = np.unique(np.concatenate(beside))
        return self._near[vertex]

    def _one_edge_away(self, vertex: int) -> Int64[np.ndarray, "K"]:
        triangles = self._around[self._starts[vertex] : self._starts[vertex + 1]]
        return np.unique(self._corners[triangles])

    def _all_keys(self) -> Int64[np.ndarray, "T parts+1 parts+1"]:
        """Return the keys of the nodes of all triangles.

        The node [i, j] of a triangle has i parts of its second and j parts of its third corner.
        Beyond its third side, where i + j is more than there are parts, its first corner is named.
        """
        i, j = np.meshgrid(*2 * [np.arange(self.parts + 1)], indexing="ij")
        counts = np.stack([self.parts - i - j, i, j], axis=-1)
        counts[i + j > self.parts] = (self.parts, 0, 0)
        return self._keys_of(self._corners, counts.reshape(-1, 3)).reshape(-1, *i.shape)

    def _keys_of(
        self, corners: Int[np.ndarray, "T 3"], counts: Int[np.ndarray, "N 3"]
    ) -> Int64[np.ndarray, "T N"]:
        """Write vertices with their parts, in the vertices' order, as one number."""
        base, digit = len(self.vertices) + 1, self.parts + 1
        names = np.where(counts > 0, corners[:, None, :], len(self.vertices))
        order = np.argsort(names, axis=2)
        names = np.take_along_axis(names, order, axis=2)
        shares = np.take_along_axis(np.broadcast_to(counts, names.shape), order, axis=2)
        key = names[..., 0]
        for digits, value in (
            (digit, shares[..., 0]),
            (base, names[..., 1]),
            (digit, shares[..., 1]),
            (base, names[..., 2]),
        ):
            key = key * digits + value
        return key


def _not_all_round(count: int, name: str) -> DataError:
    return DataError(
        f"the HRTF {name!r} has {count} directions that do not go all round. Give a SOFA file with "
        "directions on a sphere."
    )


@njit(cache=True, nogil=True)
def _find_nodes(
    weights_from_direction: Float64[np.ndarray, "T 3 3"],
    neighbours: Int64[np.ndarray, "T 3"],
    nodes_of_triangle: Int64[np.ndarray, "T i j"],
    triangle: int,
    directions: Float64[np.ndarray, "P 3"],
    nodes: Int64[np.ndarray, "P 3"],
    weights: Float64[np.ndarray, "P 3"],
) -> int:  # pragma: no cover - compiled
    """Write the nodes around directions and their weights; return the last one's triangle.

    From one triangle to the next, the walk goes over the side that the direction lies beyond most;
    it starts where the last direction was.
    """
    parts = nodes_of_triangle.shape[1] - 1
    share = np.empty(3)
    for place in range(len(directions)):
        for _ in range(len(neighbours)):
            for corner in range(3):
                share[corner] = 0.0
                for axis in range(3):
                    share[corner] += (
                        weights_from_direction[triangle, corner, axis] * directions[place, axis]
                    )
            farthest = np.argmin(share)
            if share[farthest] >= -1e-9:
                break
            triangle = neighbours[triangle, farthest]
        total = share[0] + share[1] + share[2]
        u = max(0.0, share[1] / total * parts)
        v = max(0.0, share[2] / total * parts)
        i, j = min(int(u), parts - 1), min(int(v), parts - 1)
        if i + j > parts - 1:  # on the side opposite the first corner, by rounding
            i, j = (i - 1, j) if i > 0 else (i, j - 1)
        u, v = min(u - i, 1.0), min(v - j, 1.0)
        here = nodes_of_triangle[triangle]
        nodes[place, 1], nodes[place, 2] = here[i + 1, j], here[i, j + 1]
        if u + v <= 1.0 or i + j == parts - 1:
            v = min(v, 1.0 - u)
            nodes[place, 0] = here[i, j]
            weights[place, 0], weights[place, 1], weights[place, 2] = 1.0 - u - v, u, v
        else:
            nodes[place, 0] = here[i + 1, j + 1]
            weights[place, 0], weights[place, 1], weights[place, 2] = u + v - 1.0, 1.0 - v, 1.0 - u
    return triangle
