"""What the separation is conditioned on: labels, point clouds, pictures, or movement."""

from typing import TYPE_CHECKING, TypeAlias

from separation.conditioners.picture import PictureConditioner, PictureConfig
from separation.conditioners.point_cloud import (
    CloudConfig,
    PointCloudConditioner,
    PointCloudConfig,
    prepare_cloud,
)
from separation.conditioners.pose import Movement, PoseConditioner, PoseConfig
from separation.conditioners.resnet import ResNet, load_image_weights
from separation.conditioners.sparse_resnet import SparseResNet18, SparseResNet18Classifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from separation.conditioners.point_cloud import SparseCloud

Evidence: TypeAlias = "Sequence[Sequence[SparseCloud]] | Tensor | Movement"
"""What was seen of performers, as the conditioners take it."""

__all__ = [
    "CloudConfig",
    "Evidence",
    "Movement",
    "PictureConditioner",
    "PictureConfig",
    "PointCloudConditioner",
    "PointCloudConfig",
    "PoseConditioner",
    "PoseConfig",
    "ResNet",
    "SparseResNet18",
    "SparseResNet18Classifier",
    "load_image_weights",
    "prepare_cloud",
]
