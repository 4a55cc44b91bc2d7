"""Pretrain the vision network on ModelNet40: it learns to name shapes by their surfaces.

The paper does so, and publishes the weights and no recipe; this one is ours. One network serves
both systems that look at clouds: each has three features a voxel.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from capture.errors import DataError, FileFormatError
from capture.files.atomic import atomic_path
from separation.conditioners.point_cloud import (
    CloudConfig,
    PointCloudConditioner,
    SparseCloud,
    joined_clouds,
    voxels_of,
)
from separation.conditioners.sparse_resnet import SparseResNet18Classifier
from separation.configuration import from_mapping
from separation.corpus.layouts import Shape, modelnet_shapes
from separation.model import SeparationModel
from separation.sparse import TORCH_LAYERS
from separation.training import TrainingConfig
from separation.training.cloud_augmentation import CloudAugmentation, augment_points

if TYPE_CHECKING:
    from jaxtyping import Float32

_CLOUD = CloudConfig(scale="unit")
_NAME = "vision.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingConfig:
    """A pretraining run: SGD with momentum 0.9 and half a cosine, on shapes varied as clouds are.

    Attributes:
        width: Channels of the vision network's stem.
        points: On the surface of each shape.
        steps: Length of the run.
        batch: Shapes a step.
        learning_rate: At the start.
        seed: Of weights, points and order.
    """

    width: int = 64
    points: int = 4096
    steps: int = 20_000
    batch: int = 32
    learning_rate: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """What came of it; kept beside the weights.

    Attributes:
        shapes: How many were learned from.
        categories: Of how many kinds.
        accuracy: Share of test shapes that are named right; None where there is none.
        skipped: Files that cannot be read.
        config: Of the run.
    """

    shapes: int
    categories: int
    accuracy: float | None
    skipped: int
    config: PretrainingConfig


def pretrain(
    shapes_folder: Path,
    out: Path,
    config: PretrainingConfig,
    *,
    device: torch.device,
    progress: Callable[[float], None],
) -> Pretraining:
    """Train the classifier and keep what the vision network takes over, in `out`.

    Args:
        shapes_folder: ModelNet40, as it is published.
        out: Made if missing.
        config: The run.
        device: Where to train.
        progress: Called with the fraction done.

    Raises:
        DataError: There is no readable shape to train on.
    """
    shapes = modelnet_shapes(shapes_folder)
    surfaces = Surfaces(shapes, config)
    torch.manual_seed(config.seed)
    network = SparseResNet18Classifier(3, len(surfaces.categories), config.width).to(device)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=config.learning_rate, momentum=0.9, weight_decay=1e-4
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    learned = [shape for shape in shapes if shape.split == "train"]
    for step in range(config.steps):
        clouds, labels = surfaces.draw(learned, np.random.default_rng([config.seed, step]))
        logits = network(joined_clouds(clouds, TORCH_LAYERS, device))
        loss = torch.nn.functional.cross_entropy(logits, labels.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress((step + 1) / config.steps)
    tested = [shape for shape in shapes if shape.split == "test"]
    accuracy = surfaces.accuracy(network.eval(), tested, device)
    done = Pretraining(
        shapes=sum(shape.path not in surfaces.skipped for shape in learned),
        categories=len(surfaces.categories),
        accuracy=accuracy,
        skipped=len(surfaces.skipped),
        config=config,
    )
    with atomic_path((out / _NAME).with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(asdict(done), indent=1) + "\n", encoding="utf-8")
    # Last: where the weights are, the rest is.
    with atomic_path(out / _NAME) as temporary:
        features = {k: v.cpu().contiguous() for k, v in network.features_state_dict().items()}
        safetensors.torch.save_file(features, temporary)
    return done


def pretrained(out: Path, config: PretrainingConfig) -> Pretraining | None:
    """Return what was pretrained in a folder before, if anything was.

    Raises:
        FileFormatError: It was pretrained otherwise.
    """
    if not (out / _NAME).exists():
        return None
    path = (out / _NAME).with_suffix(".json")
    try:
        done = from_mapping(Pretraining, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path}: no note of a pretraining ({error}). Delete it.") from error
    if done.config != config:
        raise FileFormatError(f"{path} is of another pretraining: name another folder with --out.")
    return done


def write_initial_weights(config: TrainingConfig, out: Path, path: Path) -> None:
    """Write the checkpoint that a run starts from: its own first weights, but for the vision."""
    torch.manual_seed(config.seed)
    model = SeparationModel(config.model)
    assert isinstance(model.conditioner, PointCloudConditioner)
    features = safetensors.torch.load_file(out / _NAME)
    others = model.conditioner.network.load_state_dict(features, strict=False)
    assert not others.unexpected_keys
    model.save(path)


class Surfaces:
    """Points of shapes, drawn once for each; shapes that cannot be read are left out.

    Attributes:
        categories: Of the shapes, sorted.
        skipped: Shapes that were found unreadable so far.
    """

    def __init__(self, shapes: Sequence[Shape], config: PretrainingConfig) -> None:
        self.categories = sorted({shape.category for shape in shapes})
        self.skipped: set[Path] = set()
        self._config = config
        self._rng = np.random.default_rng(config.seed)
        self._points: dict[Path, Float32[np.ndarray, "points 3"]] = {}

    def draw(
        self, shapes: Sequence[Shape], rng: np.random.Generator
    ) -> tuple[list[SparseCloud], Tensor]:
        """Return the varied clouds of a batch, and their categories' numbers."""
        clouds: list[SparseCloud] = []
        labels: list[int] = []
        readable = [shape for shape in shapes if shape.path not in self.skipped]
        while len(clouds) < self._config.batch:
            if not readable:
                raise DataError("ModelNet40's folder holds no readable shape to train on.")
            index = int(rng.integers(len(readable)))
            points = self._of(readable[index])
            if points is None:
                del readable[index]
                continue
            varied = augment_points(points, CloudAugmentation(), rng)
            clouds.append(voxels_of(varied, None, _CLOUD))
            labels.append(self.categories.index(readable[index].category))
        return clouds, torch.tensor(labels)

    @torch.inference_mode()
    def accuracy(
        self, network: SparseResNet18Classifier, shapes: Sequence[Shape], device: torch.device
    ) -> float | None:
        """Return the share of shapes that the network names right."""
        right: list[bool] = []
        for shape in shapes:
            points = self._of(shape)
            if points is not None:
                voxels = joined_clouds([voxels_of(points, None, _CLOUD)], TORCH_LAYERS, device)
                said = int(network(voxels).argmax())
                right.append(self.categories[said] == shape.category)
        return sum(right) / len(right) if right else None

    def _of(self, shape: Shape) -> Float32[np.ndarray, "points 3"] | None:
        if shape.path in self.skipped:
            return None
        if shape.path not in self._points:
            try:
                points = shape.points(self._config.points, self._rng)
            except FileFormatError:
                self.skipped.add(shape.path)
                return None
            # The data set's shapes stand on z, performers on y.
            self._points[shape.path] = points[:, [1, 2, 0]]
        return self._points[shape.path]
