"""A performer's point clouds as the condition of the separation.

Conventions: clouds enter in the performer's own axes (x side, y stature, z facing, see
`capture.axes`), centred, and scaled so that the network's cube is about [-1, 1]. One voxel is 0.02
of that unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from capture.axes import network_from_world
from capture.errors import DataError
from separation.conditioners.sparse_resnet import SparseResNet18
from separation.sparse import Backend, SparseLayers, choose_layers, quantize

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Int32, UInt8

Scale = Literal["unit", "metric"]
Feature = Literal["depth", "rgb", "rgb-depth"]
SparseCloud: TypeAlias = (
    "tuple[Int32[np.ndarray, 'voxels 3'], Float32[np.ndarray, 'voxels channels']]"
)

_CHANNELS: dict[str, int] = {"depth": 3, "rgb": 3, "rgb-depth": 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfig:
    """How a cloud of points becomes voxels.

    Attributes:
        voxel: Side of a voxel, in network units.
        scale: "unit" scales each cloud to [-1, 1] (the paper); "metric" makes 1 network unit
            `metres_per_unit`, so that a viola stays larger than a violin.
        metres_per_unit: Length of a network unit for "metric".
        feature: What a voxel carries: "depth", its point's coordinates; "rgb", its color in 0…1;
            "rgb-depth", color and coordinates. The paper's rgb-depth network is given "rgb".
    """

    voxel: float = 0.02
    scale: Scale = "metric"
    metres_per_unit: float = 1.0
    feature: Feature = "depth"

    def __post_init__(self) -> None:
        if not self.voxel > 0 or not self.metres_per_unit > 0:
            raise ValueError(
                "voxel and metres_per_unit must be positive, got "
                f"{self.voxel} and {self.metres_per_unit}."
            )
        if self.scale not in ("unit", "metric"):
            raise ValueError(f"scale must be unit or metric, got {self.scale!r}.")
        if self.feature not in _CHANNELS:
            raise ValueError(
                f"feature must be one of {', '.join(_CHANNELS)}, got {self.feature!r}."
            )

    @property
    def channels(self) -> int:
        """Number of features per voxel."""
        return _CHANNELS[self.feature]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCloudConfig:
    """The point-cloud conditioner.

    Attributes:
        cloud: From points to voxels.
        width: Channels of the ResNet's stem: 64 in the paper, 16 in the network that ships.
        out_channels: K, the length of the condition vector.
        pooling: How the vectors of a performer's images become one: the "maximum" of each number
            before the sigmoid, as in the paper, or their "mean" after it.
        backend: The sparse engine: "torch", "minkowski" or "auto".
    """

    cloud: CloudConfig = field(default_factory=CloudConfig)
    width: int = 16
    out_channels: int = 16
    pooling: Literal["maximum", "mean"] = "maximum"
    backend: Backend = "torch"


def prepare_cloud(
    points_m: Float[np.ndarray, "points 3"],
    colors: UInt8[np.ndarray, "points 3"] | None,
    facing_yaw_rad: float,
    config: CloudConfig,
) -> SparseCloud:
    """Turn a performer's points in the world frame into the network's voxels.

    The points are turned to the performer's axes, centred on the middle of their bounding box,
    scaled, and put into voxels, of which each keeps its first point.

    Args:
        points_m: World frame, metres.
        colors: RGB, where the config's feature needs it.
        facing_yaw_rad: Where the performer faces, anticlockwise from +x.
        config: Scale, voxel and features.

    Returns:
        Voxel coordinates int32 (voxels, 3) and features float32 (voxels, channels).

    Raises:
        DataError: There is no point, a point is not finite, or colors are needed and missing.
        ValueError: Shapes do not fit.
    """
    points = network_points(points_m, facing_yaw_rad, config)
    shades = None if colors is None else np.asarray(colors, dtype=np.float32) / 255.0
    if shades is not None and shades.shape != points.shape:
        raise ValueError(f"colors must match points {points.shape}, got shape {shades.shape}.")
    return voxels_of(points, shades, config)


def network_points(
    points_m: Float[np.ndarray, "points 3"], facing_yaw_rad: float, config: CloudConfig
) -> Float32[np.ndarray, "points 3"]:
    """Turn, centre and scale a performer's points, without putting them into voxels.

    Raises:
        DataError: There is no point, or a point is not finite.
        ValueError: The shape is not (points, 3), or the yaw is not finite.
    """
    points_m = np.asarray(points_m)
    if points_m.ndim != 2 or points_m.shape[1] != 3:
        raise ValueError(f"points_m must be (points, 3), got shape {points_m.shape}.")
    if not np.isfinite(facing_yaw_rad):
        raise ValueError(f"facing_yaw_rad must be finite, got {facing_yaw_rad}.")
    if len(points_m) == 0:
        raise DataError("a performer's cloud holds no point: segment the take again.")
    if not np.isfinite(points_m).all():
        raise DataError("a performer's cloud holds a point that is not finite.")
    points = network_from_world(points_m.astype(np.float64), facing_yaw_rad)
    low, high = points.min(axis=0), points.max(axis=0)
    points -= (low + high) / 2
    if config.scale == "unit":
        half = float((high - low).max()) / 2
        points /= half if half > 0 else 1.0
    else:
        points /= config.metres_per_unit
    return points.astype(np.float32)


def voxels_of(
    points: Float32[np.ndarray, "points 3"],
    colors: Float32[np.ndarray, "points 3"] | None,
    config: CloudConfig,
) -> SparseCloud:
    """Put points in network units into voxels; colors are in 0…1.

    Raises:
        DataError: The config's feature needs colors and there are none.
    """
    if config.feature != "depth" and colors is None:
        raise DataError(
            f"this network looks at color ({config.feature}) and the cloud has none: record with "
            "the color camera on, or use a checkpoint that looks at depth."
        )
    coordinates, rows = quantize(torch.from_numpy(points), config.voxel)
    kept = rows.index.numpy()
    parts: list[np.ndarray] = []
    if config.feature != "depth" and colors is not None:
        parts.append(colors[kept])
    if config.feature != "rgb":
        parts.append(points[kept])
    features = np.concatenate(parts, axis=1).astype(np.float32, copy=False)
    return coordinates.numpy(), features


def joined_clouds(clouds: Sequence[SparseCloud], layers: SparseLayers, device: torch.device) -> Any:
    """Return the sparse tensor of a batch of clouds, in their order.

    Raises:
        ValueError: A cloud holds no voxel.
    """
    rows: list[Tensor] = []
    features: list[Tensor] = []
    for number, (coordinates, values) in enumerate(clouds):
        if len(coordinates) == 0:
            raise ValueError(f"cloud {number} of {len(clouds)} holds no voxel.")
        cells = torch.as_tensor(coordinates, dtype=torch.int32)
        rows.append(nn.functional.pad(cells, (1, 0), value=number))
        features.append(torch.as_tensor(values))
    return layers.tensor(
        torch.cat(rows).to(device), torch.cat(features).to(device), batch_size=len(rows)
    )


class PointCloudConditioner(nn.Module):
    """Point clouds of each performer → one condition vector per performer.

    Each cloud passes the sparse ResNet18, a global maximum and a sigmoid; the vectors of a
    performer's images become one by their maximum, or their mean.

    Args:
        config: Voxels, width, K and pooling.

    Shape:
        P lists of (coordinates (n, 3), features (n, channels)) → Tensor (P, K) in (0, 1).

    Source: Lluís, Chatziioannou, Hofmann 2021, "vision network".
    """

    def __init__(self, config: PointCloudConfig | None = None) -> None:
        super().__init__()
        self.config = PointCloudConfig() if config is None else config
        self.layers = choose_layers(self.config.backend)
        self.network = SparseResNet18(
            self.config.cloud.channels,
            self.config.out_channels,
            self.config.width,
            layers=self.layers,
        )

    def forward(self, performers: Sequence[Sequence[SparseCloud]]) -> Float[Tensor, "performers K"]:
        """Encode every cloud of every performer in one batch.

        Args:
            performers: For each performer, one or more clouds in network axes (`prepare_cloud`).

        Raises:
            ValueError: There is no performer, or one has no cloud, or a cloud no voxel.
        """
        counts = [len(clouds) for clouds in performers]
        if not counts or min(counts) == 0:
            raise ValueError(f"each performer needs at least one cloud, got {counts} clouds.")
        logits = self.logits([cloud for clouds in performers for cloud in clouds]).split(counts)
        if self.config.pooling == "mean":
            return torch.stack([torch.sigmoid(images).mean(dim=0) for images in logits])
        return torch.sigmoid(torch.stack([images.amax(dim=0) for images in logits]))

    def logits(self, clouds: Sequence[SparseCloud]) -> Float[Tensor, "clouds K"]:
        """Return the vector of each cloud before the sigmoid.

        Raises:
            ValueError: A cloud holds no voxel.
        """
        voxels = joined_clouds(clouds, self.layers, next(self.parameters()).device)
        return self.network(voxels)
