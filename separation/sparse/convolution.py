"""Sparse convolution: gather the neighbours of each output voxel into a row, then one GEMM.

Forward: out = gather(features) · W with gather(features) of shape (outputs, volume · in). Its
gradients need no scatter: that of the features is the same product over the inverse map, that of
W is gather(features)ᵀ · grad. The gathered rows are made again in the backward pass rather than
kept (27 times the features would be held otherwise), in blocks that stay in the cache.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from separation.sparse.coordinates import SparseTensor
from separation.sparse.kernel_map import KernelMap, KernelShape

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_GATHER_LIMIT_BYTES = 16 << 20
"""Size of one block of gathered rows."""


class _Convolution(torch.autograd.Function):
    """out[o] = Σₖ features[map[o, k]] · kernel[k]."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Float[Tensor, "inputs in_channels"],
        kernel: Float[Tensor, "volume in_channels out_channels"],
        kernel_map: KernelMap,
    ) -> Float[Tensor, "outputs out_channels"]:
        ctx.kernel_map = kernel_map
        ctx.save_for_backward(features, kernel)
        used = kernel_map.occupied
        rows = kernel_map.rows if used is None else kernel_map.rows[:, used]
        weights = kernel if used is None else kernel[used]
        return _gather_multiply(_padded(features), rows, weights.flatten(0, 1))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        kernel_map: KernelMap = ctx.kernel_map
        features, kernel = ctx.saved_tensors
        grad = grad_outputs[0].contiguous()
        used = kernel_map.occupied
        grad_features = grad_kernel = None
        if ctx.needs_input_grad[0]:
            inverse = kernel_map.inverse
            if used is not None:
                inverse, kernel_used = inverse[:, used], kernel[used]
            else:
                kernel_used = kernel
            grad_features = _gather_multiply_transposed(_padded(grad), inverse, kernel_used)
        if ctx.needs_input_grad[1]:
            rows = kernel_map.rows if used is None else kernel_map.rows[:, used]
            grad_used = _gather_correlate(_padded(features), rows, grad)
            grad_used = grad_used.view(-1, *kernel.shape[1:])
            if used is None:
                grad_kernel = grad_used
            else:
                grad_kernel = torch.zeros_like(kernel)
                grad_kernel[used] = grad_used
        return grad_features, grad_kernel, None


def _padded(features: Float[Tensor, "rows channels"]) -> Float[Tensor, "rows+1 channels"]:
    """Add the row of zeros that absent voxels point to."""
    return torch.cat([features, features.new_zeros(1, features.shape[1])])


def _blocks(rows: Int[Tensor, "outputs volume"], padded: Float[Tensor, "inputs channels"]):
    row_bytes = rows.shape[1] * padded.shape[1] * padded.element_size()
    step = max(64, _GATHER_LIMIT_BYTES // max(row_bytes, 1))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        gathered = padded.index_select(0, block.flatten())
        yield start, gathered.view(len(block), -1)


def _gather_multiply(
    padded: Float[Tensor, "inputs in_channels"],
    rows: Int[Tensor, "outputs volume"],
    weights: Float[Tensor, "volume*in_channels out_channels"],
) -> Float[Tensor, "outputs out_channels"]:
    out = padded.new_empty(len(rows), weights.shape[1])
    for start, gathered in _blocks(rows, padded):
        torch.mm(gathered, weights, out=out[start : start + len(gathered)])
    return out


def _gather_multiply_transposed(
    padded: Float[Tensor, "outputs out_channels"],
    inverse: Int[Tensor, "inputs volume"],
    kernel: Float[Tensor, "volume in_channels out_channels"],
) -> Float[Tensor, "inputs in_channels"]:
    """Multiply what each input voxel went to by the transposed kernel."""
    if len(inverse) > kernel.shape[2]:
        return _gather_multiply(padded, inverse, kernel.transpose(1, 2).flatten(0, 1))
    # Few voxels and a large kernel: one product per offset reads the kernel where it lies, which
    # is cheaper than turning it.
    return torch.bmm(_gathered_by_offset(padded, inverse), kernel.transpose(1, 2)).sum(dim=0)


def _gathered_by_offset(
    padded: Float[Tensor, "inputs channels"], rows: Int[Tensor, "outputs volume"]
) -> Float[Tensor, "volume outputs channels"]:
    gathered = padded.index_select(0, rows.t().flatten())
    return gathered.view(rows.shape[1], len(rows), padded.shape[1])


def _gather_correlate(
    padded: Float[Tensor, "inputs in_channels"],
    rows: Int[Tensor, "outputs volume"],
    grad: Float[Tensor, "outputs out_channels"],
) -> Float[Tensor, "volume*in_channels out_channels"]:
    if len(rows) <= grad.shape[1]:
        gathered = _gathered_by_offset(padded, rows).transpose(1, 2)
        return torch.bmm(gathered, grad.expand(len(gathered), -1, -1)).flatten(0, 1)
    total: Tensor | None = None
    for start, gathered in _blocks(rows, padded):
        part = grad[start : start + len(gathered)]
        if total is None:
            total = gathered.t() @ part
        else:
            total.addmm_(gathered.t(), part)
    return padded.new_zeros(0, grad.shape[1]) if total is None else total


class SparseConvolution(nn.Module):
    """3D convolution on occupied voxels (MinkowskiConvolution).

    Args:
        in_channels: Features per input voxel.
        out_channels: Features per output voxel.
        kernel_size: Offsets per axis.
        stride: Output voxels are the parents at this multiple of the input's stride.
        dilation: Distance of neighbouring offsets, in input voxels.
        bias: Add a learned (1, out_channels) row.

    Attributes:
        kernel: Shape (kernel_size³, in, out); (in, out) for kernel size 1 and stride 1.
        bias: Shape (1, out) or None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        for name, value in {
            "kernel_size": kernel_size,
            "stride": stride,
            "dilation": dilation,
        }.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}.")
        self.shape = KernelShape.of_convolution(kernel_size, dilation)
        self.stride = stride
        is_linear = self.shape.volume == 1 and stride == 1
        channels = (in_channels, out_channels)
        self.kernel = nn.Parameter(
            torch.empty(channels if is_linear else (self.shape.volume, *channels))
        )
        self.bias = nn.Parameter(torch.empty(1, out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights uniformly in ±1/√(in · volume), as MinkowskiEngine does."""
        bound = 1.0 / math.sqrt(self.kernel.shape[-2] * self.shape.volume)
        nn.init.uniform_(self.kernel, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Convolve.

        Raises:
            ValueError: The features have another number of channels than the kernel.
        """
        if voxels.features.shape[1] != self.kernel.shape[-2]:
            raise ValueError(
                f"this convolution takes {self.kernel.shape[-2]} channels, "
                f"got {voxels.features.shape[1]}."
            )
        if self.kernel.ndim == 2:
            features = voxels.features @ self.kernel
        else:
            kernel_map = voxels.pyramid.kernel_map(voxels.tensor_stride, self.stride, self.shape)
            features = torch.Tensor(_Convolution.apply(voxels.features, self.kernel, kernel_map))
        if self.bias is not None:
            features = features + self.bias
        return SparseTensor(features, voxels.pyramid, voxels.tensor_stride * self.stride)

    def extra_repr(self) -> str:
        """Return what `print` shows inside the brackets."""
        return (
            f"{self.kernel.shape[-2]} → {self.kernel.shape[-1]}, size {self.shape.size}, "
            f"stride {self.stride}, dilation {self.shape.dilation}"
        )
