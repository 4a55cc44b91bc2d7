"""Which conditions a network trains on follows from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from torch import Tensor

from separation.corpus.clouds import CloudBank
from separation.corpus.moves import MoveBank
from separation.model import ModelConfig, SeparationModel
from separation.training.batch import Batch
from separation.training.cloud_augmentation import LIGHT, CloudAugmentation
from separation.training.conditions.clouds import SeenConditions
from separation.training.conditions.labels import LabelConditions
from separation.training.conditions.movement import MovementConditions
from separation.training.mixing import Mixture

if TYPE_CHECKING:
    from jaxtyping import Float


class Conditions(Protocol):
    """Gives the condition vectors of the players of mixtures."""

    def draw(
        self,
        model: SeparationModel,
        batch: Batch,
        rng: np.random.Generator,
        share: range | None = None,
    ) -> Float[Tensor, "mixtures performers K *moments"]:
        """Return conditions of a batch to train on.

        Args:
            model: Whose conditioner encodes.
            batch: Of the mixtures `share` of all that the step has.
            rng: Draws them; the same generator gives the same mixture the same conditions.
            share: All of them if not given.
        """
        ...

    def encoder(
        self, model: SeparationModel, split: str
    ) -> Callable[[Mixture], Float[Tensor, "players K *moments"]]:
        """Return the function that gives the conditions of a mixture to measure on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Banks:
    """Where banks lie, which only the networks that need them open."""

    clouds: Path
    moves: Path

    @classmethod
    def beside(cls, corpus: Path, clouds: Path | None = None, moves: Path | None = None) -> Banks:
        """Return those in a corpus' folder, where no other is named."""
        return cls(clouds=clouds or corpus / "clouds", moves=moves or corpus / "moves")


def open_conditions(
    config: ModelConfig,
    banks: Banks,
    *,
    each: int = 2,
    augmentation: CloudAugmentation = LIGHT,
) -> Conditions:
    """Return the conditions of a network.

    Args:
        config: The network.
        banks: Where what it looks at lies.
        each: Performers of each instrument that a step shows (clouds, pictures).
        augmentation: How clouds and pictures to train on are changed.

    Raises:
        DataError: A bank is missing that the network needs.
    """
    if config.conditioner in ("label", "one_hot"):
        return LabelConditions()
    if config.conditioner == "pose":
        looks = _seen(config, banks, each, augmentation) if config.pose.context else None
        return MovementConditions(bank=MoveBank.open(banks.moves), config=config, looks=looks)
    return _seen(config, banks, each, augmentation)


def _seen(
    config: ModelConfig, banks: Banks, each: int, augmentation: CloudAugmentation
) -> SeenConditions:
    return SeenConditions(
        bank=CloudBank.open(banks.clouds), config=config, each=each, augmentation=augmentation
    )
