"""Pooling over neighbouring voxels and over whole clouds.

Averages divide by the number of occupied voxels. Where kernel size and stride are equal, every
voxel is pooled into its parent. Global pooling returns one row per cloud, in batch order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from separation.sparse.coordinates import SparseTensor
from separation.sparse.kernel_map import KernelMap, KernelShape

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Reduction = Literal["max", "average", "sum"]


class _SumPooling(torch.autograd.Function):
    """out[o] = Σₖ features[map[o, k]]; its gradient sums over the inverse map."""

    @staticmethod
    def forward(
        ctx: Any, features: Float[Tensor, "inputs channels"], kernel_map: KernelMap
    ) -> Float[Tensor, "outputs channels"]:
        ctx.kernel_map = kernel_map
        return _gather_sum(features, kernel_map.rows)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor, None]:
        kernel_map: KernelMap = ctx.kernel_map
        return _gather_sum(grad_outputs[0], kernel_map.inverse), None


def _gather_sum(
    features: Float[Tensor, "inputs channels"], rows: Int[Tensor, "outputs volume"]
) -> Float[Tensor, "outputs channels"]:
    padded = torch.cat([features, features.new_zeros(1, features.shape[1])])
    total = padded.index_select(0, rows[:, 0])
    for offset in range(1, rows.shape[1]):
        total += padded.index_select(0, rows[:, offset])
    return total


class _Pooling(nn.Module):
    def __init__(self, kernel_size: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        for name, value in {
            "kernel_size": kernel_size,
            "stride": stride,
            "dilation": dilation,
        }.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}.")
        self.shape = KernelShape.of_pooling(kernel_size, stride, dilation)
        self.stride = stride

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Pool."""
        kernel_map = voxels.pyramid.kernel_map(voxels.tensor_stride, self.stride, self.shape)
        features = self._pool(voxels.features, kernel_map)
        return SparseTensor(features, voxels.pyramid, voxels.tensor_stride * self.stride)

    def _pool(self, features: Tensor, kernel_map: KernelMap) -> Tensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"size {self.shape.size}, stride {self.stride}, dilation {self.shape.dilation}"


class SparseSumPooling(_Pooling):
    """Sum of the occupied voxels under the kernel (MinkowskiSumPooling)."""

    def _pool(self, features: Tensor, kernel_map: KernelMap) -> Tensor:
        return torch.Tensor(_SumPooling.apply(features, kernel_map))


class SparseAveragePooling(_Pooling):
    """Mean of the occupied voxels under the kernel (MinkowskiAvgPooling)."""

    def _pool(self, features: Tensor, kernel_map: KernelMap) -> Tensor:
        total = torch.Tensor(_SumPooling.apply(features, kernel_map))
        return total / kernel_map.counts[:, None]


class SparseMaxPooling(_Pooling):
    """Maximum of the occupied voxels under the kernel (MinkowskiMaxPooling)."""

    def _pool(self, features: Tensor, kernel_map: KernelMap) -> Tensor:
        floor = features.new_full((1, features.shape[1]), -torch.inf)
        padded = torch.cat([features, floor])
        neighbours = padded.index_select(0, kernel_map.rows.flatten())
        # Of equal voxels one takes the whole gradient, as in MinkowskiEngine (amax would share it).
        return neighbours.view(kernel_map.output_count, kernel_map.volume, -1).max(dim=1).values


class GlobalPooling(nn.Module):
    """One row per cloud, in batch order (MinkowskiGlobalMax/Avg/SumPooling).

    MinkowskiEngine 0.5.4 on the CPU returns these rows in hash order.

    Args:
        reduction: "max", "average" or "sum".

    Shape:
        SparseTensor of (voxels, channels) → Tensor (clouds, channels).
    """

    def __init__(self, reduction: Reduction = "max") -> None:
        super().__init__()
        if reduction not in ("max", "average", "sum"):
            raise ValueError(f"reduction must be max, average or sum, got {reduction!r}.")
        self.reduction: Reduction = reduction

    def forward(self, voxels: SparseTensor) -> Float[Tensor, "clouds channels"]:
        """Pool each cloud.

        Raises:
            ValueError: A cloud of the batch holds no voxel.
        """
        clouds = voxels.pyramid.clouds(voxels.tensor_stride)
        features = voxels.features
        pooled = features.new_zeros(voxels.pyramid.batch_size, features.shape[1])
        if self.reduction == "max":
            return features.gather(0, _first_largest(features.detach(), clouds, pooled))
        pooled = pooled.index_add(0, clouds, features)
        if self.reduction == "sum":
            return pooled
        counts = torch.bincount(clouds, minlength=voxels.pyramid.batch_size)
        return pooled / counts[:, None]


def _first_largest(
    features: Float[Tensor, "voxels channels"],
    clouds: Int[Tensor, "voxels"],
    pooled: Float[Tensor, "clouds channels"],
) -> Int[Tensor, "clouds channels"]:
    """Return the first row of each cloud that holds the cloud's maximum, for each channel."""
    place = clouds[:, None].expand_as(features)
    largest = pooled.scatter_reduce(0, place, features, "amax", include_self=False)
    rows = torch.arange(len(features), device=features.device)[:, None].expand_as(features)
    # A NaN is no maximum's equal: such a cloud points at its last row, where a NaN may be.
    candidates = torch.where(features == largest[clouds], rows, len(features) - 1)
    chosen = torch.full_like(pooled, len(features) - 1, dtype=torch.int64)
    return chosen.scatter_reduce(0, place, candidates, "amin")
