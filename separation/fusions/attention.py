"""Attention: the sound at each place of the network's middle looks for the movement that made it.

    middle of the audio network ─── query ─┐
                                           ├─ softmax ─ movement ─ + ─ MLP ─ + ─► way up
    condition over time ─── key ─── value ─┘

Every performer gets a pass of its own from the middle on, because everything above depends on the
movement.

Source: Gan et al. (2020), section 3.4: h = softmax(s·vᵀ) v + s; z = MLP(h) + h. There a sound may
look at any moment; here it also learns how much farther moments count less, because what is played
is heard at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from separation.backbones import Backbone

if TYPE_CHECKING:
    from jaxtyping import Float


class AttentionFusion(nn.Module):
    """Joins conditions over time to the middle of the audio network.

    Args:
        condition_length: K.
        middle_width: Channels in the middle of the audio network.
    """

    def __init__(self, condition_length: int, middle_width: int) -> None:
        super().__init__()
        self.movement = nn.Linear(condition_length, middle_width)
        self.locality = nn.Parameter(torch.zeros(1))
        self.mlp = nn.Sequential(
            nn.Linear(middle_width, middle_width),
            nn.ReLU(),
            nn.Linear(middle_width, middle_width),
        )

    def logits(
        self,
        backbone: Backbone,
        log_spectrogram: Float[Tensor, "batch maps rows t"],
        conditions: Float[Tensor, "one_or_batch performers K moments"],
    ) -> Float[Tensor, "batch performers rows t"]:
        """Return the logits of every performer's mask; the backbone must give one map.

        Conditions span the very time of the spectrogram, at any rate; one without a time axis
        holds all the time.
        """
        if conditions.ndim == 3:
            conditions = conditions[..., None]
        batch, performers = len(log_spectrogram), conditions.shape[1]
        each = conditions.expand(batch, -1, -1, -1).flatten(end_dim=1)
        encoded = [
            features.repeat_interleave(performers, dim=0)
            for features in backbone.encode(log_spectrogram)
        ]
        rows, moments = encoded[-1].shape[-2:]
        sound = encoded[-1].permute(0, 3, 2, 1).flatten(1, 2)
        movement = self.movement(each.transpose(1, 2).to(sound.dtype))
        joined = self._weights(sound, movement, rows) @ movement + sound
        joined = joined + self.mlp(joined)
        encoded[-1] = joined.unflatten(1, (moments, rows)).permute(0, 3, 2, 1)
        return backbone.decode(encoded).reshape(batch, performers, *log_spectrogram.shape[-2:])

    def attention(
        self,
        backbone: Backbone,
        log_spectrogram: Float[Tensor, "1 1 rows t"],
        conditions: Float[Tensor, "1 performers K moments"],
    ) -> Float[Tensor, "performers middle_t middle_rows moments"]:
        """Return where the sound of one window looks: weights that sum to one over the moments."""
        performers = conditions.shape[1]
        middle = backbone.encode(log_spectrogram)[-1]
        sound = middle.permute(0, 3, 2, 1).flatten(1, 2).expand(performers, -1, -1)
        movement = self.movement(conditions[0].transpose(1, 2))
        rows = middle.shape[-2]
        return self._weights(sound, movement, rows).unflatten(1, (-1, rows))

    def _weights(
        self,
        sound: Float[Tensor, "passes places C"],
        movement: Float[Tensor, "passes moments C"],
        rows: int,
    ) -> Float[Tensor, "passes places moments"]:
        alike = sound @ movement.transpose(1, 2) / math.sqrt(sound.shape[-1])
        at = _middles(sound.shape[1] // rows, sound).repeat_interleave(rows)
        away = (at[:, None] - _middles(movement.shape[1], sound)[None]).abs()
        nearness = nn.functional.softplus(self.locality) * movement.shape[1]
        return torch.softmax(alike - nearness * away, dim=-1)


def _middles(count: int, like: Tensor) -> Float[Tensor, " count"]:
    """Return the middles of equal parts of 0…1."""
    return (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count
