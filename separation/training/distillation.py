"""Teach the point-cloud network what the label network means: see a viola, say "viola".

A label-conditioned network is cheap to train, because it needs no clouds. Here the point-cloud
network learns to give the very condition vectors that the label network learned, from clouds of
performers; after that both parts fit, and can be trained on together (`separation.training.loop`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from capture.errors import DataError, FileFormatError
from separation.checkpoint import choose_device
from separation.conditioners.point_cloud import PointCloudConditioner, SparseCloud
from separation.corpus.clouds import CloudBank
from separation.model import SeparationModel
from separation.training.conditions import SeenConditions
from separation.training.config import (
    DistillationConfig,
    TrainingConfig,
    read_training_config,
    write_training_config,
)
from separation.training.logs import RunLog
from separation.training.schedule import learning_rate
from separation.training.state import read_state, write_state

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_STATE = "distillation.pt"


def distil(
    config: TrainingConfig | str | os.PathLike[str],
    teacher: str | os.PathLike[str],
    cloud_bank: str | os.PathLike[str],
    run_folder: str | os.PathLike[str],
    *,
    steps: int | None = None,
    initial_weights: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    stop_after_s: float | None = None,
    progress: Callable[[float], None] | None = None,
    on_validation: Callable[[int, float], None] | None = None,
) -> Path:
    """Train the point-cloud network, or go on, and join it to the teacher's audio network.

    A run that was stopped goes on with the step that would have come next.

    Args:
        config: A network that looks at point clouds; the run is its `distillation`.
        teacher: Checkpoint of a label-conditioned network with the same audio network.
        cloud_bank: From `build_cloud_bank`.
        run_folder: Made if missing; a state in it is taken up.
        steps: Stop at this step; the schedule still goes by the configuration.
        initial_weights: A point-cloud checkpoint whose conditioner to start from.
        device: "cpu", "cuda", or "auto".
        stop_after_s: Stop after this time, with the state saved.
        progress: Called with the fraction done.
        on_validation: Called with the step and the share of validation clouds that come nearest to
            their instrument's vector.

    Returns:
        The joined checkpoint that validated best, the later one of equals.

    Raises:
        DataError: The teacher takes no labels, the network does not look at clouds, or the bank
            is empty.
        DeviceError: A GPU is asked for and there is none.
        FileFormatError: Configuration, checkpoint or state are broken or of another network.
    """
    if not isinstance(config, TrainingConfig):
        config = read_training_config(config)
    run, folder = config.distillation, Path(run_folder)
    torch.manual_seed(config.seed)
    labels = SeparationModel.load(teacher)
    student = _student(config, labels, Path(teacher), initial_weights).to(choose_device(device))
    network = student.conditioner
    assert isinstance(network, PointCloudConditioner)
    vectors = labels.encode_labels(config.model.instruments).detach().to(student.device)
    looks = SeenConditions(
        bank=CloudBank.open(cloud_bank), config=config.model, augmentation=config.cloud_augmentation
    )
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    step, best = _resumed(folder, student, optimizer)
    write_training_config(folder / "config.json", config)
    log = RunLog(folder)
    last = min(run.steps, steps or run.steps)
    started = time.monotonic()
    enough = False
    while step < last and not enough:
        rate = run.learning_rate * learning_rate(step, run.steps, run.warm_up)
        optimizer.param_groups[0]["lr"] = rate
        clouds, numbers = _draw(looks, run, config.seed, step)
        network.train()
        loss = _loss(network.logits(clouds), numbers.to(student.device), vectors, run.sharpness)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        enough = stop_after_s is not None and time.monotonic() - started > stop_after_s
        at_end = step == last or enough
        if step % run.validate_every == 0 or (at_end and best < 0):
            counts = confusion_matrix(student, looks, "validation", vectors, most=24)
            accuracy = float(np.trace(counts) / counts.sum())
            log.write(step, {"loss": loss.item(), "learning_rate": rate, "accuracy": accuracy})
            if accuracy >= best:
                best = accuracy
                student.save(folder / "best.safetensors", half=True)
            if on_validation is not None:
                on_validation(step, accuracy)
        if step % config.save_every == 0 or at_end:
            _save(folder, student, optimizer, step, best)
        if progress is not None:
            progress(step / last)
    log.close()
    return folder / "best.safetensors"


def _student(
    config: TrainingConfig,
    labels: SeparationModel,
    teacher: Path,
    initial_weights: str | os.PathLike[str] | None,
) -> SeparationModel:
    """Return the network of the configuration with the teacher's audio network."""
    if labels.config.conditioner != "label":
        raise DataError(f"{teacher} is not conditioned on labels: it cannot teach.")
    if config.model.conditioner != "point_cloud":
        raise DataError(
            f"this network is conditioned on {config.model.conditioner.replace('_', ' ')}s: only "
            "one that looks at point clouds can be taught by labels."
        )
    student = SeparationModel(config.model)
    own = student.state_dict()
    heard = {k: v for k, v in labels.state_dict().items() if not k.startswith("conditioner.")}
    fits = {k: v.shape for k, v in own.items() if not k.startswith("conditioner.")} == {
        k: v.shape for k, v in heard.items()
    }
    if not fits or labels.config.instruments != config.model.instruments:
        raise FileFormatError(
            f"{teacher}: its audio network or its instruments are others than the configuration's."
        )
    if initial_weights is not None:
        other = SeparationModel.load(initial_weights).state_dict()
        seen = {k: v for k, v in other.items() if k.startswith("conditioner.")}
        if {k: v.shape for k, v in seen.items()} != {
            k: v.shape for k, v in own.items() if k.startswith("conditioner.")
        }:
            raise FileFormatError(f"{initial_weights}: its point-cloud network is of other sizes.")
        heard |= seen
    student.load_state_dict(own | heard)
    return student


