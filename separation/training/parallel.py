"""Training over several processes: each has its part of a batch, and all do the same step.

Start them with torchrun, which says in the environment who they are::

    torchrun --nproc-per-node 4 -m separation.training CONFIG CORPUS RUN

Gradients and the statistics of batch normalization are averaged over the processes, so that the
same batch gives the same step, however many share it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from separation.checkpoint import choose_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """Who trains.

    Attributes:
        rank: Which process this is; 0 validates and writes.
        count: How many there are.
        device: Where this one computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def agree(self, wish: bool) -> bool:
        """Return whether any process wishes it, so that all do the same."""
        return self.largest(int(wish)) > 0

    def largest(self, number: int) -> int:
        """Return the largest of the processes' numbers."""
        if self.count == 1:
            return number
        numbers = torch.tensor([number], device=self.device)
        dist.all_reduce(numbers, dist.ReduceOp.MAX)
        return int(numbers.item())

    def leaders(self, figure: float) -> float:
        """Return the figure that process 0 has."""
        if self.count == 1:
            return figure
        figures = torch.tensor([figure], dtype=torch.float64, device=self.device)
        dist.broadcast(figures, 0)
        return figures.item()

    def share_of(self, batch: int) -> range:
        """Return which mixtures of a batch are this process's.

        Raises:
            ValueError: The processes cannot share the batch equally.
        """
        if batch % self.count:
            raise ValueError(
                f"{self.count} processes cannot share a batch of {batch} equally: make it a "
                "multiple of them."
            )
        each = batch // self.count
        return range(self.rank * each, (self.rank + 1) * each)


@contextmanager
def joined_processes(device: str) -> Generator[Processes]:
    """Join the processes that torchrun started, or be the only one.

    Args:
        device: "cpu", "cuda", or "auto" for a GPU if there is one.

    Raises:
        DeviceError: A GPU is asked for and there is none.
        ValueError: There is no such device.
    """
    place = choose_device(device)
    on_gpu = place.type == "cuda"
    if on_gpu:
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(rank=0, count=1, device=place)
        return
    if on_gpu:
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Processes(rank=dist.get_rank(), count=count, device=place)
    finally:
        dist.destroy_process_group()


def average_over_processes(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by their means over the processes, in one message."""
    parts = list(tensors)
    if not parts:
        return
    flat = torch.cat([part.flatten() for part in parts])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for part in parts:
        part.copy_(flat[start : start + part.numel()].view_as(part))
        start += part.numel()


def synchronize_batch_norm(network: nn.Module) -> None:
    """Let the batch normalizations of a network see the batch of all processes, equally large ones.

    torch's own SyncBatchNorm needs a GPU.
    """
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(module, name, _synchronized(child))


def _synchronized(plain: nn.BatchNorm1d | nn.BatchNorm2d) -> _SyncedBatchNorm:
    synced = _SyncedBatchNorm(plain.num_features, plain.eps, plain.momentum)
    synced.load_state_dict(plain.state_dict())
    return synced.to(plain.weight.device)


class _SyncedBatchNorm(nn.BatchNorm2d):
    """Batch normalization with mean and variance over the items of all processes."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Take any number of axes after the channels'."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        values = input.float()
        items = [0, *range(2, values.ndim)]
        count = values.numel() // values.shape[1] * dist.get_world_size()
        moments = torch.stack([values.sum(dim=items), values.square().sum(dim=items)])
        mean, square = _AllReduce.apply(moments) / count
        variance = square - mean.square()
        with torch.no_grad():
            momentum = 0.1 if self.momentum is None else self.momentum
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1), momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        axes = (-1, *[1] * (values.ndim - 2))
        return (values * scale.view(axes) + shift.view(axes)).to(input.dtype)


class _AllReduce(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx: object, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *grad_outputs: Tensor) -> Tensor:
        total = grad_outputs[0].clone()
        dist.all_reduce(total)
        return total
