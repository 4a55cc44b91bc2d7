"""U-Net over log-frequency spectrograms, as in "The Sound of Pixels" and its successors.

Each level halves both axes with a 4×4 convolution of stride 2 and doubles them again with
bilinear interpolation and a 3×3 convolution; skip connections join equal sizes. The outermost
and innermost down convolutions have no batch normalization.

Source: Zhao et al. (2018), supplementary; sizes as in the code of Lluís et al. (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class UNetConfig:
    """Shape of a U-Net.

    Attributes:
        levels: Times that the axes are halved; inputs must be multiples of 2**levels.
        width: Channels after the first level (ngf); they double up to eight times as many.
        frequency_coordinate: Give the network its row as a second input channel, because what a
            pattern means depends on its absolute frequency and convolutions cannot tell it.
        initialization: "normal" as published (N(0, 0.001)) or "kaiming".
    """

    levels: int = 7
    width: int = 64
    frequency_coordinate: bool = False
    initialization: str = "normal"

    def __post_init__(self) -> None:
        if self.levels < 3 or self.width < 1:
            raise ValueError(f"a U-Net needs ≥ 3 levels and a positive width, got {self}.")
        if self.initialization not in ("normal", "kaiming"):
            raise ValueError(
                f"initialization must be normal or kaiming, not {self.initialization!r}."
            )


class UNet(nn.Module):
    """Maps log spectrograms to `channels` feature maps of the same size."""

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * min(2**i, 8) for i in range(config.levels)]
        self.input_norm = nn.BatchNorm2d(1)
        block: _Level | None = None
        for index in reversed(range(config.levels)):
            outer = widths[index - 1] if index else (2 if config.frequency_coordinate else 1)
            block = _Level(
                outer=outer,
                inner=widths[index],
                returned=widths[index - 1] if index else channels,
                inside=block,
                outermost=index == 0,
            )
        assert block is not None
        self.outermost = block
        self._initialize()

    def forward(
        self, log_spectrogram: Float[Tensor, "batch 1 rows t"]
    ) -> Float[Tensor, "batch channels rows t"]:
        """Return feature maps.

        Raises:
            ValueError: Rows or frames are no multiple of 2**levels.
        """
        step = 2**self.config.levels
        rows, frames = log_spectrogram.shape[-2:]
        if rows % step or frames % step:
            raise ValueError(
                f"a U-Net of {self.config.levels} levels takes multiples of {step} rows and "
                f"frames, got {rows} × {frames}: pad the window."
            )
        features = self.input_norm(log_spectrogram)
        if self.config.frequency_coordinate:
            row = torch.linspace(-1, 1, rows, device=features.device, dtype=features.dtype)
            coordinate = row[:, None].expand(len(features), 1, rows, frames)
            features = torch.cat([features, coordinate], dim=1)
        return self.outermost(features)

    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if self.config.initialization == "normal":
                    nn.init.normal_(module.weight, 0.0, 0.001)
                else:
                    nn.init.kaiming_normal_(module.weight, a=0.2)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d) and self.config.initialization == "normal":
                nn.init.normal_(module.weight, 1.0, 0.02)


class _Level(nn.Module):
    """One level: down, everything deeper, up, with the skip connection around it."""

    def __init__(
        self, *, outer: int, inner: int, returned: int, inside: _Level | None, outermost: bool
    ) -> None:
        super().__init__()
        self.outermost = outermost
        innermost = inside is None
        self.down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=outermost)
        self.down_norm = nn.Identity() if outermost or innermost else nn.BatchNorm2d(inner)
        self.inside = inside
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.up = nn.Conv2d(
            inner if innermost else 2 * inner, returned, 3, padding=1, bias=outermost
        )
        self.up_norm = nn.Identity() if outermost else nn.BatchNorm2d(returned)

    def forward(self, features: Tensor) -> Tensor:
        """Return what this level adds; the caller joins it to its own features."""
        if not self.outermost:
            features = nn.functional.leaky_relu(features, 0.2)
        deep = self.down_norm(self.down(features))
        if self.inside is not None:
            deep = torch.cat([deep, self.inside(deep)], dim=1)
        return self.up_norm(self.up(self.upsample(nn.functional.relu(deep))))
