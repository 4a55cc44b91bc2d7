"""The layers of a sparse network behind one interface, whichever engine computes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from separation.sparse.convolution import SparseConvolution
from separation.sparse.coordinates import sparse_tensor
from separation.sparse.normalization import SparseBatchNorm, SparseLinear, SparseReLU
from separation.sparse.pooling import GlobalPooling, SparseAveragePooling

Backend = Literal["torch", "minkowski", "auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseLayers:
    """Constructors with the same arguments, parameter names and results in every engine.

    Attributes:
        name: "torch" or "minkowski".
        tensor: As `sparse_tensor`.
        add: Sum of two sparse tensors on the same voxels.
        convolution: As `SparseConvolution`.
        batch_norm: As `SparseBatchNorm`.
        relu: As `SparseReLU`.
        linear: As `SparseLinear`.
        average_pooling: As `SparseAveragePooling`.
        global_pooling: As `GlobalPooling`: a plain tensor, rows in batch order.
    """

    name: str
    tensor: Callable[..., Any]
    add: Callable[[Any, Any], Any]
    convolution: Callable[..., nn.Module]
    batch_norm: Callable[..., nn.Module]
    relu: Callable[[], nn.Module]
    linear: Callable[..., nn.Module]
    average_pooling: Callable[..., nn.Module]
    global_pooling: Callable[..., nn.Module]


TORCH_LAYERS = SparseLayers(
    name="torch",
    tensor=sparse_tensor,
    add=lambda left, right: left.with_features(left.features + right.features),
    convolution=SparseConvolution,
    batch_norm=SparseBatchNorm,
    relu=SparseReLU,
    linear=SparseLinear,
    average_pooling=SparseAveragePooling,
    global_pooling=GlobalPooling,
)


def choose_layers(backend: Backend = "torch") -> SparseLayers:
    """Return the layers of an engine.

    Args:
        backend: "torch" (always there), "minkowski" (MinkowskiEngine, where it is installed), or
            "auto" (MinkowskiEngine where it is installed, else torch).

    Raises:
        ValueError: The name is another.
        DependencyError: MinkowskiEngine is asked for and not installed.
    """
    from separation.sparse import minkowski

    if backend not in ("torch", "minkowski", "auto"):
        raise ValueError(f"backend must be torch, minkowski or auto, got {backend!r}.")
    if backend == "torch" or (backend == "auto" and not minkowski.is_installed()):
        return TORCH_LAYERS
    return minkowski.minkowski_layers()
