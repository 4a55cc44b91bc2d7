"""From mask logits to masks between 0 and 1.

- "sigmoid": each performer's mask by itself, as in the papers. Masks need not sum to one.
- "softmax": performers share every cell; masks sum to one, and two performers with the same
  condition get the same half. Fits when everybody who sounds is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

HEADS = ("sigmoid", "softmax")


def masks_from_logits(
    head: str,
    logits: Float[Tensor, "batch performers rows t"],
    present: Bool[Tensor, "batch performers"] | None = None,
) -> Float[Tensor, "batch performers rows t"]:
    """Return masks.

    Args:
        head: One of `HEADS`.
        logits: From the fusion.
        present: Which performers of a padded batch exist; masks of the others are zero.

    Raises:
        ValueError: The head is unknown.
    """
    if head not in HEADS:
        raise ValueError(f"unknown head {head!r}: choose from {', '.join(HEADS)}.")
    absent = None if present is None else ~present[:, :, None, None]
    if head == "sigmoid":
        masks = torch.sigmoid(logits)
        return masks if absent is None else masks.masked_fill(absent, 0.0)
    if absent is not None:
        logits = logits.masked_fill(absent, float("-inf"))
    return torch.softmax(logits, dim=1)
