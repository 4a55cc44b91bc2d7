"""Audio networks: log spectrogram in, feature maps of the same size out."""

from separation.backbones.multi_head_unet import MultiHeadUNet
from separation.backbones.unet import UNet, UNetConfig

__all__ = ["MultiHeadUNet", "UNet", "UNetConfig", "build_backbone"]


def build_backbone(config: UNetConfig, channels: int) -> UNet | MultiHeadUNet:
    """Return the audio network of a configuration."""
    return (MultiHeadUNet if config.separate_decoders else UNet)(config, channels)
