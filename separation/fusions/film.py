"""Feature-wise linear modulation: a performer's condition scales and shifts the network's features.

Each performer gets a pass of its own from where its condition enters: the whole network
("encoder"), all above the bottleneck ("bottleneck"), or the last convolution ("final").

Source: Perez et al. (2018), "FiLM"; places as in Slizovskaia, Haro, Gómez (2020), section III-C.
There one pass is modulated by all labels of a mixture; here each performer modulates one, so that
conditions that are not labels keep their identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

from separation.backbones import Backbone

if TYPE_CHECKING:
    from jaxtyping import Float

FilmPlace = Literal["bottleneck", "encoder", "final"]


class FilmFusion(nn.Module):
    """feature ← (1 + γ(condition)) · feature + β(condition), with linear γ and β a channel."""

    def __init__(
        self, place: FilmPlace, condition_length: int, encoder_widths: Sequence[int], final: int
    ) -> None:
        """Prepare for a backbone.

        Args:
            place: Where conditions enter.
            condition_length: K.
            encoder_widths: Channels of the backbone's levels, from the outermost.
            final: Channels that the backbone's last convolution reads.
        """
        super().__init__()
        self.place = place
        widths = {
            "bottleneck": [encoder_widths[-1]],
            "encoder": list(encoder_widths),
            "final": [final],
        }[place]
        self.modulations = nn.ModuleList(
            [nn.Linear(condition_length, 2 * width) for width in widths]
        )

    def logits(
        self,
        backbone: Backbone,
        log_spectrogram: Float[Tensor, "batch maps rows t"],
        conditions: Float[Tensor, "one_or_batch performers K"],
    ) -> Float[Tensor, "batch performers rows t"]:
        """Return the logits of every performer's mask; the backbone must give one map."""
        batch, performers = len(log_spectrogram), conditions.shape[1]
        each = conditions.expand(batch, -1, -1).flatten(end_dim=1)
        if self.place == "encoder":
            encoded = backbone.encode(
                _repeated(log_spectrogram, performers),
                lambda level, features: self._modulated(level, features, each),
            )
            maps = backbone.decode(encoded)
        elif self.place == "bottleneck":
            encoded = [
                _repeated(features, performers) for features in backbone.encode(log_spectrogram)
            ]
            encoded[-1] = self._modulated(0, encoded[-1], each)
            maps = backbone.decode(encoded)
        else:
            maps = backbone.decode(
                backbone.encode(log_spectrogram),
                lambda level, features: (
                    features if level else self._modulated(0, _repeated(features, performers), each)
                ),
            )
        return maps.reshape(batch, performers, *maps.shape[-2:])

    def _modulated(
        self,
        number: int,
        features: Float[Tensor, "passes channels rows t"],
        conditions: Float[Tensor, "passes K"],
    ) -> Float[Tensor, "passes channels rows t"]:
        scale, shift = self.modulations[number](conditions)[..., None, None].chunk(2, dim=1)
        return (1 + scale) * features + shift


def _repeated(features: Tensor, performers: int) -> Tensor:
    """Return each item of a batch once for every performer, one performer after another."""
    return features.repeat_interleave(performers, dim=0)
