"""Conditions for training: clouds of a bank, varied a little, through the point-cloud network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from separation.conditioners.point_cloud import (
    AugmentationConfig,
    SparseCloud,
    augment_points,
    voxels_of,
)
from separation.corpus.clouds import CloudBank, Points
from separation.model import ModelConfig, SeparationModel

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_MOST_PERFORMERS = 32

LIGHT = AugmentationConfig(
    turn_rad=np.pi / 6, tilt_rad=np.pi / 30, shift=0.03, scale=(0.97, 1.03), shear=0.005
)
"""Changes that keep a viola from becoming a violin."""


@dataclass(slots=True)
class CloudBankConditions:
    """Condition vectors for training from a bank."""

    bank: CloudBank
    config: ModelConfig

    def voxels(
        self,
        split: str,
        instrument: str,
        index: int,
        rng: np.random.Generator | None = None,
    ) -> SparseCloud:
        """Return a cloud as voxels, changed at random where `rng` is given."""
        points = self.bank.points(split, instrument, index)
        if rng is not None:
            points = augment_points(drop_some(points, rng), LIGHT, rng)
        cloud = self.config.point_cloud.cloud
        if cloud.scale == "unit":
            low, high = points.min(axis=0), points.max(axis=0)
            points = (points - (low + high) / 2) / max(float((high - low).max()) / 2, 1e-6)
        else:
            points = points / np.float32(cloud.metres_per_unit)
        return voxels_of(points.astype(np.float32), None, cloud)

    def draw(
        self,
        model: SeparationModel,
        labels: Int[Tensor, "mixtures performers"],
        each: int,
        rng: np.random.Generator,
        share: range | None = None,
    ) -> Float[Tensor, "mixtures performers K"]:
        """Encode clouds of every instrument and deal them to the performers of a batch.

        Args:
            model: Whose point-cloud network encodes.
            labels: Instrument numbers of the performers.
            each: Clouds of an instrument.
            rng: Draws them; the same generator gives the same mixture of a batch the same clouds.
            share: Which mixtures of the batch these are; all of them if not given.
        """
        share = range(len(labels)) if share is None else share
        clouds = []
        for instrument in self.config.instruments:
            count = self.bank.count("train", instrument)
            for _ in range(each):
                clouds.append([self.voxels("train", instrument, int(rng.integers(count)), rng)])
        encoded = model.encode(clouds)
        dealt = rng.integers(each, size=(share.stop, _MOST_PERFORMERS))
        choice = torch.from_numpy(dealt[share.start :, : labels.shape[1]]).to(labels.device)
        return encoded[labels * each + choice]

    def encoder(
        self, model: SeparationModel, split: str, clouds_each: int = 8
    ) -> Callable[[Sequence[str]], Float[Tensor, "players K"]]:
        """Return a function that gives conditions of instruments, from one body after another."""
        encoded: dict[str, Tensor] = {}
        turn = 0
        with torch.inference_mode():
            for instrument in self.config.instruments:
                count = min(clouds_each, self.bank.count(split, instrument))
                every = [[self.voxels(split, instrument, i)] for i in range(count)]
                encoded[instrument] = model.encode(every)

        def encode(instruments: Sequence[str]) -> Tensor:
            nonlocal turn
            turn += 1
            return torch.stack([encoded[i][turn % len(encoded[i])] for i in instruments])

        return encode


def drop_some(points: Points, rng: np.random.Generator) -> Points:
    """Take away what a camera may not see: random points, and sometimes a ball of them."""
    kept = rng.random(len(points)) < rng.uniform(0.6, 1.0)
    if rng.random() < 0.4 and len(points):
        centre = points[int(rng.integers(len(points)))]
        kept &= np.linalg.norm(points - centre, axis=1) > rng.uniform(0.03, 0.15)
    return points[kept] if kept.any() else points
