"""ResNet for pictures: what the image-conditioned systems look with.

Layout and parameter names are those of the widely shared ImageNet weights, so that a user's
own file of them loads (`load_image_weights`).

Source: He et al., "Deep residual learning for image recognition", 2016. The dilated form keeps
a finer grid in the last stage: Zhao et al., "The Sound of Pixels", 2018, section 3.1.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from capture.errors import FileFormatError

if TYPE_CHECKING:
    from jaxtyping import Float

Depth = Literal[18, 50]

_BLOCKS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


class ResNet(nn.Module):
    """Convolutional network of 18 or 50 layers, without its classifier.

    Args:
        depth: 18 (blocks of two 3×3 convolutions) or 50 (bottlenecks).
        width: Channels of the stem; 64 as published.
        dilated: The last stage looks wider instead of halving the grid again: 1/16 of the
            picture's size instead of 1/32.

    Attributes:
        feature_count: Channels of what comes out: 8 × width, or 32 × width for depth 50.

    Shape:
        (pictures, 3, rows, columns) → (pictures, feature_count, rows / 32, columns / 32).

    Raises:
        ValueError: There is no such depth.
    """

    def __init__(self, depth: Depth = 18, width: int = 64, *, dilated: bool = False) -> None:
        super().__init__()
        if depth not in _BLOCKS:
            raise ValueError(f"depth must be 18 or 50, got {depth}.")
        kind = BasicBlock if depth == 18 else Bottleneck
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        given = width
        for number, count in enumerate(_BLOCKS[depth]):
            inner = width * 2**number
            widened = dilated and number == 3
            stage: list[nn.Module] = []
            for index in range(count):
                stride = 2 if number and not index and not widened else 1
                stage.append(kind(given, inner, stride, 2 if widened and index else 1))
                given = inner * kind.expansion
            self.add_module(f"layer{number + 1}", nn.Sequential(*stage))
        self.feature_count = given
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, pictures: Float[Tensor, "pictures 3 rows columns"]
    ) -> Float[Tensor, "pictures features grid_rows grid_columns"]:
        """Return the features of the last stage."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        for number in range(4):
            features = self.get_submodule(f"layer{number + 1}")(features)
        return features


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, given: int, inner: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = _convolution(given, inner, 3, stride, dilation)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = _convolution(inner, inner, 3, 1, dilation)
        self.bn2 = nn.BatchNorm2d(inner)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(given, inner, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Transform features (pictures, given, rows, columns)."""
        out = self.relu(self.bn1(self.conv1(features)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + self.downsample(features))


class Bottleneck(nn.Module):
    """Convolutions of 1×1, 3×3 and 1×1, four times as wide at the end, and a shortcut."""

    expansion = 4

    def __init__(self, given: int, inner: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = _convolution(given, inner, 1, 1, 1)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = _convolution(inner, inner, 3, stride, dilation)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = _convolution(inner, 4 * inner, 1, 1, 1)
        self.bn3 = nn.BatchNorm2d(4 * inner)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(given, 4 * inner, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Transform features (pictures, given, rows, columns)."""
        out = self.relu(self.bn1(self.conv1(features)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(features))


def load_image_weights(network: ResNet, path: str | os.PathLike[str]) -> None:
    """Take over ImageNet weights: a .safetensors file, or a .pth that holds tensors only.

    The classifier of such a file is left out.

    Raises:
        FileFormatError: The file is broken, or of a network of another depth or width.
    """
    import safetensors.torch

    try:
        if str(path).endswith(".safetensors"):
            weights = safetensors.torch.load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its pickle reader meets
        raise FileFormatError(
            f"{path}: not a file of weights ({error}). Give the state dict of a ResNet as "
            ".safetensors or .pth."
        ) from error
    own = network.state_dict()
    wrong = [
        name
        for name, value in own.items()
        if "num_batches" not in name and (name not in weights or weights[name].shape != value.shape)
    ]
    if wrong:
        raise FileFormatError(
            f"{path}: weights of another network: {wrong[0]} is missing or of another shape. "
            f"Wanted are those of a ResNet with {network.feature_count} features."
        )
    network.load_state_dict({name: weights.get(name, value) for name, value in own.items()})


def _convolution(given: int, returned: int, size: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(
        given,
        returned,
        size,
        stride=stride,
        padding=dilation * (size // 2),
        dilation=dilation,
        bias=False,
    )


def _shortcut(given: int, returned: int, stride: int) -> nn.Module:
    if stride == 1 and given == returned:
        return nn.Identity()
    return nn.Sequential(_convolution(given, returned, 1, stride, 1), nn.BatchNorm2d(returned))
