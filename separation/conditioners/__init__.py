"""What the separation is conditioned on: a performer's point clouds."""

from separation.conditioners.point_cloud import (
    AugmentationConfig,
    CloudConfig,
    PointCloudConditioner,
    PointCloudConfig,
    prepare_cloud,
)
from separation.conditioners.sparse_resnet import SparseResNet18, SparseResNet18Classifier

__all__ = [
    "AugmentationConfig",
    "CloudConfig",
    "PointCloudConditioner",
    "PointCloudConfig",
    "SparseResNet18",
    "SparseResNet18Classifier",
    "prepare_cloud",
]
