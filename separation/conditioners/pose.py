"""The movement of a performer's joints as the condition: a graph network over body and time.

Joints are those of `capture.body_pose`, in the performer's own axes, metres, relative to the
pelvis, beside how sure each is. What the performer looks like (its context) may be joined to
every joint. The condition is a vector for each moment, not for the whole take.

Source: Gan et al., "Music Gesture for visual sound separation", 2020, section 3.2: a context-aware
graph network of 11 layers; the block is Yan, Xiong, Lin, "Spatial temporal graph convolutional
networks", 2018, with the joints' neighbours sorted by whether they are nearer to the body's middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from separation.conditioners.picture import PictureConfig
from separation.conditioners.resnet import ResNet

if TYPE_CHECKING:
    from jaxtyping import Float

_CHANNELS = 4
"""x, y, z, and how sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseConfig:
    """The network that watches poses.

    Attributes:
        rate_hz: Poses a second.
        widths: Channels of each layer of the graph network.
        kernel: Poses that a layer joins over time, odd.
        context: Join the features of a picture of the performer to every joint; its network is
            the configuration's `picture`.
    """

    rate_hz: float = 12.5
    widths: tuple[int, ...] = (64, 64, 64, 64, 128, 128, 128, 128, 256, 256, 256)
    kernel: int = 9
    context: bool = False

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1 or self.rate_hz <= 0:
            raise ValueError(f"widths and rate_hz must be positive, got {self}.")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}.")

    @property
    def reach(self) -> int:
        """How many moments to each side decide on a moment's vector."""
        return len(self.widths) * (self.kernel // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What was seen of performers over time.

    Attributes:
        poses: (performers, moments, joints, 4): x, y, z in the performer's axes, metres from the
            pelvis, and how sure, 0…1.
        pictures: One standardized picture of each performer (performers, 3, rows, columns), where
            the network asks for context.
    """

    poses: Float[Tensor, "performers t joints 4"]
    pictures: Float[Tensor, "performers 3 rows columns"] | None = None


class PoseConditioner(nn.Module):
    """Poses over time → one condition vector per performer and moment.

    Args:
        config: Sizes.
        parents: Of each joint the joint before it, from the pelvis, which has -1.
        out_channels: K.
        picture: The network that gives the context, where the configuration asks for it.

    Shape:
        `Movement` of P performers and T moments → (P, K, T).
    """

    def __init__(
        self,
        config: PoseConfig,
        parents: Sequence[int],
        out_channels: int,
        picture: PictureConfig,
    ) -> None:
        super().__init__()
        self.config = config
        graph = neighbours(parents)
        self.input_norm = nn.BatchNorm1d(_CHANNELS * len(parents))
        given = _CHANNELS
        self.context: ResNet | None = None
        if config.context:
            self.context = ResNet(picture.depth, picture.width)
            given += self.context.feature_count
        blocks: list[nn.Module] = []
        for width in config.widths:
            blocks.append(_GraphBlock(given, width, graph, config.kernel))
            given = width
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv1d(given, out_channels, 1)

    def forward(self, movement: Movement) -> Float[Tensor, "performers K t"]:
        """Return condition vectors over time.

        Raises:
            ValueError: The network wants pictures and there are none.
        """
        poses = movement.poses
        people, moments, joints, channels = poses.shape
        flat = poses.permute(0, 2, 3, 1).reshape(people, joints * channels, moments)
        features = self.input_norm(flat).reshape(people, joints, channels, moments)
        features = features.permute(0, 2, 3, 1)
        if self.context is not None:
            if movement.pictures is None:
                raise ValueError("this network wants a picture of each performer: give pictures.")
            context = self.context(movement.pictures).mean(dim=(-2, -1))
            everywhere = context[:, :, None, None].expand(-1, -1, moments, joints)
            features = torch.cat([features, everywhere], dim=1)
        return self.last(self.blocks(features).mean(dim=-1))


def neighbours(parents: Sequence[int]) -> Float[Tensor, "3 joints joints"]:
    """Return who is joined to whom, rows summing to one: itself, towards the middle, outwards.

    Raises:
        ValueError: A joint comes before its parent.
    """
    count = len(parents)
    graph = torch.zeros(3, count, count)
    graph[0] = torch.eye(count)
    for joint, parent in enumerate(parents):
        if parent >= joint:
            raise ValueError(f"joint {joint} comes before its parent {parent}.")
        if parent >= 0:
            graph[1, joint, parent] = 1.0
            graph[2, parent, joint] = 1.0
    return graph / graph.sum(dim=2, keepdim=True).clamp_min(1.0)


class _GraphBlock(nn.Module):
    """Joins each joint with its neighbours, then each moment with those around it."""

    graph: Tensor

    def __init__(self, given: int, returned: int, graph: Tensor, kernel: int) -> None:
        super().__init__()
        self.register_buffer("graph", graph, persistent=False)
        self.importance = nn.Parameter(torch.ones_like(graph))
        self.over_joints = nn.Conv2d(given, returned * len(graph), 1)
        self.over_time = nn.Sequential(
            nn.BatchNorm2d(returned),
            nn.ReLU(),
            nn.Conv2d(returned, returned, (kernel, 1), padding=(kernel // 2, 0)),
            nn.BatchNorm2d(returned),
        )
        self.shortcut = nn.Identity() if given == returned else nn.Conv2d(given, returned, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Transform features (performers, given, moments, joints)."""
        weighted = self.graph * self.importance
        spread = self.over_joints(features).unflatten(1, (len(weighted), -1))
        joined = torch.einsum("pgctj,gij->pcti", spread, weighted)
        return torch.relu(self.over_time(joined) + self.shortcut(features))
