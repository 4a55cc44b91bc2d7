"""Performers as they are seen: clouds of a bank, varied a little, or pictures drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from separation.conditioners.picture import draw_picture
from separation.conditioners.point_cloud import SparseCloud, voxels_of
from separation.corpus.clouds import CloudBank, Points
from separation.model import ModelConfig, SeparationModel
from separation.training.batch import Batch
from separation.training.cloud_augmentation import LIGHT, CloudAugmentation, varied_cloud
from separation.training.mixing import Mixture

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

_MOST_PERFORMERS = 32


@dataclass(slots=True)
class SeenConditions:
    """Condition vectors of performers of a bank.

    Attributes:
        bank: Their clouds.
        config: The network's.
        each: Performers of each instrument that a step encodes.
        images: Clouds or pictures of each performer (F); as many as pictures are configured.
        augmentation: How those to train on are changed.
    """

    bank: CloudBank
    config: ModelConfig
    each: int = 2
    images: int = 1
    augmentation: CloudAugmentation = LIGHT

    def voxels(
        self,
        split: str,
        instrument: str,
        performer: int,
        rng: np.random.Generator | None = None,
        image: int = 0,
    ) -> SparseCloud:
        """Return a cloud as voxels, changed at random where `rng` is given."""
        cloud = self.config.point_cloud.cloud
        points, colors = self._cloud(split, instrument, performer, image, cloud.feature != "depth")
        if cloud.scale == "unit":
            low, high = points.min(axis=0), points.max(axis=0)
            points = (points - (low + high) / 2) / max(float((high - low).max()) / 2, 1e-6)
        else:
            points = points / np.float32(cloud.metres_per_unit)
        # After the scaling, which would undo another size and another place.
        if rng is not None:
            points, colors = varied_cloud(points, colors, rng, self.augmentation)
        return voxels_of(points.astype(np.float32), colors, cloud)

    def picture(
        self,
        split: str,
        instrument: str,
        performer: int,
        rng: np.random.Generator | None = None,
        image: int = 0,
    ) -> Float32[np.ndarray, "3 rows columns"]:
        """Return a picture of a performer, changed at random where `rng` is given."""
        points, colors = self._cloud(split, instrument, performer, image, True)
        if rng is not None:
            points, colors = varied_cloud(points, colors, rng, self.augmentation)
        assert colors is not None
        return draw_picture(points, colors, self.config.picture.pixels)

    def draw(
        self,
        model: SeparationModel,
        batch: Batch,
        rng: np.random.Generator,
        share: range | None = None,
    ) -> Float[Tensor, "mixtures performers K"]:
        """Encode performers of every instrument and deal them to the players of a batch."""
        labels = batch.labels
        share = range(len(labels)) if share is None else share
        people = [
            (instrument, int(rng.integers(self.bank.count("train", instrument))))
            for instrument in self.config.instruments
            for _ in range(self.each)
        ]
        encoded = self._encode(model, "train", people, rng)
        dealt = rng.integers(self.each, size=(share.stop, _MOST_PERFORMERS))
        choice = torch.from_numpy(dealt[share.start :, : labels.shape[1]]).to(labels.device)
        return encoded[labels * self.each + choice]

    def encoder(
        self, model: SeparationModel, split: str
    ) -> Callable[[Mixture], Float[Tensor, "players K"]]:
        """Return a function that gives conditions of mixtures, from one body after another."""
        encoded: dict[tuple[str, int], Tensor] = {}
        turn = 0

        @torch.inference_mode()
        def encode(mixture: Mixture) -> Tensor:
            nonlocal turn
            turn += 1
            people = [(name, turn % self.bank.count(split, name)) for name in mixture.instruments]
            new = [person for person in dict.fromkeys(people) if person not in encoded]
            if new:
                encoded.update(zip(new, self._encode(model, split, new, None), strict=True))
            return torch.stack([encoded[person] for person in people])

        return encode

    def _encode(
        self,
        model: SeparationModel,
        split: str,
        people: Sequence[tuple[str, int]],
        rng: np.random.Generator | None,
    ) -> Float[Tensor, "people K"]:
        """Return conditions of performers of the bank, from images that start anywhere."""
        pictures = self.config.conditioner == "picture"
        count = self.config.picture.pictures if pictures else self.images
        first = [
            0 if rng is None else int(rng.integers(self.bank.images(split, name)))
            for name, _ in people
        ]
        if pictures:
            shown = [
                [self.picture(split, name, who, rng, start + k) for k in range(count)]
                for (name, who), start in zip(people, first, strict=True)
            ]
            return model.encode(torch.from_numpy(np.array(shown)).to(model.device))
        return model.encode(
            [
                [self.voxels(split, name, who, rng, start + k) for k in range(count)]
                for (name, who), start in zip(people, first, strict=True)
            ]
        )

    def _cloud(
        self, split: str, instrument: str, performer: int, image: int, colored: bool
    ) -> tuple[Points, Float32[np.ndarray, "points 3"] | None]:
        points = self.bank.points(split, instrument, performer, image)
        if not colored:
            return points, None
        colors = self.bank.colors(split, instrument, performer, image)
        return points, colors.astype(np.float32) / np.float32(255.0)
