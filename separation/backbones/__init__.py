"""Audio networks: log spectrogram in, feature maps of the same size out."""

from separation.backbones.unet import UNet, UNetConfig

__all__ = ["UNet", "UNetConfig"]
