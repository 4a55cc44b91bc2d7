"""Losses on masks, weighted by how loud the mixture is.

- target "binary": the loudest performer of a cell owns it, as in the papers.
- target "wiener": performers own their share of a cell's energy; its expectation is the best soft
  mask, and costs nothing in silence.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor

from separation.training.mixing import Batch

Target = Literal["binary", "wiener"]
Weight = Literal["log", "level"]


def mask_targets(batch: Batch, kind: Target) -> Float[Tensor, "mixtures performers rows t"]:
    """Return the masks that the network should give."""
    if kind == "binary":
        owner = batch.sources.argmax(dim=1)
        return F.one_hot(owner, batch.sources.shape[1]).movedim(-1, 1).to(batch.sources.dtype)
    energy = batch.sources.square()
    return energy / energy.sum(dim=1, keepdim=True).clamp_min(1e-12)


def cell_weights(
    mixture: Float[Tensor, "mixtures rows t"], kind: Weight
) -> Float[Tensor, "mixtures rows t"]:
    """Return how much each cell counts.

    "log" is the papers' clamp(log(1 + magnitude), 1e-3, 10). "level" is the magnitude over the
    window's RMS to the power of 0.75, at most 5: closer to what SI-SDR counts, and the same
    whatever the recording's gain.
    """
    if kind == "log":
        return torch.log1p(mixture).clamp(1e-3, 10.0)
    level = mixture.square().mean(dim=(-2, -1), keepdim=True).sqrt().clamp_min(1e-8)
    return (mixture / level).clamp(1e-3, None).pow(0.75).clamp_max(5.0)


def mask_loss(
    head: str,
    logits: Float[Tensor, "mixtures performers rows t"],
    batch: Batch,
    *,
    target: Target,
    weight: Weight,
) -> Float[Tensor, ""]:
    """Return the weighted cross-entropy of masks, averaged over cells.

    The sigmoid head is asked about each performer by itself (binary cross-entropy), the softmax
    head who of those present owns a cell.

    Raises:
        ValueError: The head is unknown.
    """
    targets = mask_targets(batch, target)
    weights = cell_weights(batch.mixture, weight)
    absent = ~batch.present[:, :, None, None]
    if head == "sigmoid":
        each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        each = each.masked_fill(absent, 0.0) * weights[:, None]
        return (each.sum(dim=1).mean(dim=(-2, -1)) / batch.present.sum(dim=1)).mean()
    if head == "softmax":
        shares = F.log_softmax(logits.masked_fill(absent, -1e4), dim=1)
        return -((targets * shares).sum(dim=1) * weights).mean()
    raise ValueError(f"no loss for head {head!r}.")
