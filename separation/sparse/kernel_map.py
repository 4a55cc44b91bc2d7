"""Kernel maps: for each output voxel and kernel offset, the input row that lies there.

The weight of offset (ix, iy, iz) has index ix + K·iy + K²·iz, x fastest. Odd kernels are centred,
even ones use offsets 0…K−1. The input voxel is output + offset · dilation · input tensor stride.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Int

TABLE_LIMIT_CELLS = 1 << 26
"""Largest direct-address table (int32, so 256 MiB); larger boxes are searched by bisection."""

_QUERY_LIMIT = 1 << 24
"""Most queries (output rows times offsets) that are looked up at once."""

_FEW_OUTPUTS = 64
"""Up to this many output voxels it may be that some offsets of a kernel meet none."""


@dataclass(frozen=True, slots=True)
class KernelShape:
    """The offsets of a cubic kernel.

    Attributes:
        size: Offsets per axis.
        dilation: Distance of neighbouring offsets, in input voxels.
        centred: Offsets −(size−1)/2…(size−1)/2; otherwise 0…size−1.
    """

    size: int
    dilation: int = 1
    centred: bool = True

    @classmethod
    def of_convolution(cls, size: int, dilation: int = 1) -> KernelShape:
        """Return the kernel of a convolution: odd sizes are centred, even ones are not."""
        return cls(size, dilation, size % 2 == 1)

    @classmethod
    def of_pooling(cls, size: int, stride: int, dilation: int = 1) -> KernelShape:
        """Return the kernel of a pooling: where size = stride, each voxel goes to its parent."""
        return cls(size, dilation, size % 2 == 1 and size != stride)

    @property
    def volume(self) -> int:
        """Number of offsets."""
        return self.size**3

    def offsets(self, device: torch.device | str = "cpu") -> Int[Tensor, "volume 3"]:
        """Return the offsets in input voxels, x fastest."""
        start = (self.size - 1) // 2 if self.centred else 0
        axis = (torch.arange(self.size, device=device) - start) * self.dilation
        z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
        return torch.stack([x.flatten(), y.flatten(), z.flatten()], dim=1)


@dataclass(frozen=True)
class KernelMap:
    """Which input row each offset meets at each output row.

    Attributes:
        rows: Shape (outputs, volume), int32; `input_count` where no voxel lies.
        input_count: Number of input rows.
        is_symmetric: Input and output voxels are the same and the kernel is centred.
        occupied: Kernel indices that meet any voxel at all, or None to use all of them.
    """

    rows: Int[Tensor, "outputs volume"]
    input_count: int
    is_symmetric: bool
    occupied: Int[Tensor, "used"] | None = field(default=None)

    @property
    def output_count(self) -> int:
        """Number of output rows."""
        return len(self.rows)

    @property
    def volume(self) -> int:
        """Number of offsets."""
        return self.rows.shape[1]

    @cached_property
    def counts(self) -> Int[Tensor, "outputs"]:
        """How many input voxels each output voxel meets."""
        return (self.rows < self.input_count).sum(dim=1)

    @cached_property
    def inverse(self) -> Int[Tensor, "inputs volume"]:
        """Which output row met each input row at each offset; `output_count` where none did."""
        if self.is_symmetric:
            # o + d = i means i + (−d) = o, and −d has the index counted from the other end.
            return self.rows.flip(1)
        return _invert(self.rows, self.input_count)


def _invert(rows: Int[Tensor, "outputs volume"], input_count: int) -> Int[Tensor, "inputs volume"]:
    output_count, volume = rows.shape
    inverse = torch.full(
        (input_count + 1, volume), output_count, dtype=rows.dtype, device=rows.device
    )
    outputs = torch.arange(output_count, dtype=rows.dtype, device=rows.device)
    inverse.scatter_(0, rows.long(), outputs[:, None].expand(-1, volume))
    return inverse[:input_count]


def row_keys(rows: Int[Tensor, "rows axes"]) -> Int[Tensor, "rows"]:
    """Number integer rows inside their bounding box, in lexicographic order.

    Raises:
        ValueError: The box has more than 2^62 cells.
    """
    low, high = torch.aminmax(rows, dim=0)
    spans = (high.long() - low + 1).tolist()
    return _keys(rows, low.tolist(), spans)


def _keys(rows: Int[Tensor, "rows axes"], low: list[int], spans: list[int]) -> Int[Tensor, "rows"]:
    cells = 1
    for span in spans:
        cells *= span
    if cells >= 2**62:
        raise ValueError(
            f"the voxels span {' × '.join(map(str, spans))} cells, too many to number: remove "
            "stray points, or use larger voxels."
        )
    keys = rows[:, 0].long() - low[0]
    for axis in range(1, rows.shape[1]):
        keys = keys * spans[axis] + (rows[:, axis] - low[axis])
    return keys


def build_kernel_map(
    inputs: Int[Tensor, "inputs 4"],
    outputs: Int[Tensor, "outputs 4"],
    tensor_stride: int,
    shape: KernelShape,
) -> KernelMap:
    """Look up every output voxel plus every offset among the input voxels.

    A direct-address table over the bounding box answers where the box is small, sorting and
    bisection elsewhere.

    Args:
        inputs: Distinct (batch, x, y, z) rows of tensor stride `tensor_stride`.
        outputs: Rows of the same or a coarser stride; the same tensor for stride 1.
        tensor_stride: Of the inputs.
        shape: The kernel.
    """
    input_count, volume = len(inputs), shape.volume
    device = inputs.device
    offsets = shape.offsets(device)
    same = inputs is outputs
    if volume == 1 and same:
        rows = torch.arange(input_count, dtype=torch.int32, device=device)[:, None]
        return KernelMap(rows, input_count, is_symmetric=True)

    cells = _in_voxels(inputs, tensor_stride)
    wanted = cells if same else _in_voxels(outputs, tensor_stride)
    # The box holds every voxel and every query, so that no query needs a bounds check and none
    # strays into the next row, slice or batch.
    low, high = torch.aminmax(cells, dim=0)
    reach_low = torch.nn.functional.pad(offsets.amin(0), (1, 0))
    reach_high = torch.nn.functional.pad(offsets.amax(0), (1, 0))
    low = torch.minimum(low, wanted.amin(0) + reach_low)
    high = torch.maximum(high, wanted.amax(0) + reach_high)
    spans = (high - low + 1).tolist()
    keys = _keys(cells, low.tolist(), spans)
    queries = keys if same else _keys(wanted, low.tolist(), spans)
    steps = (offsets[:, 0] * spans[2] + offsets[:, 1]) * spans[3] + offsets[:, 2]

    cell_count = spans[0] * spans[1] * spans[2] * spans[3]
    if cell_count < 2**31:  # half the traffic of what follows
        queries, steps = queries.int(), steps.int()
    search = _table(keys, cell_count) if cell_count <= TABLE_LIMIT_CELLS else _bisection(keys)
    found = torch.empty(len(queries), volume, dtype=torch.int32, device=device)
    block = max(1, _QUERY_LIMIT // volume)
    for start in range(0, len(queries), block):
        stop = start + block
        found[start:stop] = search(queries[start:stop, None] + steps)
    occupied = None
    if len(found) <= _FEW_OUTPUTS:
        used = torch.nonzero((found < input_count).any(0)).flatten()
        occupied = used if len(used) <= 0.9 * volume else None
    return KernelMap(found, input_count, same and shape.centred, occupied)


def _in_voxels(rows: Int[Tensor, "rows 4"], tensor_stride: int) -> Int[Tensor, "rows 4"]:
    rows = rows.long()
    if tensor_stride == 1:
        return rows
    cells = torch.div(rows[:, 1:], tensor_stride, rounding_mode="floor")
    return torch.cat([rows[:, :1], cells], dim=1)


def _table(keys: Int[Tensor, "inputs"], cell_count: int):
    rows = torch.arange(len(keys), dtype=torch.int32, device=keys.device)
    table = torch.full((cell_count,), len(keys), dtype=torch.int32, device=keys.device)
    table[keys.long()] = rows

    def search(queries: Int[Tensor, "outputs volume"]) -> Int[Tensor, "outputs volume"]:
        return table.index_select(0, queries.flatten()).view(queries.shape)

    return search


def _bisection(keys: Int[Tensor, "inputs"]):
    ordered, order = torch.sort(keys)
    missing = len(keys)

    def search(queries: Int[Tensor, "outputs volume"]) -> Int[Tensor, "outputs volume"]:
        place = torch.searchsorted(ordered, queries).clamp_(max=missing - 1)
        return torch.where(ordered[place] == queries, order[place], missing).to(torch.int32)

    return search
