"""From mask logits to soft masks, and performers whom the network cannot tell apart.

Two players of one instrument look alike to the network and get the same mask, or nearly. Which of
two equal masks comes out a little larger means nothing, so such performers are found and split
what they get equally.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float16, Float32, Float64

from separation.model import SeparationModel
from separation.time_array import TimeArray

_BLOCK_FRAMES = 1024

Groups = tuple[tuple[int, ...], ...]


@torch.inference_mode()
def soft_masks(
    logits: Float16[np.ndarray, "logits rows t"], model: SeparationModel, groups: Groups = ()
) -> Float32[np.ndarray, "performers rows t"]:
    """Return masks in 0…1 whose sum over performers is nowhere above 1.

    Args:
        logits: Of all performers, and of the residual where the head has one.
        model: Its head turns them to masks. Where a sigmoid head's masks sum to more than 1, they
            are divided by the sum.
        groups: Performers who share what they get equally.
    """
    masks = model.masks(torch.from_numpy(logits.astype(np.float32))[None])[0].cpu().numpy()
    masks = masks / np.maximum(masks.sum(axis=0), 1.0)
    for group in groups:
        if len(group) > 1:
            members = list(group)
            masks[members] = masks[members].mean(axis=0)
    return masks


def group_performers(
    logits: TimeArray,
    magnitudes: TimeArray,
    model: SeparationModel,
    shared_below: float,
) -> Groups:
    """Return groups of performers whom the network cannot tell apart; most have one member.

    Args:
        logits: Of all performers over the whole recording, shape (logits, rows, t).
        magnitudes: Of the mixture, on the same rows and frames, shape (rows, t).
        model: Its head turns logits to masks.
        shared_below: Largest `mask_distances` inside a group.
    """
    distances = mask_distances(logits, magnitudes, model)
    group_of = list(range(len(distances)))
    for first in range(len(distances)):
        for second in range(first + 1, len(distances)):
            if distances[first, second] < shared_below:
                old, new = group_of[second], group_of[first]
                group_of = [new if group == old else group for group in group_of]
    return tuple(
        tuple(index for index, own in enumerate(group_of) if own == group)
        for group in sorted(set(group_of))
    )


def mask_distances(
    logits: TimeArray, magnitudes: TimeArray, model: SeparationModel
) -> Float64[np.ndarray, "performers performers"]:
    """Return how differently each two performers' masks treat the mixture, 0 (equally) to 1.

    It is Σ|mₚ − m_q|·|X|² / Σ(mₚ + m_q)·|X|²: the share of the energy that the two get which goes
    to one and not to the other.
    """
    count = logits.shape[0] - model.logit_count(0)
    differences = np.zeros((count, count))
    sums = np.zeros((count, count))
    for start in range(0, logits.shape[-1], _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        masks = soft_masks(logits[..., block], model)
        power = magnitudes[:, block].astype(np.float64) ** 2
        for first in range(count):
            for second in range(first + 1, count):
                one, other = masks[first], masks[second]
                differences[first, second] += float((np.abs(one - other) * power).sum())
                sums[first, second] += float(((one + other) * power).sum())
    distances = np.divide(differences, sums, out=np.zeros_like(sums), where=sums > 0)
    return distances + distances.T
