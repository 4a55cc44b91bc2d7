"""Sparse ResNet18: the 3D network that looks at a performer's point cloud.

Layout and parameter names are those of the point-cloud separation network (PCS) and of its
ModelNet40 pretraining, so that their checkpoints load.

Source: Lluís, Chatziioannou, Hofmann, "Music source separation conditioned on 3D point clouds",
2021; the block is He et al., "Deep residual learning", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from separation.sparse import TORCH_LAYERS, SparseLayers

if TYPE_CHECKING:
    from jaxtyping import Float


class SparseBasicBlock(nn.Module):
    """Two 3×3×3 convolutions and a shortcut, which is 1×1×1 where shapes change."""

    def __init__(
        self, in_channels: int, channels: int, stride: int, layers: SparseLayers = TORCH_LAYERS
    ) -> None:
        super().__init__()
        self.conv1 = layers.convolution(in_channels, channels, kernel_size=3, stride=stride)
        self.norm1 = layers.batch_norm(channels)
        self.conv2 = layers.convolution(channels, channels, kernel_size=3)
        self.norm2 = layers.batch_norm(channels)
        self.relu = layers.relu()
        self.add = layers.add
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                layers.convolution(in_channels, channels, kernel_size=1, stride=stride),
                layers.batch_norm(channels),
            )

    def forward(self, voxels: Any) -> Any:
        """Transform a sparse tensor of in_channels into one of `channels`."""
        out = self.relu(self.norm1(self.conv1(voxels)))
        out = self.norm2(self.conv2(out))
        shortcut = voxels if self.downsample is None else self.downsample(voxels)
        return self.relu(self.add(out, shortcut))


def _stage(in_channels: int, channels: int, layers: SparseLayers) -> nn.Sequential:
    return nn.Sequential(
        SparseBasicBlock(in_channels, channels, 2, layers),
        SparseBasicBlock(channels, channels, 1, layers),
    )


def _widths(width: int, stage_widths: Sequence[int] | None) -> tuple[int, ...]:
    widths = (width, 2 * width, 4 * width, 8 * width) if stage_widths is None else (*stage_widths,)
    if len(widths) != 4 or min(width, *widths) < 1:
        raise ValueError(f"ResNet18 has four stages of positive width, got {width}, {widths}.")
    return widths


class SparseResNet18(nn.Module):
    """Stem of stride 4, four stages of stride 2 (64 in all), 3×3×3 convolution, global maximum.

    Args:
        in_channels: Features per voxel.
        out_channels: K, the length of the vector that comes out.
        width: Channels of the stem; 64 in the paper, 16 in the network that ships.
        stage_widths: Channels of the four stages; by default 1, 2, 4 and 8 times `width`.
        layers: The sparse engine.

    Shape:
        Sparse tensor of stride 1 and `in_channels` → Tensor (clouds, out_channels).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        stage_widths: Sequence[int] | None = None,
        layers: SparseLayers = TORCH_LAYERS,
    ) -> None:
        super().__init__()
        widths = _widths(width, stage_widths)
        stages = [
            _stage(before, after, layers)
            for before, after in zip((width, *widths[:3]), widths, strict=True)
        ]
        self.features = nn.Sequential(
            layers.convolution(in_channels, width, kernel_size=5, stride=2),
            layers.batch_norm(width),
            layers.relu(),
            layers.average_pooling(kernel_size=2, stride=2),
            *stages,
        )
        self.fc = layers.convolution(widths[3], out_channels, kernel_size=3)
        self.global_pooling = layers.global_pooling("max")

    def forward(self, voxels: Any) -> Float[Tensor, "clouds out_channels"]:
        """Return one vector per cloud, in batch order."""
        return self.global_pooling(self.fc(self.features(voxels)))


class SparseResNet18Classifier(nn.Module):
    """The classifier of ModelNet40 pretraining; `features_state_dict` hands its stages over.

    Args:
        in_channels: Features per voxel.
        class_count: 40 for ModelNet40.
        width: Channels of the stem.
        stage_widths: Channels of the four stages; by default 1, 2, 4 and 8 times `width`.
        layers: The sparse engine.

    Shape:
        Sparse tensor of stride 1 and `in_channels` → Tensor (clouds, class_count) of logits.
    """

    def __init__(
        self,
        in_channels: int,
        class_count: int = 40,
        width: int = 64,
        stage_widths: Sequence[int] | None = None,
        layers: SparseLayers = TORCH_LAYERS,
    ) -> None:
        super().__init__()
        widths = _widths(width, stage_widths)
        self.conv1 = layers.convolution(in_channels, width, kernel_size=5, stride=2)
        self.bn1 = layers.batch_norm(width)
        self.relu = layers.relu()
        self.pool = layers.average_pooling(kernel_size=2, stride=2)
        self.layer1 = _stage(width, widths[0], layers)
        self.layer2 = _stage(widths[0], widths[1], layers)
        self.layer3 = _stage(widths[1], widths[2], layers)
        self.layer4 = _stage(widths[2], widths[3], layers)
        self.conv5 = layers.convolution(widths[3], widths[3], kernel_size=3, stride=3)
        self.bn5 = layers.batch_norm(widths[3])
        self.global_pooling = layers.global_pooling("max")
        self.final = _Head(widths[3], class_count)

    def forward(self, voxels: Any) -> Float[Tensor, "clouds class_count"]:
        """Return the logits of each cloud."""
        out = self.pool(self.relu(self.bn1(self.conv1(voxels))))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        out = self.relu(self.bn5(self.conv5(out)))
        return self.final(self.global_pooling(out))

    def features_state_dict(self) -> dict[str, Tensor]:
        """Return the shared layers under the names that they have in `SparseResNet18`."""
        names = {
            "conv1": "0",
            "bn1": "1",
            "layer1": "4",
            "layer2": "5",
            "layer3": "6",
            "layer4": "7",
        }
        shared: dict[str, Tensor] = {}
        for key, value in self.state_dict().items():
            head, _, rest = key.partition(".")
            if head in names:
                shared[f"features.{names[head]}.{rest}"] = value
        return shared


class _Head(nn.Module):
    """A linear layer on pooled rows, named as MinkowskiLinear names it."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)

    def forward(self, rows: Float[Tensor, "clouds in_channels"]) -> Tensor:
        return self.linear(rows)
