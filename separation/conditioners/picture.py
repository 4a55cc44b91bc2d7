"""Pictures of a performer as the condition: appearance, and motion over several pictures.

A picture shows one performer alone, upright, from the front, on black, two metres to a side. It is
drawn from the performer's colored points (`draw_picture`), so that where the camera stood does not
matter, and any take with color will do.

- "pixels": every place of every picture votes, the largest vote of each channel counts (Sound of
  Pixels); the network learns with the rest.
- "features": the mean features of the pictures, as they are (Conditioned U-Net).
- "motion": an LSTM reads the pictures' features in order, its last state counts (Conditioned
  U-Net with motion).

Source: Zhao et al. (2018), section 3.1; Slizovskaia, Haro, Gómez (2020), section III-B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from separation.conditioners.resnet import Depth, ResNet

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

_SIDE_M = 2.0
# Mean and standard deviation of ImageNet's colors, which its weights expect to be taken out.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

Reading = Literal["pixels", "features", "motion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureConfig:
    """The network that looks at pictures.

    Attributes:
        reading: What pictures are read for: "pixels", "features" or "motion".
        depth: Of the ResNet: 18 or 50.
        width: Channels of its stem, 64 as published.
        pixels: Side of a picture.
        pictures: How many of a performer are looked at.
        frozen: The ResNet keeps its weights, the user's ImageNet ones, and learns nothing.
    """

    reading: Reading = "pixels"
    depth: Depth = 18
    width: int = 64
    pixels: int = 96
    pictures: int = 3
    frozen: bool = False

    def __post_init__(self) -> None:
        if self.width < 1 or self.pictures < 1 or self.pixels < 32:
            raise ValueError(
                f"a picture needs ≥ 32 pixels, and width and pictures ≥ 1, got {self}."
            )

    @property
    def feature_count(self) -> int:
        """Length of a picture's features."""
        return self.width * (8 if self.depth == 18 else 32)


class PictureConditioner(nn.Module):
    """Pictures of each performer → one condition vector per performer.

    Args:
        config: The network.
        out_channels: K; for "features" it must be the network's `feature_count`.

    Shape:
        (P, pictures, 3, rows, columns), standardized → (P, K).

    Raises:
        ValueError: K does not fit.
    """

    def __init__(self, config: PictureConfig, out_channels: int) -> None:
        super().__init__()
        self.config = config
        self.network = ResNet(config.depth, config.width, dilated=config.reading == "pixels")
        features = self.network.feature_count
        if config.reading == "pixels":
            self.votes = nn.Conv2d(features, out_channels, 3, padding=1)
        elif config.reading == "motion":
            self.memory = nn.LSTM(features, out_channels, batch_first=True)
        elif out_channels != features:
            raise ValueError(
                f"pictures have {features} features, which are the condition: channels must be "
                f"{features}, not {out_channels}."
            )
        if config.frozen:
            self.network.requires_grad_(False)

    def train(self, mode: bool = True) -> PictureConditioner:
        """Set the mode; a frozen network stays as it is, its norms too."""
        super().train(mode)
        if self.config.frozen:
            self.network.eval()
        return self

    def forward(
        self, pictures: Float[Tensor, "performers pictures 3 rows columns"]
    ) -> Float[Tensor, "performers K"]:
        """Return condition vectors.

        Raises:
            ValueError: The shape is another one, or there is no picture.
        """
        if pictures.ndim != 5 or pictures.shape[2] != 3 or 0 in pictures.shape[:2]:
            raise ValueError(
                "pictures must be (performers, pictures, 3, rows, columns), with one at least, "
                f"got {tuple(pictures.shape)}."
            )
        count = pictures.shape[1]
        features = self.network(pictures.flatten(end_dim=1))
        if self.config.reading == "pixels":
            votes = self.votes(features).unflatten(0, (-1, count))
            return torch.sigmoid(votes.amax(dim=(1, 3, 4)))
        vectors = features.mean(dim=(-2, -1)).unflatten(0, (-1, count))
        if self.config.reading == "features":
            return vectors.mean(dim=1)
        return self.memory(vectors)[1][0][-1]


def draw_picture(
    points: Float32[np.ndarray, "points 3"],
    colors: Float32[np.ndarray, "points 3"],
    pixels: int,
) -> Float32[np.ndarray, "3 pixels pixels"]:
    """Draw a performer's cloud from the front.

    Args:
        points: In the performer's axes (x side, y stature, z facing), metres, centred.
        colors: RGB in 0…1.
        pixels: Side of the picture, which shows two metres.

    Returns:
        Colors with ImageNet's mean and deviation taken out; what nobody covers is black.
    """
    place = np.floor((points[:, :2] / _SIDE_M + 0.5) * pixels).astype(np.int64)
    inside = np.all((place >= 0) & (place < pixels), axis=1)
    place, depth, shades = place[inside], points[inside, 2], colors[inside]
    nearest_last = np.argsort(depth, kind="stable")
    rows, columns = pixels - 1 - place[nearest_last, 1], pixels - 1 - place[nearest_last, 0]
    picture = np.zeros((pixels, pixels, 3), np.float32)
    covered = np.zeros((pixels, pixels), bool)
    picture[rows, columns] = shades[nearest_last]
    covered[rows, columns] = True
    _close_gaps(picture, covered)
    return np.ascontiguousarray(((picture - _MEAN) / _DEVIATION).transpose(2, 0, 1))


def _close_gaps(picture: np.ndarray, covered: np.ndarray) -> None:
    """Give pixels between covered ones the mean of their neighbours: points are not everywhere."""
    padded = np.pad(covered, 1)
    shades = np.pad(picture * covered[..., None], ((1, 1), (1, 1), (0, 0)))
    rows, columns = covered.shape
    steps = [(1 + r, 1 + c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]
    count = np.sum([padded[r : r + rows, c : c + columns] for r, c in steps], axis=0)
    total = np.sum([shades[r : r + rows, c : c + columns] for r, c in steps], axis=0)
    gaps = ~covered & (count >= 4)
    picture[gaps] = total[gaps] / count[gaps, None]
