"""Train the pose estimator on a bank of simulated performers, in pieces that go on."""

from __future__ import annotations

import copy
import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from capture.body_pose import JOINTS
from capture.errors import FileFormatError
from separation.body_pose.augment import PoseAugmentation, augmented
from separation.body_pose.bank import PoseBank
from separation.body_pose.checkpoint import save_network
from separation.body_pose.network import JointNetwork, JointNetworkConfig
from separation.body_pose.views import SeenPerformer, voxels_of
from separation.sparse import collate
from separation.training.state import write_state

if TYPE_CHECKING:
    from jaxtyping import Float

_SCALE_SHARE = 0.1
_STATE = "state.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseTraining:
    """How the estimator is trained.

    Attributes:
        steps: How many.
        batch: Clouds of a step.
        learning_rate: At its peak; it rises over the first twentieth and falls as a cosine.
        weight_decay: Of AdamW.
        average: Share of the running average of the weights that a step keeps.
        seed: Of weights, clouds and their changes.
        network: Its sizes.
        augmentation: How clouds are changed.
    """

    steps: int = 2000
    batch: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    average: float = 0.995
    seed: int = 0
    network: JointNetworkConfig = field(default_factory=JointNetworkConfig)
    augmentation: PoseAugmentation = field(default_factory=PoseAugmentation)

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1 or not self.learning_rate > 0:
            raise ValueError(f"steps, batch and learning_rate must be positive, got {self}.")


class PoseTrainer:
    """Training of an estimator in a folder: state.pt to go on, joints.safetensors to use.

    Attributes:
        step: How many steps are done.
        network: What learns.
        average: The running average of its weights, which is what is used.
    """

    def __init__(
        self, bank: PoseBank, folder: str | os.PathLike[str], config: PoseTraining | None = None
    ) -> None:
        """Start, or go on where the folder's state ends.

        Raises:
            DataError: The bank has nothing to train on.
            FileFormatError: The folder's state is of another training.
        """
        self.config = PoseTraining() if config is None else config
        self.folder = Path(folder)
        self.bank = bank
        torch.manual_seed(self.config.seed)
        self.network = JointNetwork(self.config.network, len(JOINTS))
        self.average = copy.deepcopy(self.network).eval()
        self.step = 0
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=1.0, weight_decay=self.config.weight_decay
        )
        self._clouds = [
            (instrument, index)
            for instrument in bank.instruments("train")
            for index in range(bank.count("train", instrument))
        ]
        if (self.folder / _STATE).exists():
            self._resume()

    def run(
        self, *, seconds: float | None = None, progress: Callable[[float], None] | None = None
    ) -> float:
        """Train to the end, or for so long; return the mean error of the last steps in metres."""
        start = time.monotonic()
        errors: list[float] = []
        while self.step < self.config.steps:
            if seconds is not None and time.monotonic() - start > seconds:
                break
            errors.append(self._advance())
            if progress is not None:
                progress(self.step / self.config.steps)
        self._save()
        return float(np.mean(errors[-100:])) if errors else float("nan")

    def _advance(self) -> float:
        """Make one step; return the mean distance of joints from their truth in metres."""
        config = self.config
        rng = np.random.default_rng([config.seed, self.step])
        seen = [self._draw(rng) for _ in range(config.batch)]
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(self.step / config.steps)
        self.network.train()
        joints, log_scales = self.network(_batch(seen, config.network.voxel_m))
        truth = torch.from_numpy(np.stack([one.joints_m for one in seen]))
        distances = torch.linalg.vector_norm(joints - truth, dim=2)
        loss = distances.mean() + _SCALE_SHARE * surprise(distances.detach(), log_scales).mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self._follow()
        self.step += 1
        return float(distances.detach().mean())

    def _draw(self, rng: np.random.Generator) -> SeenPerformer:
        instrument, index = self._clouds[int(rng.integers(len(self._clouds)))]
        beside, other = self._clouds[int(rng.integers(len(self._clouds)))]
        neighbor = self.bank.read("train", beside, other).points_m
        seen = self.bank.read("train", instrument, index)
        return augmented(seen, self.config.augmentation, rng, [neighbor])

    @torch.no_grad()
    def _follow(self) -> None:
        # Early on the average follows fast, or it would carry the random start along.
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        current = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        write_state(self.folder / _STATE, content)
        save_network(self.folder / "joints.safetensors", self.average)

    def _resume(self) -> None:
        path = self.folder / _STATE
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.step = int(state["step"])
        except (
            OSError,
            RuntimeError,
            KeyError,
            ValueError,
            EOFError,
            pickle.UnpicklingError,
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FileFormatError(
                f"{path}: not the state of this training ({reason}). Train into another folder."
            ) from error


def surprise(
    distances_m: Float[Tensor, "*shape"], log_scales: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Return −log of the density of errors that `separation.body_pose.network.within` has."""
    return distances_m * torch.exp(-log_scales) + 3.0 * log_scales


def _batch(seen: Sequence[SeenPerformer], voxel_m: float):
    return collate([voxels_of(one.points_m, voxel_m) for one in seen])


def _schedule(share: float, rise: float = 0.05) -> float:
    if share < rise:
        return (share + 1e-3) / rise
    return 0.5 + 0.5 * float(np.cos(np.pi * (share - rise) / (1 - rise)))
