"""Losses on masks, weighted by how loud the mixture is.

- target "binary": the loudest performer of a cell owns it, as in the papers.
- target "ratio": performers own their share of the sum of magnitudes.
- target "wiener": performers own their share of a cell's energy; its expectation is the best soft
  mask, and costs nothing in silence.

The loss is the cross-entropy, or smooth L1 between masks, as the ratio masks of the Conditioned
U-Net are trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from separation.heads import absent_logits, largest_masks, masks_from_logits
from separation.training.batch import Batch

if TYPE_CHECKING:
    from jaxtyping import Float

Target = Literal["binary", "ratio", "wiener"]
Weight = Literal["log", "level", "even"]
Loss = Literal["cross_entropy", "smooth_l1"]


def mask_targets(
    batch: Batch, kind: Target, *, residual: bool = False
) -> Float[Tensor, "mixtures owners rows t"]:
    """Return the masks that the network should give; with `residual`, what nobody makes is last."""
    owners = batch.sources
    if residual:
        owners = torch.cat([owners, batch.residual[:, None]], dim=1)
    if kind == "binary":
        return largest_masks(owners).to(owners.dtype)
    energy = owners if kind == "ratio" else owners.square()
    return energy / energy.sum(dim=1, keepdim=True).clamp_min(1e-12)


def cell_weights(
    mixture: Float[Tensor, "mixtures rows t"], kind: Weight
) -> Float[Tensor, "mixtures rows t"]:
    """Return how much each cell counts.

    "log" is the papers' clamp(log(1 + magnitude), 1e-3, 10). "level" is the magnitude over the
    window's RMS to the power of 0.75, at most 5: closer to what SI-SDR counts, and the same
    whatever the recording's gain. "even" counts all cells alike.
    """
    if kind == "even":
        return torch.ones_like(mixture)
    if kind == "log":
        return torch.log1p(mixture).clamp(1e-3, 10.0)
    level = mixture.square().mean(dim=(-2, -1), keepdim=True).sqrt().clamp_min(1e-8)
    return (mixture / level).clamp(1e-3, None).pow(0.75).clamp_max(5.0)


def mask_loss(
    head: str,
    logits: Float[Tensor, "mixtures logits rows t"],
    batch: Batch,
    *,
    target: Target,
    weight: Weight,
    loss: Loss = "cross_entropy",
) -> Float[Tensor, ""]:
    """Return the weighted loss of masks, averaged over cells.

    The cross-entropy asks the sigmoid head about each performer by itself (binary), the softmax
    heads who of those present owns a cell.

    Raises:
        ValueError: The head is unknown.
    """
    targets = mask_targets(batch, target, residual=head == "softmax-residual")
    weights = cell_weights(batch.mixture, weight)
    absent = ~batch.present[:, :, None, None]
    if loss == "smooth_l1":
        targets = targets[:, : batch.sources.shape[1]]
        masks = masks_from_logits(head, logits, batch.present)
        each = F.smooth_l1_loss(masks, targets.masked_fill(absent, 0.0), reduction="none")
        each = each * weights[:, None]
        return (each.sum(dim=1).mean(dim=(-2, -1)) / batch.present.sum(dim=1)).mean()
    if head == "sigmoid":
        each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        each = each.masked_fill(absent, 0.0) * weights[:, None]
        return (each.sum(dim=1).mean(dim=(-2, -1)) / batch.present.sum(dim=1)).mean()
    if head in ("softmax", "softmax-residual"):
        nobody = absent_logits(head, batch.present)
        assert nobody is not None
        shares = F.log_softmax(logits.masked_fill(nobody, -1e4), dim=1)
        return -((targets * shares).sum(dim=1) * weights).mean()
    raise ValueError(f"no loss for head {head!r}.")
