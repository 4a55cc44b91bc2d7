"""Instrument labels as the condition: the baselines that point clouds are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Labels: TypeAlias = "Sequence[str] | Int[Tensor, '*shape']"


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

    def forward(self, labels: Labels) -> Float[Tensor, "*shape K"]:
        """Return the vectors of labels.

        Raises:
            ValueError: The network knows no such instrument.
        """
        numbers = _numbers(labels, self.instruments)
        return torch.sigmoid(self.embedding(numbers.to(self.embedding.weight.device)))


class OneHotConditioner(nn.Module):
    """The number of the instrument as a vector of zeros and one 1; it learns nothing.

    Shape:
        Names, or indices (P,), → Tensor (P, instruments) of 0 and 1.
    """

    vectors: Tensor

    def __init__(self, instruments: Sequence[str]) -> None:
        super().__init__()
        self.instruments = tuple(instruments)
        self.register_buffer("vectors", torch.eye(len(self.instruments)), persistent=False)

    def forward(self, labels: Labels) -> Float[Tensor, "*shape K"]:
        """Return the vectors of labels.

        Raises:
            ValueError: The network knows no such instrument.
        """
        return self.vectors[_numbers(labels, self.instruments).to(self.vectors.device)]


def _numbers(labels: Labels, instruments: tuple[str, ...]) -> Int[Tensor, "*shape"]:
    if isinstance(labels, Tensor):
        return labels
    unknown = sorted(set(labels) - set(instruments))
    if unknown:
        raise ValueError(f"this network knows {', '.join(instruments)}; not {', '.join(unknown)}.")
    return torch.tensor([instruments.index(name) for name in labels])
