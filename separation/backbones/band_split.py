"""Band split: sub-bands of a linear spectrogram as the rows of a U-Net, and the way back to bins.

    bins ─ bands ─ normalize ─ project ─┬─ U-Net over bands ─┐
                                        └────────────────────┴─ a projection for each band ─ bins

Each band has a normalization and projections of its own: so low bands may be narrow and high ones
wide, and what a pattern means may depend on where it lies. What a band showed goes past the U-Net
too, which sees a band as one row.

Source: Luo and Yu (2023), "Music source separation with band-split RNN", sections III-A and III-C;
the U-Net stands where that network has its LSTMs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from separation.backbones.multi_head_unet import MultiHeadUNet
from separation.backbones.unet import Modulate, UNet

if TYPE_CHECKING:
    from jaxtyping import Float

Bands = Sequence[tuple[int, int]]
"""Numbers of sub-bands, and how many bins each of them has, from the lowest."""


class BandSplitUNet(nn.Module):
    """Maps pictures of all bins to `channels` feature maps of the same size.

    Attributes:
        encoder_widths: As the U-Net's inside.
        final_width: As the U-Net's inside.

    Args:
        inside: Takes `features` channels with a row for each band.
        inside_maps: Feature maps that it gives.
        features: What each band is projected to.
        channels: Feature maps to return.
        bands: Together all bins.
    """

    def __init__(
        self,
        inside: UNet | MultiHeadUNet,
        *,
        inside_maps: int,
        features: int,
        channels: int,
        bands: Bands,
    ) -> None:
        super().__init__()
        self.inside = inside
        self.encoder_widths = inside.encoder_widths
        self.final_width = inside.final_width
        self.bands = tuple(bands)
        self.splits = nn.ModuleList([_Split(*band, features) for band in bands])
        self.merges = nn.ModuleList(
            [_Merge(*band, inside_maps + features, channels) for band in bands]
        )

    def forward(
        self, log_spectrogram: Float[Tensor, "batch 1 bins t"]
    ) -> Float[Tensor, "batch channels bins t"]:
        """Return feature maps; see `UNet.forward` for sizes and errors."""
        return self.decode(self.encode(log_spectrogram))

    def encode(
        self, log_spectrogram: Float[Tensor, "batch 1 bins t"], modulate: Modulate | None = None
    ) -> list[Tensor]:
        """Return the features of the bands, then those of each level; see `UNet.encode`."""
        parts = log_spectrogram[:, 0].split([n * width for n, width in self.bands], dim=1)
        split = torch.cat([own(part) for own, part in zip(self.splits, parts, strict=True)], dim=2)
        return [split, *self.inside.encode(split, modulate)]

    def decode(
        self, encoded: Sequence[Tensor], modulate: Modulate | None = None
    ) -> Float[Tensor, "batch channels bins t"]:
        """Return feature maps from what `encode` gave; see `UNet.decode`."""
        maps = self.inside.decode(encoded[1:], modulate)
        # Modulation may have made of each item one for every performer.
        split = encoded[0].repeat_interleave(len(maps) // len(encoded[0]), dim=0)
        parts = torch.cat([maps, split], dim=1).split([n for n, _ in self.bands], dim=2)
        return torch.cat([own(part) for own, part in zip(self.merges, parts, strict=True)], dim=2)


class _Split(nn.Module):
    """Equally wide bands → features, each band over its own bins and frames normalized."""

    def __init__(self, count: int, width: int, features: int) -> None:
        super().__init__()
        self.width = width
        self.scale = nn.Parameter(torch.ones(count, width, 1))
        self.shift = nn.Parameter(torch.zeros(count, width, 1))
        self.weight = nn.Parameter(torch.randn(count, width, features) / width**0.5)

    def forward(self, bins: Float[Tensor, "batch bins t"]) -> Float[Tensor, "batch features n t"]:
        bands = bins.unflatten(1, (-1, self.width))
        deviation, mean = torch.std_mean(bands, dim=(2, 3), keepdim=True, correction=0)
        normal = (bands - mean) / (deviation + 1e-3) * self.scale + self.shift
        return torch.einsum("bnwt,nwf->bfnt", normal, self.weight)


class _Merge(nn.Module):
    """Features of equally wide bands → feature maps of their bins."""

    def __init__(self, count: int, width: int, given: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, given, channels, width) / given**0.5)
        self.bias = nn.Parameter(torch.zeros(channels, count, width, 1))

    def forward(
        self, bands: Float[Tensor, "batch features n t"]
    ) -> Float[Tensor, "batch channels bins t"]:
        bins = torch.einsum("bfnt,nfcw->bcnwt", torch.relu(bands), self.weight)
        return (bins + self.bias).flatten(2, 3)
