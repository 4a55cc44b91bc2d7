"""Audio networks: log spectrogram in, feature maps of the same size out."""

from typing import TypeAlias

from separation.backbones.band_split import Bands, BandSplitUNet
from separation.backbones.multi_head_unet import MultiHeadUNet
from separation.backbones.unet import UNet, UNetConfig

__all__ = ["Backbone", "BandSplitUNet", "MultiHeadUNet", "UNet", "UNetConfig", "build_backbone"]

Backbone: TypeAlias = UNet | MultiHeadUNet | BandSplitUNet


def build_backbone(
    config: UNetConfig, channels: int, *, inputs: int = 1, bands: Bands = ()
) -> Backbone:
    """Return the audio network of a configuration; one over `bands`, where there are any."""
    kind = MultiHeadUNet if config.separate_decoders else UNet
    if not bands:
        return kind(config, channels, inputs)
    maps = channels if config.separate_decoders else max(channels, config.width)
    return BandSplitUNet(
        kind(config, maps, inputs=config.width),
        inside_maps=maps,
        features=config.width,
        channels=channels,
        bands=bands,
    )
