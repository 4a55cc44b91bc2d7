"""How far off estimated joints are, on clouds of a bank, beside a pose that never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from capture.body_pose import JOINTS
from separation.body_pose.bank import PoseBank
from separation.body_pose.network import JointNetwork, within
from separation.body_pose.views import voxels_of
from separation.sparse import collate

if TYPE_CHECKING:
    from jaxtyping import Float32

WRISTS: tuple[int, ...] = (JOINTS.index("WRIST_LEFT"), JOINTS.index("WRIST_RIGHT"))
_NEAR_M = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class JointErrors:
    """Errors of every joint in every cloud of a split.

    Attributes:
        distances_m: Shape (clouds, joints): from the estimate to the truth.
        confidences: Shape (clouds, joints): how likely the estimate takes itself to be near.
        instruments: Of each cloud.
    """

    distances_m: Float32[np.ndarray, "clouds joints"]
    confidences: Float32[np.ndarray, "clouds joints"]
    instruments: tuple[str, ...]

    @property
    def near(self) -> float:
        """Share of joints within 10 cm (PCK)."""
        return float(np.mean(self.distances_m < _NEAR_M))


@torch.inference_mode()
def joint_errors(network: JointNetwork, bank: PoseBank, split: str) -> JointErrors:
    """Estimate the joints of every cloud of a split, one by one.

    Raises:
        DataError: The bank has no such split.
    """
    distances: list[np.ndarray] = []
    confidences: list[np.ndarray] = []
    instruments: list[str] = []
    for instrument in bank.instruments(split):
        for index in range(bank.count(split, instrument)):
            seen = bank.read(split, instrument, index)
            voxels = collate([voxels_of(seen.points_m, network.config.voxel_m)])
            joints, log_scales = network(voxels)
            distances.append(np.linalg.norm(joints[0].numpy() - seen.joints_m, axis=1))
            confidences.append(within(_NEAR_M, log_scales[0]).numpy())
            instruments.append(instrument)
    return JointErrors(
        distances_m=np.stack(distances),
        confidences=np.stack(confidences),
        instruments=tuple(instruments),
    )


def mean_pose_errors(bank: PoseBank, split: str) -> JointErrors:
    """Return the errors of the mean pose of training, put below the middle of every cloud."""
    trained = [
        bank.read("train", instrument, index).joints_m
        for instrument in bank.instruments("train")
        for index in range(bank.count("train", instrument))
    ]
    mean = np.mean(trained, axis=0)
    truths: list[np.ndarray] = []
    instruments: list[str] = []
    for instrument in bank.instruments(split):
        for index in range(bank.count(split, instrument)):
            truths.append(bank.read(split, instrument, index).joints_m)
            instruments.append(instrument)
    distances = np.linalg.norm(np.stack(truths) - mean, axis=2)
    return JointErrors(
        distances_m=distances,
        confidences=np.zeros_like(distances),
        instruments=tuple(instruments),
    )


GROUPS: dict[str, tuple[str, ...]] = {
    "all": ("",),
    "wrists": ("WRIST",),
    "hands, fingers": ("HAND", "THUMB"),
    "elbows, shoulders": ("ELBOW", "SHOULDER"),
    "head, neck": ("HEAD", "NECK"),
    "trunk": ("PELVIS", "SPINE"),
    "legs": ("HIP", "KNEE", "ANKLE"),
}
"""Title → how the names of its joints begin."""


def error_table(network: JointNetwork, bank: PoseBank) -> str:
    """Return errors on the splits that training did not see, as a Markdown table.

    Raises:
        DataError: The bank has no such splits.
    """
    rows = [
        "| clouds | joints | mean cm | median cm | 9 of 10 below, cm | within 10 cm | expected |"
        " mean pose: mean cm | within 10 cm |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for split in ("test", "turned"):
        estimated, fixed = joint_errors(network, bank, split), mean_pose_errors(bank, split)
        for title, starts in GROUPS.items():
            own = [index for index, joint in enumerate(JOINTS) if joint.startswith(starts)]
            off, still = 100 * estimated.distances_m[:, own], 100 * fixed.distances_m[:, own]
            rows.append(
                f"| {split} | {title} | {off.mean():.1f} | {np.median(off):.1f} "
                f"| {np.quantile(off, 0.9):.1f} | {np.mean(off < 100 * _NEAR_M):.3f} "
                f"| {estimated.confidences[:, own].mean():.3f} "
                f"| {still.mean():.1f} | {np.mean(still < 100 * _NEAR_M):.3f} |"
            )
        for instrument in bank.instruments(split):
            own = [index for index, name in enumerate(estimated.instruments) if name == instrument]
            off = 100 * estimated.distances_m[own][:, WRISTS]
            rows.append(
                f"| {split}, {instrument} | wrists | {off.mean():.1f} | {np.median(off):.1f} "
                f"| {np.quantile(off, 0.9):.1f} | {np.mean(off < 100 * _NEAR_M):.3f} "
                f"| {estimated.confidences[own][:, WRISTS].mean():.3f} | | |"
            )
    return "\n".join(rows)
