"""A mesh of triangles over the sphere of directions, divided finely between its vertices.

The vertices are directions with data. Each triangle of their convex hull is divided into smaller
ones, whose corners are called nodes. A node has a key: the vertices that it lies between, and in
which parts. Nodes on an edge that two triangles share have one key, so what is computed for nodes
and mixed linearly inside the small triangles is continuous over the whole sphere.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Float64, Int, Int64
from scipy.spatial import ConvexHull, KDTree, QhullError

from capture.errors import DataError

# The plane of each triangle must be this far from the middle of the unit sphere (a circle of 78°
# around its corners), or directions hardly fix their weights.
_NEAREST_PLANE = 0.2
# Of all triangles this part has the steps asked for.
_USUAL = 0.95
_MOST_STEPS = 100


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
        self._across = hull.neighbors  # the triangle opposite to each corner
        corner_vectors = vertices[self._corners]
        self._weights_from_direction = np.linalg.inv(np.swapaxes(corner_vectors, 1, 2))
        edges = np.linalg.norm(corner_vectors - np.roll(corner_vectors, 1, axis=1), axis=2)
        usual = float(np.quantile(edges.max(axis=1), _USUAL))
        self.parts = max(1, math.ceil(2 * np.arcsin(usual / 2) / largest_step_rad))
        self._tree = KDTree(vertices)
        self._some_triangle = np.zeros(len(vertices), dtype=np.int64)
        self._some_triangle[self._corners] = np.arange(len(self._corners))[:, None]
        # The triangles around each vertex, one vertex after the other.
        self._around = np.argsort(self._corners, axis=None, kind="stable") // 3
        self._starts = np.searchsorted(np.sort(self._corners, axis=None), range(len(vertices) + 1))
        self._near: dict[int, Int64[np.ndarray, "K"]] = {}

    def triangles(
        self, directions: Float[np.ndarray, "P 3"]
    ) -> tuple[Int64[np.ndarray, "P 3"], Float64[np.ndarray, "P 3"]]:
        """Return the vertices of the triangle that each direction goes through, and its weights.

        The weights are not negative and their sum is one; the weighted sum of the vertices points
        in the direction.
        """
        wanted = np.asarray(directions, dtype=np.float64)
        found = self._some_triangle[self._tree.query(wanted)[1]]
        weights = np.einsum("pij,pj->pi", self._weights_from_direction[found], wanted)
        # From a triangle close by, step over the edge that the direction lies beyond.
        away = np.flatnonzero(weights.min(axis=1) < 0.0)
        for _ in range(_MOST_STEPS):
            if len(away) == 0:
                break
            found[away] = self._across[found[away], weights[away].argmin(axis=1)]
            weights[away] = np.einsum(
                "pij,pj->pi", self._weights_from_direction[found[away]], wanted[away]
            )
            # Rounding may put a direction on an edge outside of both its triangles.
            away = away[weights[away].min(axis=1) < -1e-12]
        weights = np.clip(weights, 0.0, None)
        return self._corners[found], weights / weights.sum(axis=1, keepdims=True)

    def nodes(
        self, directions: Float[np.ndarray, "P 3"]
    ) -> tuple[Int64[np.ndarray, "P 3"], Float64[np.ndarray, "P 3"]]:
        """Return the keys of the three nodes around each direction, and their weights."""
        corners, weights = self.triangles(directions)
        scaled = self.parts * weights
        whole = np.floor(scaled).astype(np.int64)
        left = self.parts - whole.sum(axis=1)
        # At a vertex nothing is left: count its last step as a part.
        at_vertex = np.flatnonzero(left == 0)
        whole[at_vertex, whole[at_vertex].argmax(axis=1)] -= 1
        upright = (left != 2)[:, None]
        part = scaled - whole
        mixing = np.where(upright, part, 1.0 - part)
        steps = np.where(upright[:, :, None], np.eye(3, dtype=np.int64), 1 - np.eye(3, dtype=int))
        return self._keys(corners, whole[:, None, :] + steps), mixing / mixing.sum(
            axis=1, keepdims=True
        )

    def node(self, key: int) -> tuple[list[int], Float64[np.ndarray, "3"]]:
        """Return the vertices around a node (only itself where it is one), and its direction."""
        base, digit = len(self.vertices) + 1, self.parts + 1
        rest, third = divmod(key, base)
        rest, count_of_second = divmod(rest, digit)
        rest, second = divmod(rest, base)
        first, count_of_first = divmod(rest, digit)
        counts = (count_of_first, count_of_second, self.parts - count_of_first - count_of_second)
        around = [(v, c) for v, c in zip((first, second, third), counts, strict=True) if c > 0]
        direction = np.sum([c * self.vertices[v] for v, c in around], axis=0)
        return [v for v, _ in around], direction / np.linalg.norm(direction)

    def neighbourhood(
        self, vertices: list[int], direction: Float64[np.ndarray, "3"], most: int
    ) -> Int64[np.ndarray, "K"]:
        """Return the vertices at most two edges away, those nearest to a direction first."""
        found = np.unique(np.concatenate([self._two_edges_away(vertex) for vertex in vertices]))
        closeness = self.vertices[found] @ direction
        # The vertices themselves first, whatever else is near.
        closeness[np.searchsorted(found, vertices)] += 2.0
        return found[np.argsort(-closeness, kind="stable")[:most]]

    def _two_edges_away(self, vertex: int) -> Int64[np.ndarray, "K"]:
        if vertex not in self._near:
            beside = [self._one_edge_away(other) for other in self._one_edge_away(vertex).tolist()]
            self._near[vertex] = np.unique(np.concatenate(beside))
        return self._near[vertex]

    def _one_edge_away(self, vertex: int) -> Int64[np.ndarray, "K"]:
        triangles = self._around[self._starts[vertex] : self._starts[vertex + 1]]
        return np.unique(self._corners[triangles])

    def _keys(
        self, corners: Int[np.ndarray, "P 3"], counts: Int[np.ndarray, "P 3 3"]
    ) -> Int64[np.ndarray, "P 3"]:
        """Write vertices with their parts, in the vertices' order, as one number."""
        base, digit = len(self.vertices) + 1, self.parts + 1
        names = np.where(counts > 0, corners[:, None, :], len(self.vertices))
        order = np.argsort(names, axis=2)
        names = np.take_along_axis(names, order, axis=2)
        counts = np.take_along_axis(counts, order, axis=2)
        key = names[..., 0]
        for digits, value in (
            (digit, counts[..., 0]),
            (base, names[..., 1]),
            (digit, counts[..., 1]),
            (base, names[..., 2]),
        ):
            key = key * digits + value
        return key


def _not_all_round(count: int, name: str) -> DataError:
    return DataError(
        f"the HRTF {name!r} has {count} directions that do not go all round. Give a SOFA file with "
        "directions on a sphere."
    )
