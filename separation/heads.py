"""From mask logits to masks between 0 and 1.

- "sigmoid": each performer's mask by itself, as in the papers. Masks need not sum to one.
- "softmax": performers share every cell; masks sum to one, and two performers with the same
  condition get the same half. Fits when everybody who sounds is seen.
- "softmax-residual": they share it with what nobody seen makes: noise, the room, other players.

A vision gate lets what is seen of a performer say how much of it there is to hear at all, by which
a player who rests gets silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Head = Literal["sigmoid", "softmax", "softmax-residual"]
HEADS: tuple[str, ...] = get_args(Head)


def masks_from_logits(
    head: str,
    logits: Float[Tensor, "batch logits rows t"],
    present: Bool[Tensor, "batch performers"] | None = None,
) -> Float[Tensor, "batch performers rows t"]:
    """Return the performers' masks.

    Args:
        head: One of `HEADS`.
        logits: From the fusion; the residual's come last, where the head has one.
        present: Which performers of a padded batch exist; masks of the others are zero.

    Raises:
        ValueError: The head is unknown.
    """
    if head not in HEADS:
        raise ValueError(f"unknown head {head!r}: choose from {', '.join(HEADS)}.")
    absent = absent_logits(head, present)
    if head == "sigmoid":
        masks = torch.sigmoid(logits)
        return masks if absent is None else masks.masked_fill(absent, 0.0)
    if absent is not None:
        logits = logits.masked_fill(absent, float("-inf"))
    masks = torch.softmax(logits, dim=1)
    return masks[:, :-1] if head == "softmax-residual" else masks


def largest_masks(
    values: Float[Tensor, "*batch performers rows t"],
) -> Bool[Tensor, "*batch performers rows t"]:
    """Return who has the largest value of each cell, the first of equals.

    Of magnitudes that is the ideal binary mask, of soft masks the binary one.
    """
    numbers = torch.arange(values.shape[-3], device=values.device)
    return values.argmax(dim=-3, keepdim=True) == numbers[:, None, None]


def absent_logits(
    head: str, present: Bool[Tensor, "batch performers"] | None
) -> Bool[Tensor, "batch logits 1 1"] | None:
    """Return which logits are of performers who do not exist; the residual always does."""
    if present is None:
        return None
    absent = ~present[:, :, None, None]
    return nn.functional.pad(absent, (0, 0, 0, 0, 0, 1)) if head == "softmax-residual" else absent


class Residual(nn.Module):
    """One more performer with a learned condition: what nobody who is seen makes.

    Shape:
        Conditions (batch, performers, K, *moments) → (batch, performers + 1, K, *moments).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.condition = nn.Parameter(torch.zeros(channels))

    def forward(
        self, conditions: Float[Tensor, "batch performers K *moments"]
    ) -> Float[Tensor, "batch performers_and_one K *moments"]:
        """Return the conditions with the residual's behind them."""
        own = torch.sigmoid(self.condition)
        own = own.reshape(1, 1, -1, *[1] * (conditions.ndim - 3))
        return torch.cat([conditions, own.expand_as(conditions[:, :1])], dim=1)


class VisionGate(nn.Module):
    """Multiplies the odds of a performer's mask by a factor in 0…1 that its condition gives.

    Shape:
        Logits (batch, logits, rows, t), conditions (batch, performers, K, *moments) → logits.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.openness = nn.Linear(channels, 1)
        nn.init.zeros_(self.openness.weight)
        nn.init.constant_(self.openness.bias, 4.0)

    def forward(
        self,
        logits: Float[Tensor, "batch logits rows t"],
        conditions: Float[Tensor, "one_or_batch performers K *moments"],
    ) -> Float[Tensor, "batch logits rows t"]:
        """Return gated logits; those of a residual stay."""
        moments = conditions if conditions.ndim == 4 else conditions[..., None]
        gate = nn.functional.logsigmoid(self.openness(moments.transpose(2, 3)))[..., 0]
        gate = nn.functional.interpolate(
            gate, size=logits.shape[-1], mode="linear", align_corners=False
        )
        beyond = logits.shape[1] - gate.shape[1]
        return logits + nn.functional.pad(gate, (0, 0, 0, beyond))[:, :, None]
