"""Occupied voxels at every stride, and the tensor of features that lives on them.

Conventions (MinkowskiEngine's, measured on its 0.5.4):

- A coordinate row is (batch, x, y, z), integer. Voxels of tensor stride s have x, y, z divisible by
  s. The parent of c at stride s is floor(c / s)·s, floor also for negative coordinates.
- Rows of stride 1 keep the order in which they came; of duplicates the first is kept. Rows of
  coarser strides are sorted by (batch, x, y, z).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from separation.sparse.kernel_map import KernelMap, KernelShape, build_kernel_map, row_keys

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Duplicates = Literal["first", "average", "sum", "max"]


@dataclass(frozen=True, slots=True)
class UniqueRows:
    """Which rows of a list are distinct.

    Attributes:
        index: Shape (unique,): the first row of each kind, ascending.
        inverse: Shape (rows,): for each row, the position in `index` of its kind.
    """

    index: Int[Tensor, "unique"]
    inverse: Int[Tensor, "rows"]


def unique_rows(coordinates: Int[Tensor, "rows axes"]) -> UniqueRows:
    """Find the first occurrence of every distinct integer row."""
    row_count = len(coordinates)
    device = coordinates.device
    if row_count == 0:
        empty = torch.zeros(0, dtype=torch.int64, device=device)
        return UniqueRows(empty, empty)
    keys, order = torch.sort(row_keys(coordinates), stable=True)
    is_first = torch.ones(row_count, dtype=torch.bool, device=device)
    is_first[1:] = keys[1:] != keys[:-1]
    # A stable sort puts the earliest row of a run first.
    earliest = order[is_first]
    index, rank_of_run = torch.sort(earliest)
    position_of_run = torch.empty_like(rank_of_run)
    position_of_run[rank_of_run] = torch.arange(len(index), device=device)
    inverse = torch.empty(row_count, dtype=torch.int64, device=device)
    inverse[order] = position_of_run[torch.cumsum(is_first, 0) - 1]
    return UniqueRows(index, inverse)


def quantize(
    points: Float[Tensor, "points 3"], voxel: float
) -> tuple[Int[Tensor, "voxels 3"], UniqueRows]:
    """Put points into cubes of side `voxel`, keeping the first point of each.

    Args:
        points: Any unit.
        voxel: Side of a cube in the same unit.

    Returns:
        The occupied cubes floor(point / voxel), int32, in the order of their first points, and
        which points those are.

    Raises:
        ValueError: `voxel` is not positive, or a point is not finite or too far away.
    """
    if not voxel > 0:
        raise ValueError(f"voxel must be positive, got {voxel}.")
    cells = torch.floor(points / voxel)
    if not bool((cells.abs() < 2**31).all()):  # false for NaN too
        raise ValueError(f"points must be finite and within 2^31 voxels of {voxel}.")
    coordinates = cells.to(torch.int32)
    rows = unique_rows(coordinates)
    return coordinates[rows.index], rows


class VoxelPyramid:
    """The voxels of one batch of clouds at every stride, and the maps between them.

    All layers that see the same input share one pyramid, so each coordinate set and each kernel
    map is computed once.

    Args:
        coordinates: Distinct (batch, x, y, z) rows of tensor stride 1.
        batch_size: Number of clouds; by default one more than the largest batch index.

    Raises:
        ValueError: The rows are not an integer (n, 4) with n ≥ 1, or a batch index is out of range.
    """

    def __init__(self, coordinates: Int[Tensor, "voxels 4"], batch_size: int | None = None) -> None:
        if coordinates.ndim != 2 or coordinates.shape[1] != 4 or coordinates.is_floating_point():
            raise ValueError(
                "coordinates must be integer (voxels, 4) rows of batch, x, y, z; got "
                f"{coordinates.dtype} of shape {tuple(coordinates.shape)}."
            )
        if len(coordinates) == 0:
            raise ValueError("a sparse tensor needs at least one voxel, got none.")
        first, last = (int(value) for value in torch.aminmax(coordinates[:, 0]))
        self.batch_size = last + 1 if batch_size is None else batch_size
        if first < 0 or last >= self.batch_size:
            raise ValueError(
                f"batch indices must lie in 0…{self.batch_size - 1}, got {first}…{last}."
            )
        self._levels: dict[int, Int[Tensor, "voxels 4"]] = {1: coordinates.to(torch.int32)}
        self._maps: dict[tuple[int, int, KernelShape], KernelMap] = {}

    @property
    def device(self) -> torch.device:
        """Where the coordinates live."""
        return self._levels[1].device

    def coordinates(self, tensor_stride: int) -> Int[Tensor, "voxels 4"]:
        """Return the rows (batch, x, y, z) at a stride that a layer has made.

        Raises:
            ValueError: No layer has made this stride.
        """
        if tensor_stride not in self._levels:
            raise ValueError(
                f"no voxels at tensor stride {tensor_stride}; there are {sorted(self._levels)}."
            )
        return self._levels[tensor_stride]

    def coarsen(self, tensor_stride: int, stride: int) -> int:
        """Make the voxels that are `stride` times coarser, once, and return their stride."""
        coarse = tensor_stride * stride
        if coarse not in self._levels:
            rows = self.coordinates(tensor_stride)
            cells = torch.div(rows[:, 1:], coarse, rounding_mode="floor")
            parents = torch.cat([rows[:, :1], cells * coarse], dim=1)
            unique = torch.unique(row_keys(parents), return_inverse=True)
            chosen = torch.empty(len(unique[0]), dtype=torch.int64, device=rows.device)
            chosen[unique[1]] = torch.arange(len(rows), device=rows.device)
            self._levels[coarse] = parents[chosen]
        return coarse

    def kernel_map(self, tensor_stride: int, stride: int, shape: KernelShape) -> KernelMap:
        """Return which input row each offset of a kernel meets at each output row."""
        key = (tensor_stride, stride, shape)
        if key not in self._maps:
            coarse = self.coarsen(tensor_stride, stride)
            self._maps[key] = build_kernel_map(
                self.coordinates(tensor_stride), self.coordinates(coarse), tensor_stride, shape
            )
        return self._maps[key]

    def clouds(self, tensor_stride: int) -> Int[Tensor, "voxels"]:
        """Return each row's batch index, after checking that every cloud has a voxel.

        Raises:
            ValueError: A cloud is empty: global pooling has nothing to say about it.
        """
        batches = self.coordinates(tensor_stride)[:, 0].long()
        counts = torch.bincount(batches, minlength=self.batch_size)
        missing = torch.nonzero(counts == 0).flatten().tolist()
        if missing:
            raise ValueError(
                f"cloud {', '.join(map(str, missing))} of a batch of {self.batch_size} holds no "
                "voxel: leave empty clouds out before batching."
            )
        return batches


@dataclass(frozen=True, slots=True)
class SparseTensor:
    """Features on the voxels of one level of a pyramid.

    Attributes:
        features: Shape (voxels, channels).
        pyramid: Shared by all tensors that come from the same input.
        tensor_stride: The level of the pyramid.
    """

    features: Float[Tensor, "voxels channels"]
    pyramid: VoxelPyramid
    tensor_stride: int = 1

    def __post_init__(self) -> None:
        rows = len(self.coordinates)
        if self.features.ndim != 2 or len(self.features) != rows:
            raise ValueError(
                f"features must be ({rows}, channels), got shape {tuple(self.features.shape)}."
            )

    @property
    def coordinates(self) -> Int[Tensor, "voxels 4"]:
        """The rows (batch, x, y, z)."""
        return self.pyramid.coordinates(self.tensor_stride)

    def with_features(self, features: Float[Tensor, "voxels channels"]) -> SparseTensor:
        """Return other features on the same voxels."""
        return SparseTensor(features, self.pyramid, self.tensor_stride)


def sparse_tensor(
    coordinates: Int[Tensor, "points 4"],
    features: Float[Tensor, "points channels"],
    *,
    batch_size: int | None = None,
    duplicates: Duplicates = "first",
) -> SparseTensor:
    """Make a tensor of stride 1 from rows that may fall into the same voxel.

    Args:
        coordinates: Integer (batch, x, y, z).
        features: One row per coordinate row.
        batch_size: Number of clouds; by default one more than the largest batch index.
        duplicates: What a voxel with several points keeps; the first point by default.

    Raises:
        ValueError: Shapes or types do not fit, or there is no row at all.
    """
    pyramid_rows = unique_rows(coordinates)
    pyramid = VoxelPyramid(coordinates[pyramid_rows.index], batch_size)
    if len(features) != len(coordinates):
        raise ValueError(
            f"{len(coordinates)} coordinates need as many feature rows, got {len(features)}."
        )
    if duplicates == "first":
        return SparseTensor(features[pyramid_rows.index], pyramid)
    reduction = {"average": "mean", "sum": "sum", "max": "amax"}[duplicates]
    place = pyramid_rows.inverse[:, None].expand_as(features)
    merged = features.new_zeros(len(pyramid_rows.index), features.shape[1]).scatter_reduce(
        0, place, features, reduction, include_self=False
    )
    return SparseTensor(merged, pyramid)


def collate(
    clouds: list[tuple[np.ndarray, np.ndarray]] | list[tuple[Tensor, Tensor]],
    device: torch.device | str = "cpu",
) -> SparseTensor:
    """Batch clouds of (coordinates (n, 3), features (n, channels)); the list gives the order.

    Raises:
        ValueError: The list or one of the clouds is empty.
    """
    if not clouds:
        raise ValueError("collate needs at least one cloud, got none.")
    rows: list[Tensor] = []
    for batch, (coordinates, _) in enumerate(clouds):
        cells = torch.as_tensor(coordinates, device=device)
        if len(cells) == 0:
            raise ValueError(f"cloud {batch} of {len(clouds)} holds no point: leave it out.")
        rows.append(torch.nn.functional.pad(cells.to(torch.int32), (1, 0), value=batch))
    features = torch.cat([torch.as_tensor(part, device=device) for _, part in clouds])
    return sparse_tensor(torch.cat(rows), features, batch_size=len(clouds))
