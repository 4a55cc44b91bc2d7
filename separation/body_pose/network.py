"""A network that sees a cloud and votes for joints: every voxel says where each joint is from it.

    voxels ─ stride 2 ─ 4 ─ 8 ─ 16 ─ whole cloud
                │       │    │    │       │
                └───────┴────┴────┴───────┴─ sum ─ votes of each voxel of stride 2

A vote is an offset, how much it counts (a softmax over the cloud) and how far off it may be. A
joint is the weighted mean of its votes, so that a wrist is placed by the voxels around it, and a
hidden one by what the rest of the body says.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from separation.body_pose.views import FEATURES
from separation.conditioners.sparse_resnet import SparseBasicBlock
from separation.sparse import (
    GlobalPooling,
    KernelShape,
    SparseBatchNorm,
    SparseConvolution,
    SparseReLU,
    SparseTensor,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_LOG_SCALE = (-6.0, 1.0)
_FIRST_LOG_SCALE = -2.0
_VOTE = 5
"""Numbers in a vote: offset x, y, z; weight; log scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointNetworkConfig:
    """The network that estimates joints.

    Attributes:
        voxel_m: Side of a voxel.
        widths: Channels at strides 2, 4, 8 and 16.
        vote_width: Channels of the sum that votes are made of.
    """

    voxel_m: float = 0.025
    widths: tuple[int, ...] = (24, 40, 64, 96)
    vote_width: int = 64

    def __post_init__(self) -> None:
        if len(self.widths) < 1 or min(*self.widths, self.vote_width) < 1 or self.voxel_m <= 0:
            raise ValueError(f"widths and voxel_m must be positive, got {self}.")


class JointNetwork(nn.Module):
    """Voxels of clouds in the axes of their views → joints and how far off they may be.

    Args:
        config: Sizes.
        joint_count: How many joints.

    Shape:
        `SparseTensor` of C clouds and `FEATURES` channels, whose first three are positions →
        joints (C, joints, 3), metres, and log scales (C, joints), see `within`.
    """

    def __init__(self, config: JointNetworkConfig, joint_count: int) -> None:
        super().__init__()
        self.config = config
        self.joint_count = joint_count
        widths = config.widths
        stages: list[nn.Module] = [
            nn.Sequential(
                SparseConvolution(FEATURES, widths[0], kernel_size=5, stride=2),
                SparseBatchNorm(widths[0]),
                SparseReLU(),
                SparseBasicBlock(widths[0], widths[0], 1),
            )
        ]
        for before, after in pairwise(widths):
            stages.append(SparseBasicBlock(before, after, 2))
        self.stages = nn.ModuleList(stages)
        self.joins = nn.ModuleList(
            nn.Linear(width, config.vote_width, bias=False) for width in widths
        )
        self.whole = nn.Linear(2 * widths[-1], config.vote_width)
        self.votes = nn.Sequential(
            nn.ReLU(),
            nn.Linear(config.vote_width, config.vote_width),
            nn.ReLU(),
            nn.Linear(config.vote_width, joint_count * _VOTE),
        )
        self.means, self.maxima = GlobalPooling("average"), GlobalPooling("max")

    def forward(
        self, voxels: SparseTensor
    ) -> tuple[Float[Tensor, "clouds joints 3"], Float[Tensor, "clouds joints"]]:
        """Return joints and log scales."""
        levels: list[SparseTensor] = []
        seen = voxels
        for stage in self.stages:
            seen = stage(seen)
            levels.append(seen)
        clouds = levels[0].pyramid.clouds(2)
        whole = self.whole(torch.cat([self.means(seen), self.maxima(seen)], dim=1))
        joined: Tensor | None = None
        for level, join in zip(reversed(levels), reversed(self.joins), strict=True):
            own = join(level.features)
            joined = own if joined is None else own + joined[_parents(level)]
        assert joined is not None
        votes = self.votes(joined + whole[clouds]).unflatten(1, (self.joint_count, _VOTE))
        weights = _softmax(votes[..., 3], clouds, len(whole))
        cells = levels[0].coordinates[:, 1:].to(votes.dtype)
        middles = (cells + 1.0) * self.config.voxel_m  # of voxels of stride 2
        places = middles[:, None] + votes[..., :3]
        joints = _sum(weights[..., None] * places, clouds, len(whole))
        scales = _sum(weights * votes[..., 4], clouds, len(whole)) + _FIRST_LOG_SCALE
        return joints, scales.clamp(*_LOG_SCALE)


def within(distance_m: float, log_scales: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return how likely a joint is nearer than a distance to where it is said to be.

    Errors e are taken to be distributed as exp(−|e| / s) / (8 π s³), s = exp(log scale); this is
    that density's integral over a ball: 1 − exp(−x) (1 + x + x² / 2), x = distance / s.
    """
    x = distance_m * torch.exp(-log_scales)
    return 1.0 - torch.exp(-x) * (1.0 + x + x * x / 2)


def _parents(level: SparseTensor) -> Int[Tensor, "voxels"]:
    """Return the row of each voxel's parent, at twice the stride."""
    pairs = level.pyramid.kernel_map(level.tensor_stride, 2, KernelShape.of_pooling(2, 2))
    return pairs.inverse.amin(dim=1).long()  # the other rows point behind the last one


def _softmax(
    logits: Float[Tensor, "voxels joints"], clouds: Int[Tensor, "voxels"], count: int
) -> Float[Tensor, "voxels joints"]:
    """Return weights that sum to one over the voxels of each cloud."""
    largest = logits.new_full((count, logits.shape[1]), -torch.inf).scatter_reduce(
        0, clouds[:, None].expand_as(logits), logits.detach(), "amax"
    )
    odds = torch.exp(logits - largest[clouds])
    return odds / _sum(odds, clouds, count)[clouds]


def _sum(values: Float[Tensor, "voxels ..."], clouds: Int[Tensor, "voxels"], count: int) -> Tensor:
    return values.new_zeros(count, *values.shape[1:]).index_add(0, clouds, values)
