"""A bank of performers' clouds with their true joints: what the pose estimator learns from.

    poses/train-violin.npz   points float16 (all points, 3), starts int64 (clouds + 1),
                             joints float16 (clouds, joints, 3)

Points and joints are in the camera's view of the performer, see `separation.body_pose.views`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.npyio import NpzFile

from capture.files import atomic_path
from separation.body_pose.views import SeenPerformer, view_of
from separation.corpus.bank import Bank, missing_files

if TYPE_CHECKING:
    from jaxtyping import Float16, Int64

_THINNED_M = 0.015


@dataclass(frozen=True, slots=True, kw_only=True)
class BankedPoses:
    """The clouds and joints of one split and instrument; see the module for the arrays."""

    points: Float16[np.ndarray, "points 3"]
    starts: Int64[np.ndarray, "clouds_and_one"]
    joints: Float16[np.ndarray, "clouds joints 3"]


class PoseBank(Bank[BankedPoses]):
    """Clouds with joints, by split and instrument."""

    content = "poses"
    purpose = "of performers, and the estimator learns from them"

    def count(self, split: str, instrument: str) -> int:
        """Return how many clouds there are."""
        return len(self._load(split, instrument).joints)

    def read(self, split: str, instrument: str, index: int) -> SeenPerformer:
        """Return one cloud and its joints."""
        held = self._load(split, instrument)
        rows = slice(int(held.starts[index]), int(held.starts[index + 1]))
        return SeenPerformer(
            points_m=held.points[rows].astype(np.float32),
            joints_m=held.joints[index].astype(np.float32),
        )

    def instruments(self, split: str) -> tuple[str, ...]:
        """Return the instruments of a split, in the order of the alphabet."""
        files = sorted(self.folder.glob(f"{split}-*.npz"))
        return tuple(file.stem.removeprefix(f"{split}-") for file in files)

    @staticmethod
    def _held(data: NpzFile) -> BankedPoses:
        return BankedPoses(points=data["points"], starts=data["starts"], joints=data["joints"])


def write_poses(
    folder: str | os.PathLike[str], split: str, instrument: str, seen: Sequence[SeenPerformer]
) -> None:
    """Write the clouds and joints of one split and instrument."""
    with atomic_path(Path(folder) / f"{split}-{instrument}.npz") as temporary:
        np.savez(
            temporary,
            points=np.concatenate([one.points_m for one in seen]).astype(np.float16),
            starts=np.concatenate([[0], np.cumsum([len(one.points_m) for one in seen])]),
            joints=np.stack([one.joints_m for one in seen]).astype(np.float16),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How many performers of a split are drawn, and how.

    Attributes:
        performers: Of each instrument.
        images: Of each performer.
        bodies: "train" or "test": whose bodies and which instrument variants.
        turned_deg: How far at least and at most performers turn from the camera.
    """

    performers: int
    images: int = 6
    bodies: str = "train"
    turned_deg: tuple[float, float] = (0.0, 90.0)


SPLITS: dict[str, Drawing] = {
    "train": Drawing(performers=50),
    "test": Drawing(performers=16, images=3, bodies="test", turned_deg=(0.0, 70.0)),
    "turned": Drawing(performers=8, images=2, bodies="test", turned_deg=(90.0, 110.0)),
}
"""What the shipped estimator was trained and tested on; "turned" is beyond all training."""


def build_pose_bank(
    folder: str | os.PathLike[str],
    instruments: Sequence[str],
    splits: Mapping[str, Drawing] = SPLITS,
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Make a bank of simulated performers as a segmented Kinect take shows them.

    Args:
        folder: Where; files that are there stay.
        instruments: Canonical names.
        splits: Name of each split, and what is drawn for it.
        seed: Of all of it.
        progress: Called with the fraction done.
    """
    from capture.simulate.clouds import random_performer_views

    wanted = missing_files(folder, splits, instruments, seed, progress)
    for split, instrument, rng in wanted:
        drawing = splits[split]
        seen: list[SeenPerformer] = []
        for _ in range(drawing.performers):
            views = random_performer_views(
                instrument,
                rng,
                split=drawing.bodies,
                images=drawing.images,
                turned_deg=drawing.turned_deg,
            )
            for one in views:
                cloud = one.cloud.thinned(_THINNED_M)
                view = view_of(cloud.positions_m)
                seen.append(
                    SeenPerformer(
                        points_m=view.from_world(cloud.positions_m),
                        joints_m=view.from_world(one.joints_m),
                    )
                )
        write_poses(folder, split, instrument, seen)
