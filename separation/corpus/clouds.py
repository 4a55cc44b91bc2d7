"""A bank of performers' point clouds for training: made once, read fast.

    clouds/train-violin.npz   points float16 (all points, 3), starts int64 (clouds + 1)

Points are in the performer's own axes and metres (x side, y stature, z facing, centred), so that
turning, tilting and stretching a cloud costs nothing before it is put into voxels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from capture.atomic import atomic_path
from capture.axes import network_from_world
from capture.errors import DataError
from capture.facing import facing_yaw_rad

if TYPE_CHECKING:
    from jaxtyping import Float32

Points: TypeAlias = "Float32[np.ndarray, 'points 3']"


@dataclass(slots=True)
class CloudBank:
    """Clouds of performers by split and instrument, read into memory when first asked for."""

    folder: Path
    _loaded: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> CloudBank:
        """Open a bank.

        Raises:
            DataError: The folder holds no clouds.
        """
        if not any(Path(folder).glob("*-*.npz")):
            raise DataError(
                f"{folder} holds no clouds of performers, and this network looks at them: build a "
                "corpus with clouds, or name the folder of a bank."
            )
        return cls(folder=Path(folder))

    def count(self, split: str, instrument: str) -> int:
        """Return how many clouds there are."""
        return len(self._load(split, instrument)[1]) - 1

    def points(self, split: str, instrument: str, index: int) -> Points:
        """Return a cloud in the performer's axes, metres, centred."""
        points, starts = self._load(split, instrument)
        return points[starts[index] : starts[index + 1]].astype(np.float32)

    def _load(self, split: str, instrument: str) -> tuple[np.ndarray, np.ndarray]:
        key = (split, instrument)
        if key not in self._loaded:
            path = self.folder / f"{split}-{instrument}.npz"
            if not path.is_file():
                raise DataError(f"{path} is missing: the bank has no {split} clouds of it.")
            with np.load(path) as data:
                self._loaded[key] = (data["points"], data["starts"])
        return self._loaded[key]


def write_clouds(
    folder: str | os.PathLike[str], split: str, instrument: str, clouds: Sequence[Points]
) -> None:
    """Write the clouds of one split and instrument."""
    starts = np.concatenate([[0], np.cumsum([len(c) for c in clouds])]).astype(np.int64)
    points = np.concatenate(clouds).astype(np.float16) if clouds else np.zeros((0, 3), np.float16)
    with atomic_path(Path(folder) / f"{split}-{instrument}.npz") as temporary:
        np.savez(temporary, points=points, starts=starts)


def build_cloud_bank(
    folder: str | os.PathLike[str],
    instruments: Sequence[str],
    counts: Mapping[str, int],
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Make a bank of simulated performers as a segmented Kinect take shows them.

    Performers are turned by the facing that `capture.facing` finds, as in a take: its errors are
    what the network must live with. Bodies and instrument variants of the "test" split occur in
    no other.

    Args:
        folder: Where; files that are there stay.
        instruments: Canonical names.
        counts: Clouds of each instrument by split: "train", "validation", "test".
        seed: Of all of it.
        progress: Called with the fraction done.
    """
    from capture.simulate.clouds import random_performer_cloud

    jobs = [(split, name) for split in counts for name in instruments]
    for done, (split, instrument) in enumerate(jobs):
        if not (Path(folder) / f"{split}-{instrument}.npz").exists():
            rng = np.random.default_rng([seed, *f"{split}-{instrument}".encode()])
            clouds = []
            for _ in range(counts[split]):
                view = random_performer_cloud(
                    instrument, rng, split="test" if split == "test" else "train"
                )
                seen_m = view.cloud.positions_m.astype(np.float64)
                points = network_from_world(seen_m, facing_yaw_rad(seen_m)[0])
                middle = (points.min(axis=0) + points.max(axis=0)) / 2
                clouds.append(_thin((points - middle).astype(np.float32), rng))
            write_clouds(folder, split, instrument, clouds)
        if progress is not None:
            progress((done + 1) / len(jobs))


def _thin(points: Points, rng: np.random.Generator, most: int = 16_000) -> Points:
    """Keep at most so many points by chance: 2 cm voxels need no more, and the bank is smaller."""
    if len(points) <= most:
        return points
    return points[np.sort(rng.permutation(len(points))[:most])]
