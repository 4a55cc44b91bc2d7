"""Movement: how players of a bank move while they play the very notes that sound.

Joints are moved about as an estimator or a tracker would: noise, lost joints, another size and
direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from capture.body_pose import BodyPoses
from separation.conditioners.pose import Movement
from separation.corpus.moves import MoveBank
from separation.model import ModelConfig, SeparationModel
from separation.training.batch import Batch
from separation.training.conditions.clouds import SeenConditions
from separation.training.mixing import Excerpt, Mixture

if TYPE_CHECKING:
    from jaxtyping import Float, Float32


@dataclass(slots=True)
class MovementConditions:
    """Condition vectors over time of players of a bank.

    Attributes:
        bank: Their movements.
        config: The network's.
        looks: What they look like, where the network asks for context.
    """

    bank: MoveBank
    config: ModelConfig
    looks: SeenConditions | None = None

    def draw(
        self,
        model: SeparationModel,
        batch: Batch,
        rng: np.random.Generator,
        share: range | None = None,
    ) -> Float[Tensor, "mixtures performers K t"]:
        """Encode every player of a batch; those who are absent hold still at the origin."""
        mixtures, most = batch.labels.shape
        share = range(mixtures) if share is None else share
        seeds = rng.integers(2**63, size=share.stop)[share.start :]
        shown: list[tuple[np.ndarray, np.ndarray | None]] = []
        for mixture, excerpts in enumerate(batch.excerpts):
            own = np.random.default_rng(int(seeds[mixture]))
            for label, excerpt in zip(batch.labels[mixture], excerpts, strict=False):
                instrument = self.config.instruments[int(label)]
                shown.append(self._shown("train", instrument, excerpt, own))
            poses, picture = shown[-1]
            nobody = (np.zeros_like(poses), None if picture is None else np.zeros_like(picture))
            shown += [nobody] * (most - len(excerpts))
        return self._encode(model, shown).unflatten(0, (mixtures, most))

    def encoder(
        self, model: SeparationModel, split: str
    ) -> Callable[[Mixture], Float[Tensor, "players K t"]]:
        """Return the function that gives the conditions of a mixture."""

        def encode(mixture: Mixture) -> Tensor:
            pairs = zip(mixture.instruments, mixture.excerpts, strict=True)
            return self._encode(model, [self._shown(split, *pair, None) for pair in pairs])

        return encode

    def poses(self, mixture: Mixture, split: str) -> dict[str, BodyPoses]:
        """Return the joints that are shown of each instrument's player, in the player's axes."""
        shown: dict[str, BodyPoses] = {}
        for instrument, excerpt in zip(mixture.instruments, mixture.excerpts, strict=True):
            joints, _ = self._shown(split, instrument, excerpt, None)
            middles = (np.arange(len(joints)) + 0.5) / len(joints)
            shown[instrument] = BodyPoses(
                times_s=middles * excerpt.lasts_s,
                positions_m=joints[..., :3],
                confidences=joints[..., 3],
            )
        return shown

    def _encode(
        self, model: SeparationModel, shown: list[tuple[np.ndarray, np.ndarray | None]]
    ) -> Float[Tensor, "players K t"]:
        poses = torch.from_numpy(np.stack([pose for pose, _ in shown])).to(model.device)
        pictures = [picture for _, picture in shown if picture is not None]
        seen = torch.from_numpy(np.stack(pictures)).to(model.device) if pictures else None
        return model.encode(Movement(poses=poses, pictures=seen))

    def _shown(
        self, split: str, instrument: str, excerpt: Excerpt, rng: np.random.Generator | None
    ) -> tuple[Float32[np.ndarray, "t joints 4"], Float32[np.ndarray, "3 rows columns"] | None]:
        """Return what is seen of a player, changed at random where `rng` is given."""
        joints = self.bank.read(
            split,
            instrument,
            excerpt.piece,
            start_s=excerpt.start_s,
            seconds=excerpt.seconds,
            moments=max(1, round(excerpt.lasts_s * self.config.pose.rate_hz)),
        )
        sure = np.ones((*joints.shape[:2], 1), np.float32)
        if rng is not None:
            joints, sure = _tracked(joints, sure, rng)
        return np.concatenate([joints, sure], axis=2), self._picture(split, instrument, rng)

    def _picture(
        self, split: str, instrument: str, rng: np.random.Generator | None
    ) -> Float32[np.ndarray, "3 rows columns"] | None:
        if self.looks is None:
            return None
        who = 0 if rng is None else int(rng.integers(self.looks.bank.count(split, instrument)))
        return self.looks.picture(split, instrument, who)


def _tracked(
    joints: Float32[np.ndarray, "t joints 3"],
    sure: Float32[np.ndarray, "t joints 1"],
    rng: np.random.Generator,
) -> tuple[Float32[np.ndarray, "t joints 3"], Float32[np.ndarray, "t joints 1"]]:
    """Return joints as a tracker would give them."""
    yaw = rng.normal(0.0, np.radians(10.0))
    cosine, sine = np.cos(yaw), np.sin(yaw)
    turned = joints @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]], np.float32)
    turned = turned * np.float32(rng.uniform(0.9, 1.1))
    turned = turned + rng.normal(0.0, rng.uniform(0.0, 0.02), joints.shape).astype(np.float32)
    lost = rng.random((1, joints.shape[1], 1)) < 0.05
    return np.where(lost, np.float32(0), turned), np.where(lost, np.float32(0), sure)
