"""Layers that treat every voxel by itself; parameter names are MinkowskiEngine's."""

from __future__ import annotations

from torch import nn

from separation.sparse.coordinates import SparseTensor


class SparseBatchNorm(nn.Module):
    """Batch normalisation over all voxels of a batch (MinkowskiBatchNorm).

    Its parameters are those of `bn`, so that state dicts read `norm1.bn.weight`.
    """

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(channels, eps=eps, momentum=momentum)

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Normalise each channel."""
        return voxels.with_features(self.bn(voxels.features))


class SparseReLU(nn.Module):
    """max(0, x) on every feature (MinkowskiReLU)."""

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Clip below zero."""
        return voxels.with_features(voxels.features.relu())


class SparseLinear(nn.Module):
    """The same linear map at every voxel (MinkowskiLinear); parameters are those of `linear`."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels, bias=bias)

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Map each voxel's features."""
        return voxels.with_features(self.linear(voxels.features))
