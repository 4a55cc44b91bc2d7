"""Teach the point-cloud network what the label network means: see a viola, say "viola".

A label-conditioned network is cheap to train, because it needs no clouds. Here the point-cloud
network learns to give the very condition vectors that the label network learned, from clouds of
performers; after that both parts fit, and can be trained on together.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor

from capture.errors import DataError
from capture.files.atomic import atomic_path
from separation.conditioners.point_cloud import (
    PointCloudConditioner,
    PointCloudConfig,
    SparseCloud,
)
from separation.corpus.clouds import CloudBank
from separation.model import SeparationModel
from separation.training.conditions import SeenConditions
from separation.training.schedule import learning_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class DistilConfig:
    """A distillation run.

    Attributes:
        point_cloud: The point-cloud network; its K must be the label network's.
        steps: Length of the run, which the schedule goes by.
        batch: Clouds a step.
        learning_rate: Highest learning rate of AdamW.
        warm_up: Steps until it is reached.
        weight_decay: Of AdamW.
        sharpness: Of the classification by nearest vector that is trained beside the vectors.
        shares: How often each instrument is drawn, in the order of the network's labels; all
            alike if empty. Those that look alike need more.
        seed: Of first weights and clouds.
        validate_every: Steps from one validation to the next.
    """

    point_cloud: PointCloudConfig
    steps: int = 1500
    batch: int = 12
    learning_rate: float = 2e-3
    warm_up: int = 50
    weight_decay: float = 1e-2
    sharpness: float = 8.0
    shares: tuple[float, ...] = ()
    seed: int = 0
    validate_every: int = 250


def distil(
    config: DistilConfig,
    label_checkpoint: str | os.PathLike[str],
    cloud_bank: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    initial_weights: str | os.PathLike[str] | None = None,
    stop_after_s: float | None = None,
    progress: Callable[[float], None] | None = None,
    on_validation: Callable[[int, float], None] | None = None,
) -> SeparationModel:
    """Train the point-cloud network and write the checkpoint that joins it to the audio network.

    Args:
        config: The run.
        label_checkpoint: A label-conditioned network.
        cloud_bank: From `build_cloud_bank`.
        output: Checkpoint to write (.safetensors), at every validation.
        initial_weights: A point-cloud checkpoint whose conditioner to start from.
        stop_after_s: Stop after this time.
        progress: Called with the fraction done.
        on_validation: Called with the step and the accuracy on the validation split.

    Returns:
        The joined network.

    Raises:
        DataError: The checkpoint is not conditioned on labels, or the bank is empty.
    """
    labels = SeparationModel.load(label_checkpoint)
    if labels.config.conditioner != "label":
        raise DataError(f"{label_checkpoint} is not conditioned on labels: there is no teacher.")
    model_config = replace(labels.config, conditioner="point_cloud", point_cloud=config.point_cloud)
    torch.manual_seed(config.seed)
    student = SeparationModel(model_config)
    shared = {k: v for k, v in labels.state_dict().items() if not k.startswith("conditioner.")}
    own = student.state_dict()
    if initial_weights is not None:
        other = SeparationModel.load(initial_weights).state_dict()
        shared |= {k: v for k, v in other.items() if k.startswith("conditioner.")}
    student.load_state_dict(own | shared)
    teacher = labels.encode_labels(model_config.instruments).detach()
    conditions = SeenConditions(bank=CloudBank.open(cloud_bank), config=model_config)
    network = student.conditioner
    assert isinstance(network, PointCloudConditioner)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    log = Path(output).with_suffix(".log.csv")
    started = time.monotonic()
    for step in range(config.steps):
        rate = config.learning_rate * learning_rate(step, config.steps, config.warm_up)
        optimizer.param_groups[0]["lr"] = rate
        clouds, numbers = _draw(conditions, config, step)
        network.train()
        logits = network.logits(clouds)
        loss = _loss(logits, numbers, teacher, config.sharpness)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        done = step + 1
        enough = stop_after_s is not None and time.monotonic() - started > stop_after_s
        if done % config.validate_every == 0 or done == config.steps or enough:
            confusion = confusion_matrix(student, conditions, "validation", teacher, most=24)
            accuracy = float(np.trace(confusion) / confusion.sum())
            _log(log, done, loss.item(), accuracy)
            student.save(output, half=True)
            if on_validation is not None:
                on_validation(done, accuracy)
        if progress is not None:
            progress(done / config.steps)
        if enough:
            break
    return student.eval()


def _draw(
    conditions: SeenConditions, config: DistilConfig, step: int
) -> tuple[list[SparseCloud], Int[Tensor, " batch"]]:
    rng = np.random.default_rng([config.seed, step])
    instruments = conditions.config.instruments
    shares = np.array(config.shares or [1.0] * len(instruments))
    numbers = rng.choice(len(instruments), size=config.batch, p=shares / shares.sum())
    clouds: list[SparseCloud] = []
    for number in numbers:
        name = instruments[number]
        index = int(rng.integers(conditions.bank.count("train", name)))
        image = int(rng.integers(conditions.bank.images("train", name)))
        clouds.append(conditions.voxels("train", name, index, rng, image))
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
    conditions: SeenConditions,
    split: str,
    teacher: Float[Tensor, "instruments K"],
    *,
    most: int = 1000,
) -> Int[np.ndarray, "true seen"]:
    """Count how often clouds of an instrument come nearest to each instrument's vector."""
    was_training = model.training
    model.eval()
    instruments = conditions.config.instruments
    counts = np.zeros((len(instruments), len(instruments)), np.int64)
    for true, instrument in enumerate(instruments):
        for index in range(min(most, conditions.bank.count(split, instrument))):
            vector = model.encode([[conditions.voxels(split, instrument, index)]])
            seen = int((vector - teacher).square().sum(dim=-1).argmin())
            counts[true, seen] += 1
    model.train(was_training)
    return counts


def describe_confusion(counts: Int[np.ndarray, "true seen"], instruments: Sequence[str]) -> str:
    """Return a confusion matrix as a Markdown table."""
    head = "| true \\ seen | " + " | ".join(instruments) + " |"
    rule = "|---" * (len(instruments) + 1) + "|"
    rows = [
        f"| {name} | " + " | ".join(str(n) for n in row) + " |"
        for name, row in zip(instruments, counts, strict=True)
    ]
    return "\n".join([head, rule, *rows])


def _log(path: Path, step: int, loss: float, accuracy: float) -> None:
    rows = []
    if step > 1 and path.exists():
        rows = path.read_text(encoding="utf-8").splitlines()[1:]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "loss", "accuracy"])
        writer.writerows(row.split(",") for row in rows)
        writer.writerow([step, f"{loss:.5f}", f"{accuracy:.4f}"])