def _resumed(
    folder: Path, student: SeparationModel, optimizer: torch.optim.Optimizer
) -> tuple[int, float]:
    """Take up the state in a folder, if there is one; return the steps done and the best."""
    content = read_state(folder / _STATE, student.config)
    if content is None:
        return 0, -1.0
    student.load_state_dict(content["student"])
    optimizer.load_state_dict(content["optimizer"])
    return content["step"], content["best"]


def _save(
    folder: Path,
    student: SeparationModel,
    optimizer: torch.optim.Optimizer,
    step: int,
    best: float,
) -> None:
    content: dict[str, Any] = {
        "config": json.dumps(asdict(student.config)),
        "step": step,
        "best": best,
        "student": student.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    write_state(folder / _STATE, content)


def _draw(
    looks: SeenConditions, run: DistillationConfig, seed: int, step: int
) -> tuple[list[SparseCloud], Int[Tensor, " batch"]]:
    rng = np.random.default_rng([seed, step])
    instruments = looks.config.instruments
    shares = np.array(run.shares or [1.0] * len(instruments))
    if len(shares) != len(instruments):
        raise DataError(f"distillation.shares must be {len(instruments)}, one an instrument.")
    numbers = rng.choice(len(instruments), size=run.batch, p=shares / shares.sum())
    clouds: list[SparseCloud] = []
    for number in numbers:
        name = instruments[number]
        index = int(rng.integers(looks.bank.count("train", name)))
        image = int(rng.integers(looks.bank.images("train", name)))
        clouds.append(looks.voxels("train", name, index, rng, image))
    return clouds, torch.from_numpy(numbers)


def _loss(
    logits: Float[Tensor, "batch K"],
    numbers: Int[Tensor, " batch"],
    teacher: Float[Tensor, "instruments K"],
    sharpness: float,
) -> Float[Tensor, ""]:
    """Cross-entropy to the teacher's vectors, and of telling the nearest vector."""
    vectors = F.binary_cross_entropy_with_logits(logits, teacher[numbers])
    distances = (torch.sigmoid(logits)[:, None] - teacher[None]).square().sum(dim=-1)
    return vectors + 0.3 * F.cross_entropy(-sharpness * distances, numbers)


@torch.inference_mode()
def confusion_matrix(
    model: SeparationModel,
    looks: SeenConditions,
    split: str,
    teacher: Float[Tensor, "instruments K"],
    *,
    most: int = 1000,
) -> Int[np.ndarray, "true seen"]:
    """Count how often clouds of an instrument come nearest to each instrument's vector."""
    was_training = model.training
    model.eval()
    instruments = looks.config.instruments
    counts = np.zeros((len(instruments), len(instruments)), np.int64)
    for true, instrument in enumerate(instruments):
        for index in range(min(most, looks.bank.count(split, instrument))):
            vector = model.encode([[looks.voxels(split, instrument, index)]])
            seen = int((vector - teacher).square().sum(dim=-1).argmin())
            counts[true, seen] += 1
    model.train(was_training)
    return counts
