"""Clouds that hold still: points that stay as long as there is surface where they are.

A depth camera never sees a standing player in the same points twice. Kept as they come, clouds
flicker, and every one is all new. Here a point stays, with its color, while the next cloud has
points near it, and only what moved is removed and added. That looks calmer, and takes a tenth of
the room. What is added takes the rows of what vanished close by, so that a viewer who draws rows
on their way from place to place sees a bow move instead of jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Int64, UInt8

    from capture.point_cloud import PointCloud

# In spacings: how far from its surface a point may come, and how near new points come to old ones.
_STAYS = 0.7
_FILLS = 0.85
# How far a row travels at most between two clouds, in metres, and the rounds of pairing.
_TRAVELS_M = 0.25
_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different from the points before.

    Attributes:
        rows: Rows that hold other points now, increasing.
        positions_m: Where those are, world axes.
        colors: Their colors.
        removed: Rows that hold nothing any more, increasing.
    """

    rows: Int64[np.ndarray, "added"]
    positions_m: Float32[np.ndarray, "added 3"]
    colors: UInt8[np.ndarray, "added 3"]
    removed: Int64[np.ndarray, "removed"]


class SteadyPoints:
    """Rows of points that follow a sequence of clouds."""

    def __init__(self, spacing_m: float) -> None:
        """Start without points; `spacing_m` is how close to each other they are at most."""
        self._spacing_m = spacing_m
        self._positions_m = np.zeros((0, 3), dtype=np.float32)
        self._colors = np.zeros((0, 3), dtype=np.uint8)
        self._alive: Bool[np.ndarray, "rows"] = np.zeros(0, dtype=np.bool_)

    @property
    def row_count(self) -> int:
        """Rows that were ever used."""
        return len(self._alive)

    def everything(self) -> Change:
        """Return all points as a change from none."""
        rows = np.flatnonzero(self._alive)
        return Change(
            rows=rows,
            positions_m=self._positions_m[rows],
            colors=self._colors[rows],
            removed=np.zeros(0, dtype=np.int64),
        )

    def follow(self, cloud: PointCloud) -> Change:
        """Take the next cloud, and return what changes."""
        seen = cloud.thinned(self._spacing_m)
        colors = seen.colors if seen.colors is not None else np.full((len(seen), 3), 200, np.uint8)
        alive = np.flatnonzero(self._alive)
        fresh = np.ones(len(seen), dtype=np.bool_)
        gone = alive
        if len(alive) and len(seen):
            # Half the spacing tells the surface as well as all points do, and is quicker.
            surface = _tree(cloud.thinned(self._spacing_m / 2).positions_m)
            reach = _STAYS * self._spacing_m
            away = surface.query(self._positions_m[alive], distance_upper_bound=reach)[0]
            stay = np.isfinite(away)
            gone = alive[~stay]
            if stay.any():
                kept = _tree(self._positions_m[alive[stay]])
                reach = _FILLS * self._spacing_m
                fresh = ~np.isfinite(kept.query(seen.positions_m, distance_upper_bound=reach)[0])
        added = np.flatnonzero(fresh)
        rows = self._rows_for(seen.positions_m[added], gone)
        self._alive[gone] = False
        self._alive[rows] = True
        self._positions_m[rows] = seen.positions_m[added]
        self._colors[rows] = colors[added]
        order = np.argsort(rows)
        return Change(
            rows=rows[order],
            positions_m=seen.positions_m[added][order],
            colors=colors[added][order],
            removed=np.setdiff1d(gone, rows),
        )

    def _rows_for(
        self, positions_m: Float32[np.ndarray, "added 3"], gone: Int64[np.ndarray, "gone"]
    ) -> Int64[np.ndarray, "added"]:
        """Return a row for each new point: that of one that vanished close by, or a free one."""
        rows = self._paired(positions_m, gone)
        alone = np.flatnonzero(rows < 0)
        unused = np.flatnonzero(~self._alive)
        free = np.concatenate([unused, np.setdiff1d(gone, rows)])[: len(alone)]
        missing = len(alone) - len(free)
        if missing > 0:
            free = np.concatenate([free, self.row_count + np.arange(missing)])
            self._positions_m = np.pad(self._positions_m, ((0, missing), (0, 0)))
            self._colors = np.pad(self._colors, ((0, missing), (0, 0)))
            self._alive = np.pad(self._alive, (0, missing))
        rows[alone] = free
        return rows

    def _paired(
        self, positions_m: Float32[np.ndarray, "added 3"], gone: Int64[np.ndarray, "gone"]
    ) -> Int64[np.ndarray, "added"]:
        """Return the row of a vanished point near each new one, each once; −1 where none is."""
        rows = np.full(len(positions_m), -1, dtype=np.int64)
        for _ in range(_ROUNDS):
            waiting = np.flatnonzero(rows < 0)
            if len(waiting) == 0 or len(gone) == 0:
                break
            tree = _tree(self._positions_m[gone])
            away, nearest = tree.query(positions_m[waiting], distance_upper_bound=_TRAVELS_M)
            order = np.argsort(away, kind="stable")
            order = order[np.isfinite(away[order])]
            taken, first = np.unique(nearest[order], return_index=True)
            rows[waiting[order[first]]] = gone[taken]
            gone = np.delete(gone, taken)
        return rows


def _tree(positions_m: Float32[np.ndarray, "N 3"]) -> Any:
    """Return a tree that is asked once, and so is built in haste."""
    from scipy.spatial import KDTree

    return KDTree(positions_m, compact_nodes=False, balanced_tree=False)
