"""Losses on masks, weighted by how loud the mixture is.

- target "binary": the loudest performer of a cell owns it, as in the papers.
- target "ratio": performers own their share of the sum of magnitudes.
- target "wiener": performers own their share of a cell's energy; its expectation is the best soft
  mask, and costs nothing in silence.

The loss is the cross-entropy; smooth L1 between masks, as the ratio masks of the Conditioned U-Net
are trained; or the cross-entropy and how far each performer's sound is off.
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
Loss = Literal["cross_entropy", "smooth_l1", "cross_entropy_snr"]

# Being less off than −30 dB gains nothing, and who is 60 dB below the mixture is not asked for.
_LEAST_ERROR = 1e-3
_LEAST_SHARE = 1e-6


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
    bins_per_row: Float[Tensor, "rows"] | None = None,
) -> Float[Tensor, ""]:
    """Return the weighted loss of masks: the mean of the mixtures' losses, each one of its cells.

    The cross-entropy asks the sigmoid head about each performer by itself (binary), the softmax
    heads who of those present owns a cell. "cross_entropy_snr" adds `error_level`.

    Args:
        head: One of `HEADS`.
        logits: From the network.
        batch: What it saw, and the truth.
        target: What masks should be.
        weight: How much each cell counts in the cross-entropy or the smooth L1.
        loss: Which loss.
        bins_per_row: See `error_level`.

    Raises:
        ValueError: The head is unknown.
    """
    targets = mask_targets(batch, target, residual=head == "softmax-residual")
    weights = cell_weights(batch.mixture, weight)
    if loss == "cross_entropy":
        return _cross_entropy(head, logits, targets, weights, batch)
    masks = masks_from_logits(head, logits, batch.present)
    of_performers = targets[:, : masks.shape[1]]
    if loss == "smooth_l1":
        # Masks of the absent are zero, as their targets are.
        each = F.smooth_l1_loss(masks, of_performers, reduction="none")
        return _mean_over_performers(each * weights[:, None], batch)
    cross_entropy = _cross_entropy(head, logits, targets, weights, batch)
    return cross_entropy + error_level(masks, of_performers, batch, bins_per_row)


def error_level(
    masks: Float[Tensor, "mixtures performers rows t"],
    targets: Float[Tensor, "mixtures performers rows t"],
    batch: Batch,
    bins_per_row: Float[Tensor, "rows"] | None = None,
) -> Float[Tensor, ""]:
    """Return how far the performers' masked magnitudes are off: an SNR, upside down, in bels.

    It is the mean over performers who sound, then over mixtures, and ends at −3 bels; as SI-SDR
    does, it counts energy, and quiet performers as much as loud ones. The thresholded SNR of Wisdom
    et al., "Unsupervised sound separation using mixture invariant training" (2020), on magnitudes.

    Args:
        masks: That the network gives.
        targets: That it should give.
        batch: The mixtures.
        bins_per_row: Bins of the spectrum that each row stands for; None if all stand for as many.
    """
    energy = batch.mixture.square()
    if bins_per_row is not None:
        energy = energy * bins_per_row[:, None]
    error = ((masks - targets).square() * energy[:, None]).sum(dim=(-2, -1))
    sound = (targets.square() * energy[:, None]).sum(dim=(-2, -1))
    audible = batch.present & (sound > _LEAST_SHARE * energy.sum(dim=(-2, -1))[:, None])
    bels = torch.log10(error / sound.clamp_min(1e-12) + _LEAST_ERROR)
    return ((bels * audible).sum(dim=1) / audible.sum(dim=1).clamp_min(1)).mean()


def _cross_entropy(
    head: str,
    logits: Float[Tensor, "mixtures logits rows t"],
    targets: Float[Tensor, "mixtures owners rows t"],
    weights: Float[Tensor, "mixtures rows t"],
    batch: Batch,
) -> Float[Tensor, ""]:
    if head == "sigmoid":
        each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        each = each.masked_fill(~batch.present[:, :, None, None], 0.0)
        return _mean_over_performers(each * weights[:, None], batch)
    if head in ("softmax", "softmax-residual"):
        nobody = absent_logits(head, batch.present)
        assert nobody is not None
        shares = F.log_softmax(logits.masked_fill(nobody, -1e4), dim=1)
        return -((targets * shares).sum(dim=1) * weights).mean()
    raise ValueError(f"no loss for head {head!r}.")


def _mean_over_performers(
    each: Float[Tensor, "mixtures performers rows t"], batch: Batch
) -> Float[Tensor, ""]:
    """Return the mean over cells and those present; cells of the others are zero."""
    return (each.sum(dim=1).mean(dim=(-2, -1)) / batch.present.sum(dim=1)).mean()
