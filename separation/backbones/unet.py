"""U-Net over log-frequency spectrograms, as in "The Sound of Pixels" and its successors.

Each level halves both axes with a convolution of stride 2 and doubles them again with bilinear
interpolation and a 3×3 convolution; skip connections join equal sizes. The outermost and innermost
down convolutions have no batch normalization.

Source: Zhao et al. (2018), supplementary; sizes as in the code of Lluís et al. (2021). With four
levels of dilated 3×3 convolutions it is the audio network of Gan et al. (2020), section 3.3, whose
middle keeps a time axis that is fine enough to be compared with movements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class UNetConfig:
    """Shape of a U-Net.

    Attributes:
        levels: Times that the axes are halved; inputs must be multiples of 2**levels.
        width: Channels after the first level (ngf); they double up to eight times as many.
        frequency_coordinate: Give the network its row as a second input channel, because what a
            pattern means depends on its absolute frequency and convolutions cannot tell it.
        initialization: "normal" as published (N(0, 0.001)) or "kaiming".
        separate_decoders: Give each feature map a decoder of its own, as the multi-head U-Net.
        down_kernel: Side of the convolutions on the way down: 4, or 3 with `dilation`.
        dilation: Cells from one tap of these to the next.
    """

    levels: int = 7
    width: int = 64
    frequency_coordinate: bool = False
    initialization: str = "normal"
    separate_decoders: bool = False
    down_kernel: Literal[3, 4] = 4
    dilation: int = 1

    def __post_init__(self) -> None:
        if self.levels < 3 or self.width < 1:
            raise ValueError(f"a U-Net needs ≥ 3 levels and a positive width, got {self}.")
        if self.initialization not in ("normal", "kaiming"):
            raise ValueError(
                f"initialization must be normal or kaiming, not {self.initialization!r}."
            )
        if self.dilation < 1 or (self.dilation > 1 and self.down_kernel != 3):
            raise ValueError(
                "convolutions on the way down may be dilated by 1 or more, and only those of 3×3, "
                f"got {self.down_kernel} and {self.dilation}."
            )


Modulate = Callable[[int, Tensor], Tensor]
"""Changes the features (batch channels rows t) of a level; level 0 is the outermost."""


class UNet(nn.Module):
    """Maps `inputs` pictures, log spectrograms as a rule, to `channels` maps of the same size.

    Attributes:
        encoder_widths: Channels that each level's features have, from the outermost.
        final_width: Channels that the last convolution reads.
    """

    def __init__(self, config: UNetConfig, channels: int, inputs: int = 1) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * min(2**i, 8) for i in range(config.levels)]
        self.encoder_widths = tuple(widths)
        self.final_width = 2 * widths[0]
        self.input_norm = nn.BatchNorm2d(inputs)
        block: _Level | None = None
        for index in reversed(range(config.levels)):
            outer = widths[index - 1] if index else inputs + config.frequency_coordinate
            block = _Level(
                outer=outer,
                inner=widths[index],
                returned=widths[index - 1] if index else channels,
                inside=block,
                outermost=index == 0,
                kernel=config.down_kernel,
                dilation=config.dilation,
            )
        assert block is not None
        self.outermost = block
        initialize(self, config.initialization)

    def forward(
        self, log_spectrogram: Float[Tensor, "batch maps rows t"]
    ) -> Float[Tensor, "batch channels rows t"]:
        """Return feature maps.

        Raises:
            ValueError: Rows or frames are no multiple of 2**levels.
        """
        return self.decode(self.encode(log_spectrogram))

    def encode(
        self, log_spectrogram: Float[Tensor, "batch maps rows t"], modulate: Modulate | None = None
    ) -> list[Tensor]:
        """Return the features of each level on the way down, the outermost first.

        Args:
            log_spectrogram: The picture of the mixture.
            modulate: Changes each level's features before the next level sees them.

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
        encoded: list[Tensor] = []
        for index, level in enumerate(self._levels()):
            features = level.descend(features)
            if modulate is not None:
                features = modulate(index, features)
            encoded.append(features)
        return encoded

    def decode(
        self, encoded: Sequence[Tensor], modulate: Modulate | None = None
    ) -> Float[Tensor, "batch channels rows t"]:
        """Return feature maps from the features of each level (`encode`).

        Args:
            encoded: One tensor a level, the outermost first.
            modulate: Changes what each level's convolution on the way up is given.
        """
        deeper: Tensor | None = None
        for index, level in reversed(list(enumerate(self._levels()))):
            joined = encoded[index] if deeper is None else join(encoded[index], deeper)
            if modulate is not None:
                joined = modulate(index, joined)
            deeper = level.ascend(joined)
        assert deeper is not None
        return deeper

    def _levels(self) -> list[_Level]:
        levels: list[_Level] = []
        level: _Level | None = self.outermost
        while level is not None:
            levels.append(level)
            level = level.inside
        return levels


def join(
    skipped: Float[Tensor, "batch skipped rows t"], deeper: Float[Tensor, "batch deeper rows t"]
) -> Float[Tensor, "batch channels rows t"]:
    """Return the channels of both.

    The gradient of a part is a slice of the whole's. Batch normalization, which gives `deeper`,
    takes ten times as long over one that is not dense in memory, so it gets a copy.
    """
    if deeper.requires_grad:
        deeper.register_hook(_dense)
    return torch.cat([skipped, deeper], dim=1)


def _dense(gradient: Tensor) -> Tensor:
    channels_last = gradient.stride(1) == 1
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return gradient.contiguous(memory_format=layout)


def initialize(network: nn.Module, how: str) -> None:
    """Draw the weights of convolutions and norms, "normal" or "kaiming" (see `UNetConfig`)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            if how == "normal":
                nn.init.normal_(module.weight, 0.0, 0.001)
            else:
                nn.init.kaiming_normal_(module.weight, a=0.2)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and how == "normal":
            nn.init.normal_(module.weight, 1.0, 0.02)


class _Level(nn.Module):
    """One level: down, everything deeper, up, with the skip connection around it."""

    def __init__(
        self,
        *,
        outer: int,
        inner: int,
        returned: int,
        inside: _Level | None,
        outermost: bool,
        kernel: int,
        dilation: int,
    ) -> None:
        super().__init__()
        self.outermost = outermost
        innermost = inside is None
        # Taps so far from the border that an even size is halved, whatever the dilation.
        self.down = nn.Conv2d(
            outer, inner, kernel, stride=2, padding=dilation, dilation=dilation, bias=outermost
        )
        self.down_norm = nn.Identity() if outermost or innermost else nn.BatchNorm2d(inner)
        self.inside = inside
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.up = nn.Conv2d(
            inner if innermost else 2 * inner, returned, 3, padding=1, bias=outermost
        )
        self.up_norm = nn.Identity() if outermost else nn.BatchNorm2d(returned)

    def descend(self, features: Tensor) -> Tensor:
        """Return features of half the size."""
        if not self.outermost:
            features = nn.functional.leaky_relu(features, 0.2)
        return self.down_norm(self.down(features))

    def ascend(self, features: Tensor) -> Tensor:
        """Return features of twice the size, for the next level out to join to its own."""
        return self.up_norm(self.up(self.upsample(nn.functional.relu(features))))
