"""Labels: the players' instruments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from separation.model import SeparationModel
from separation.training.batch import Batch
from separation.training.mixing import Mixture

if TYPE_CHECKING:
    from jaxtyping import Float


class LabelConditions:
    """Tells the network who plays what."""

    def draw(
        self,
        model: SeparationModel,
        batch: Batch,
        rng: np.random.Generator,
        share: range | None = None,
    ) -> Float[Tensor, "mixtures performers K"]:
        """Return conditions of a batch; nothing about them is random."""
        del rng, share
        return model.encode_labels(batch.labels)

    def encoder(
        self, model: SeparationModel, split: str
    ) -> Callable[[Mixture], Float[Tensor, "players K"]]:
        """Return the function that gives the conditions of a mixture."""
        del split
        return lambda mixture: model.encode_labels(mixture.instruments)
