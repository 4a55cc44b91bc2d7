"""CloudSequence: point clouds over time, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.point_cloud import PointCloud

if TYPE_CHECKING:
    from jaxtyping import Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSequence:
    """Point clouds over time.

    Attributes:
        times_s: Shape (F,): when each cloud was seen; increasing.
        read: Returns the cloud of an index from 0 to F − 1.
    """

    times_s: Float64[np.ndarray, "F"]
    read: Callable[[int], PointCloud]

    def __post_init__(self) -> None:
        times = np.asarray(self.times_s, dtype=np.float64)
        if times.ndim != 1 or np.any(np.diff(times) <= 0):
            raise ValueError("the times of clouds must be a list that increases.")
        object.__setattr__(self, "times_s", times)

    def __len__(self) -> int:
        return len(self.times_s)

    def at(self, index: int) -> PointCloud:
        """Return one cloud.

        Raises:
            IndexError: There is none of this index.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} clouds, from 0; {index} is none of them.")
        return self.read(index)

    def index_at(self, time_s: float) -> int:
        """Return the index of the cloud that is seen at a time: the last one before it.

        Raises:
            ValueError: There are no clouds.
        """
        if len(self) == 0:
            raise ValueError("there are no clouds.")
        return max(int(np.searchsorted(self.times_s, time_s, side="right")) - 1, 0)
