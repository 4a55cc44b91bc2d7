"""Multi-head U-Net: one encoder for all, and one decoder for each feature map.

Source: Doire and Okubadejo (2019), "Interleaved multitask learning for audio source separation",
as Slizovskaia, Haro, Gómez (2020) use it: a decoder for each instrument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from separation.backbones.unet import Modulate, UNet, UNetConfig, initialize, join

if TYPE_CHECKING:
    from jaxtyping import Float


class MultiHeadUNet(nn.Module):
    """Maps log spectrograms to feature maps of the same size, each by a decoder of its own.

    The first map is the plain U-Net's, whose encoder serves the other decoders too.
    """

    def __init__(self, config: UNetConfig, channels: int, inputs: int = 1) -> None:
        super().__init__()
        self.config = config
        self.first = UNet(config, 1, inputs)
        self.encoder_widths = self.first.encoder_widths
        self.final_width = self.first.final_width
        self.others = nn.ModuleList(
            [_Decoder(self.encoder_widths, config.initialization) for _ in range(channels - 1)]
        )

    def forward(
        self, log_spectrogram: Float[Tensor, "batch maps rows t"]
    ) -> Float[Tensor, "batch channels rows t"]:
        """Return feature maps; see `UNet.forward` for sizes and errors."""
        return self.decode(self.encode(log_spectrogram))

    def encode(
        self, log_spectrogram: Float[Tensor, "batch maps rows t"], modulate: Modulate | None = None
    ) -> list[Tensor]:
        """Return the features of each level on the way down; see `UNet.encode`."""
        return self.first.encode(log_spectrogram, modulate)

    def decode(
        self, encoded: Sequence[Tensor], modulate: Modulate | None = None
    ) -> Float[Tensor, "batch channels rows t"]:
        """Return feature maps, one a decoder; see `UNet.decode`."""
        maps = [self.first.decode(encoded, modulate)]
        maps += [decoder(encoded, modulate) for decoder in self.others]
        return torch.cat(maps, dim=1)


class _Decoder(nn.Module):
    """The way up of a U-Net that ends in one feature map."""

    def __init__(self, widths: Sequence[int], initialization: str) -> None:
        super().__init__()
        deepest = len(widths) - 1
        self.levels = nn.ModuleList(
            [
                _Rise(
                    given=widths[index] * (1 if index == deepest else 2),
                    returned=widths[index - 1] if index else 1,
                    outermost=index == 0,
                )
                for index in range(len(widths))
            ]
        )
        initialize(self, initialization)

    def forward(self, encoded: Sequence[Tensor], modulate: Modulate | None) -> Tensor:
        deeper: Tensor | None = None
        for index, level in reversed(list(enumerate(self.levels))):
            joined = encoded[index] if deeper is None else join(encoded[index], deeper)
            deeper = level(joined if modulate is None else modulate(index, joined))
        assert deeper is not None
        return deeper


class _Rise(nn.Module):
    """One level of a decoder: twice the size."""

    def __init__(self, *, given: int, returned: int, outermost: bool) -> None:
        super().__init__()
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.up = nn.Conv2d(given, returned, 3, padding=1, bias=outermost)
        self.up_norm = nn.Identity() if outermost else nn.BatchNorm2d(returned)

    def forward(self, features: Tensor) -> Tensor:
        return self.up_norm(self.up(self.upsample(nn.functional.relu(features))))
