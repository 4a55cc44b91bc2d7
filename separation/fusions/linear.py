"""Late fusion: a performer's mask is a weighted sum of the audio network's feature maps.

The audio network runs once a window, whoever plays; each performer only brings weights.

Source: Zhao et al. (2018), equation 1; Lluís et al. (2021), section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from separation.fusions.late import LateFusion

if TYPE_CHECKING:
    from jaxtyping import Float


class LinearFusion(LateFusion):
    """logit = Σₖ αₖ · conditionₖ · featureₖ + β, with learned α (from 1) and β (from 0)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(
        self,
        features: Float[Tensor, "batch channels rows t"],
        conditions: Float[Tensor, "batch performers channels"],
    ) -> Float[Tensor, "batch performers rows t"]:
        """Return the logits of every performer's mask; one batch of conditions serves all."""
        weights = (conditions * self.scale).expand(len(features), -1, -1)
        flat = features.flatten(start_dim=2)
        logits = torch.bmm(weights.to(flat.dtype), flat) + self.bias
        return logits.unflatten(-1, features.shape[-2:])
