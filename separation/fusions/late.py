"""Late fusion: the audio network runs once a window, whoever plays; conditions come after it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from separation.backbones import Backbone

if TYPE_CHECKING:
    from jaxtyping import Float


class LateFusion(nn.Module):
    """Combines feature maps that are the same for all performers with each one's condition."""

    def logits(
        self,
        backbone: Backbone,
        log_spectrogram: Float[Tensor, "batch maps rows t"],
        conditions: Float[Tensor, "one_or_batch performers K"],
    ) -> Float[Tensor, "batch performers rows t"]:
        """Return the logits of every performer's mask; one batch of conditions serves all."""
        features = backbone(log_spectrogram)
        # Sums over the channels keep their full precision where the network runs in half.
        with torch.autocast(features.device.type, enabled=False):
            return self(features.float(), conditions.float())

    @abstractmethod
    def forward(
        self,
        features: Float[Tensor, "batch channels rows t"],
        conditions: Float[Tensor, "one_or_batch performers K"],
    ) -> Float[Tensor, "batch performers rows t"]:
        """Return the logits of every performer's mask from feature maps."""
