"""NVIDIA's MinkowskiEngine as an engine, where it is installed (pip cannot build it today).

The wrappers take this package's arguments and give its results; parameters keep their names, so
one state dict serves both engines. Written against MinkowskiEngine 0.5.4.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from capture.errors import DependencyError
from separation.sparse.layers import SparseLayers
from separation.sparse.pooling import Reduction


def is_installed() -> bool:
    """Return whether Python finds a MinkowskiEngine (its import may still fail)."""
    return importlib.util.find_spec("MinkowskiEngine") is not None


@lru_cache(maxsize=1)
def minkowski_layers() -> SparseLayers:
    """Return MinkowskiEngine's layers.

    Raises:
        DependencyError: It is not installed, or its compiled part does not load.
    """
    try:
        engine: Any = importlib.import_module("MinkowskiEngine")
    except (ImportError, OSError) as error:
        raise DependencyError(
            f"MinkowskiEngine does not load ({error}). Use the torch back end, which gives the "
            "same results, or build MinkowskiEngine 0.5.4 from source for your torch and CUDA."
        ) from error
    return wrap(engine)


def wrap(engine: Any) -> SparseLayers:
    """Return the layers of an imported MinkowskiEngine."""
    modes = engine.SparseTensorQuantizationMode
    mode_of = {
        # On the CPU this mode keeps the first point of a voxel, whatever its name says.
        "first": modes.RANDOM_SUBSAMPLE,
        "average": modes.UNWEIGHTED_AVERAGE,
        "sum": modes.UNWEIGHTED_SUM,
        # 0.5.4's MAX_POOL pairs the i-th voxel with the i-th input row, so it is left out.
    }

    def tensor(
        coordinates: Tensor,
        features: Tensor,
        *,
        batch_size: int | None = None,
        duplicates: str = "first",
    ) -> Any:
        if duplicates not in mode_of:
            raise ValueError(f"duplicates must be one of {', '.join(mode_of)}, got {duplicates!r}.")
        made = engine.SparseTensor(
            features=features, coordinates=coordinates, quantization_mode=mode_of[duplicates]
        )
        made.coordinate_manager.auralize_batch_size = (
            int(coordinates[:, 0].max()) + 1 if batch_size is None else batch_size
        )
        return made

    def convolution(
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = False,
    ) -> nn.Module:
        return engine.MinkowskiConvolution(
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            dilation=dilation,
            bias=bias,
            dimension=3,
        )

    def average_pooling(kernel_size: int, stride: int = 1, dilation: int = 1) -> nn.Module:
        return engine.MinkowskiAvgPooling(
            kernel_size=kernel_size, stride=stride, dilation=dilation, dimension=3
        )

    class BatchOrderedPooling(nn.Module):
        def __init__(self, reduction: Reduction = "max") -> None:
            super().__init__()
            self.pool = {
                "max": engine.MinkowskiGlobalMaxPooling,
                "average": engine.MinkowskiGlobalAvgPooling,
                "sum": engine.MinkowskiGlobalSumPooling,
            }[reduction]()

        def forward(self, voxels: Any) -> Tensor:
            pooled = self.pool(voxels)
            batches = pooled.C[:, 0].long()
            expected = voxels.coordinate_manager.auralize_batch_size
            if len(batches) != expected:
                raise ValueError(
                    f"{len(batches)} of {expected} clouds hold a voxel: leave empty clouds out "
                    "before batching."
                )
            # 0.5.4 returns rows in hash order on the CPU.
            return pooled.F[torch.argsort(batches)]

    return SparseLayers(
        name="minkowski",
        tensor=tensor,
        add=lambda left, right: left + right,
        convolution=convolution,
        batch_norm=engine.MinkowskiBatchNorm,
        relu=engine.MinkowskiReLU,
        linear=engine.MinkowskiLinear,
        average_pooling=average_pooling,
        global_pooling=BatchOrderedPooling,
    )
