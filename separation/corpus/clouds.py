"""A bank of performers' point clouds for training: made once, read fast.

    clouds/train-violin.npz   points float16 (all points, 3), colors uint8 (all points, 3),
                              starts int64 (clouds + 1), images: clouds of each performer

Points are in the performer's own axes and metres (x side, y stature, z facing, centred), so that
turning, tilting and stretching a cloud costs nothing before it is put into voxels. The clouds of
one performer follow each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.lib.npyio import NpzFile

from capture.axes import network_from_world
from capture.errors import DataError
from capture.files.atomic import atomic_path
from capture.players import facing_yaw_rad
from separation.corpus.bank import Bank, missing_files

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64, UInt8

    from capture.point_cloud import PointCloud

Points: TypeAlias = "Float32[np.ndarray, 'points 3']"
Colors: TypeAlias = "UInt8[np.ndarray, 'points 3']"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankedClouds:
    """The clouds of one split and instrument; see the module for the arrays."""

    points: np.ndarray
    colors: np.ndarray | None
    starts: Int64[np.ndarray, "clouds_and_one"]
    images: int


class CloudBank(Bank[BankedClouds]):
    """Clouds of performers by split and instrument."""

    content = "clouds"
    purpose = "of performers, and this network looks at them"

    def count(self, split: str, instrument: str) -> int:
        """Return how many performers there are."""
        held = self._load(split, instrument)
        return (len(held.starts) - 1) // held.images

    def images(self, split: str, instrument: str) -> int:
        """Return how many clouds there are of each performer."""
        return self._load(split, instrument).images

    def points(self, split: str, instrument: str, performer: int, image: int = 0) -> Points:
        """Return a cloud in the performer's axes, metres, centred."""
        held = self._load(split, instrument)
        return held.points[self._rows(held, performer, image)].astype(np.float32)

    def colors(self, split: str, instrument: str, performer: int, image: int = 0) -> Colors:
        """Return the colors of a cloud's points.

        Raises:
            DataError: The bank was made without colors.
        """
        held = self._load(split, instrument)
        if held.colors is None:
            raise DataError(f"{self.folder} holds clouds without color: build the bank again.")
        return held.colors[self._rows(held, performer, image)]

    @staticmethod
    def _rows(held: BankedClouds, performer: int, image: int) -> slice:
        index = performer * held.images + image % held.images
        return slice(int(held.starts[index]), int(held.starts[index + 1]))

    @staticmethod
    def _held(data: NpzFile) -> BankedClouds:
        return BankedClouds(
            points=data["points"],
            colors=data.get("colors"),
            starts=data["starts"],
            images=int(data.get("images", 1)),
        )


def write_clouds(
    folder: str | os.PathLike[str],
    split: str,
    instrument: str,
    clouds: Sequence[Points],
    colors: Sequence[Colors] | None = None,
    *,
    images: int = 1,
) -> None:
    """Write the clouds of one split and instrument, those of one performer after another."""
    starts = np.concatenate([[0], np.cumsum([len(c) for c in clouds])]).astype(np.int64)
    arrays = {
        "points": (
            np.concatenate(clouds).astype(np.float16) if clouds else np.zeros((0, 3), np.float16)
        ),
        "starts": starts,
        "images": np.array(images),
    }
    if colors is not None:
        arrays["colors"] = np.concatenate(colors) if colors else np.zeros((0, 3), np.uint8)
    with atomic_path(Path(folder) / f"{split}-{instrument}.npz") as temporary:
        np.savez(temporary, **arrays)  # pyright: ignore[reportArgumentType]


def build_cloud_bank(
    folder: str | os.PathLike[str],
    instruments: Sequence[str],
    counts: Mapping[str, int],
    *,
    images: int = 1,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Make a bank of simulated performers as a segmented Kinect take shows them.

    Performers are turned by the facing that `capture.players.facing` finds, as in a take: its
    errors are what the network must live with. Bodies and instrument variants of the "test"
    split occur in no other.

    Args:
        folder: Where; files that are there stay.
        instruments: Canonical names.
        counts: Performers of each instrument by split: "train", "validation", "test".
        images: Clouds of each performer, from different moments.
        seed: Of all of it.
        progress: Called with the fraction done.
    """
    from capture.simulate.clouds import random_performer_views

    wanted = missing_files(folder, counts, instruments, seed, progress)
    for split, instrument, rng in wanted:
        clouds: list[Points] = []
        colors: list[Colors] = []
        for _ in range(counts[split]):
            bodies = "test" if split == "test" else "train"
            for view in random_performer_views(instrument, rng, split=bodies, images=images):
                points, shades = _banked(view.cloud, rng)
                clouds.append(points)
                colors.append(shades)
        write_clouds(folder, split, instrument, clouds, colors, images=images)


def _banked(
    cloud: PointCloud, rng: np.random.Generator, most: int = 20_000
) -> tuple[Points, Colors]:
    """Return a cloud in the performer's axes, centred, with at most so many points by chance.

    Voxels of 1 cm need no more, and the bank stays small.
    """
    seen_m = cloud.positions_m.astype(np.float64)
    points = network_from_world(seen_m, facing_yaw_rad(seen_m)[0])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    assert cloud.colors is not None
    kept = np.arange(len(points))
    if len(points) > most:
        kept = np.sort(rng.permutation(len(points))[:most])
    return (points - middle).astype(np.float32)[kept], cloud.colors[kept]
