"""Label-multiply: one mask for each instrument, of which a performer gets the one that it plays.

Multiplying masks by the labels' presence, as published, is taking those of the instruments that
are there; the audio network learns nothing about which those are.

Source: Slizovskaia, Haro, Gómez (2020), section III-C, "label-multiply".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from separation.fusions.late import LateFusion

if TYPE_CHECKING:
    from jaxtyping import Float


class MultiplyFusion(LateFusion):
    """logit = Σₖ conditionₖ · featureₖ, with one-hot conditions: the instrument's own map."""

    def forward(
        self,
        features: Float[Tensor, "batch channels rows t"],
        conditions: Float[Tensor, "one_or_batch performers channels"],
    ) -> Float[Tensor, "batch performers rows t"]:
        """Return the logits of every performer's mask."""
        weights = conditions.expand(len(features), -1, -1)
        flat = features.flatten(start_dim=2)
        return torch.bmm(weights.to(flat.dtype), flat).unflatten(-1, features.shape[-2:])
