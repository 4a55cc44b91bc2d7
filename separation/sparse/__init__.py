"""Sparse 3D convolution in pure PyTorch, with MinkowskiEngine's semantics and state-dict layout."""

from separation.sparse.convolution import SparseConvolution
from separation.sparse.coordinates import (
    SparseTensor,
    UniqueRows,
    VoxelPyramid,
    collate,
    quantize,
    sparse_tensor,
    unique_rows,
)
from separation.sparse.kernel_map import KernelMap, KernelShape, build_kernel_map
from separation.sparse.layers import TORCH_LAYERS, Backend, SparseLayers, choose_layers
from separation.sparse.normalization import SparseBatchNorm, SparseLinear, SparseReLU
from separation.sparse.pooling import (
    GlobalPooling,
    SparseAveragePooling,
    SparseMaxPooling,
    SparseSumPooling,
)

__all__ = [
    "TORCH_LAYERS",
    "Backend",
    "GlobalPooling",
    "KernelMap",
    "KernelShape",
    "SparseAveragePooling",
    "SparseBatchNorm",
    "SparseConvolution",
    "SparseLayers",
    "SparseLinear",
    "SparseMaxPooling",
    "SparseReLU",
    "SparseSumPooling",
    "SparseTensor",
    "UniqueRows",
    "VoxelPyramid",
    "build_kernel_map",
    "choose_layers",
    "collate",
    "quantize",
    "sparse_tensor",
    "unique_rows",
]
