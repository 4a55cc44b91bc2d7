"""The state of a run: all that it needs to go on with the very step that would have come next."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from capture.errors import FileFormatError
from capture.files.atomic import atomic_path
from separation.conditioners.resnet import load_image_weights
from separation.configuration import from_mapping
from separation.model import ModelConfig, SeparationModel
from separation.training.curriculum import Curriculum

STATE_NAME = "state.pt"


@dataclass(slots=True, kw_only=True)
class RunState:
    """What changes while a run goes on.

    Attributes:
        model: The network that learns.
        average: The running average of its weights, which validates and ships.
        optimizer: With its moments.
        curriculum: Where the run stands in it.
        step: Steps that are done.
        best: Best validation so far, in dB.
        losses: Of the steps since the last line of the log.
    """

    model: SeparationModel
    average: SeparationModel
    optimizer: torch.optim.Optimizer
    curriculum: Curriculum
    step: int = 0
    best: float = float("-inf")
    losses: list[float]

    def save(self, folder: Path) -> None:
        """Write the state.

        Raises:
            OutputError: The disk is full.
        """
        content: dict[str, Any] = {
            "config": json.dumps(asdict(self.model.config)),
            "step": self.step,
            "best": self.best,
            "losses": list(self.losses),
            "stage": (self.curriculum.number, self.curriculum.best, self.curriculum.waited),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        write_state(folder / STATE_NAME, content)

    def resume(self, folder: Path, device: torch.device) -> bool:
        """Take up the state in a folder, if there is one.

        Raises:
            FileFormatError: It is broken, or of another network.
        """
        content = read_state(folder / STATE_NAME, self.model.config)
        if content is None:
            return False
        self.model.load_state_dict(content["model"])
        self.average.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.best = content["step"], content["best"]
        self.losses[:] = content["losses"]
        curriculum = self.curriculum
        curriculum.number, curriculum.best, curriculum.waited = content["stage"]
        torch.set_rng_state(content["random"])
        self.model.to(device)
        self.average.to(device)
        return True

    def look_with(self, path: Path) -> None:
        """Take over ImageNet weights for the network that looks at pictures.

        Raises:
            FileFormatError: They are broken or of another network.
            ValueError: This network looks at no picture.
        """
        for model in (self.model, self.average):
            network = model.picture_network
            if network is None:
                raise ValueError("this network looks at no picture, and takes no image weights.")
            load_image_weights(network, path)

    def start_from(self, path: Path) -> None:
        """Take over the weights of a checkpoint that have the same names and shapes.

        Raises:
            FileFormatError: Its audio network is of another shape.
        """
        other = SeparationModel.load(path).state_dict()
        own = self.model.state_dict()
        same = {k: v for k, v in other.items() if k in own and own[k].shape == v.shape}
        if not any(name.startswith("backbone.") for name in same):
            raise FileFormatError(f"{path}: its audio network is of another shape.")
        self.model.load_state_dict(own | same)
        self.average.load_state_dict(own | same)


def write_state(path: Path, content: Mapping[str, Any]) -> None:
    """Write what a run goes on from.

    Raises:
        OutputError: The folder cannot be written to, or the disk is full.
    """
    # torch's own writer does not say why it fails.
    packed = io.BytesIO()
    torch.save(dict(content), packed)
    with atomic_path(path) as temporary:
        temporary.write_bytes(packed.getbuffer())


def read_state(path: Path, config: ModelConfig) -> dict[str, Any] | None:
    """Return the content of a run's state, on the CPU; None where there is none.

    Raises:
        FileFormatError: It is broken, or of another network.
    """
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        # Read with the defaults of what was added to configurations since.
        known = from_mapping(ModelConfig, json.loads(content["config"]))
    except (RuntimeError, ValueError, KeyError, EOFError, OSError) as error:
        raise FileFormatError(
            f"{path}: not the state of a training run ({error}). Move it away to begin anew."
        ) from error
    if known != config:
        raise FileFormatError(
            f"{path} is of another network than the configuration: use another folder."
        )
    return content
