"""Instrument labels as the condition: the baseline that point clouds are measured against."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class LabelConditioner(nn.Module):
    """One learned vector an instrument, through a sigmoid as the point-cloud network's.

    Args:
        instruments: Names, in the order of the vectors.
        out_channels: K, the length of a vector.

    Shape:
        Names, or indices (P,), → Tensor (P, K) in (0, 1).
    """

    def __init__(self, instruments: Sequence[str], out_channels: int) -> None:
        super().__init__()
        self.instruments = tuple(instruments)
        self.embedding = nn.Embedding(len(self.instruments), out_channels)

    def forward(self, labels: Sequence[str] | Int[Tensor, "*shape"]) -> Float[Tensor, "*shape K"]:
        """Return the vectors of labels.

        Raises:
            ValueError: The network knows no such instrument.
        """
        if not isinstance(labels, Tensor):
            unknown = sorted(set(labels) - set(self.instruments))
            if unknown:
                raise ValueError(
                    f"this network knows {', '.join(self.instruments)}; not {', '.join(unknown)}."
                )
            labels = torch.tensor([self.instruments.index(name) for name in labels])
        return torch.sigmoid(self.embedding(labels.to(self.embedding.weight.device)))
