"""The configuration of a training run, and its JSON file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

from capture.errors import FileFormatError
from capture.files.atomic import atomic_path
from separation.configuration import from_mapping
from separation.corpus.shards import SAMPLE_RATE_HZ
from separation.model import ModelConfig
from separation.training.cloud_augmentation import LIGHT, CloudAugmentation
from separation.training.curriculum import CurriculumConfig
from separation.training.losses import Loss, Target, Weight
from separation.training.mixing import HOP, MixingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationConfig:
    """How a point-cloud network is taught by labels, see `separation.training.distillation`.

    Attributes:
        steps: Length of the run, which the schedule goes by.
        batch: Clouds a step.
        learning_rate: Highest learning rate of AdamW.
        warm_up: Steps until it is reached.
        sharpness: Of the classification by nearest vector that is trained beside the vectors.
        shares: How often each instrument is drawn, in the order of the network's instruments; all
            alike if empty. Those that look alike need more.
        validate_every: Steps from one validation to the next.
    """

    steps: int = 1500
    batch: int = 12
    learning_rate: float = 2e-3
    warm_up: int = 50
    sharpness: float = 8.0
    shares: tuple[float, ...] = ()
    validate_every: int = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """A training run.

    Attributes:
        model: The network.
        mixing: The mixtures.
        steps: Length of the run, which the schedule goes by.
        batch: Mixtures a step.
        learning_rate: Highest learning rate of the audio network and the fusion.
        conditioner_rate: Factor on it for the conditioner.
        warm_up: Steps until the highest rate is reached.
        weight_decay: Of AdamW.
        average: Decay of the running average of the weights, which validates and ships.
        target: See `separation.training.losses`.
        weight: See `separation.training.losses`.
        loss: See `separation.training.losses`.
        precision: "bfloat16" runs the audio network in mixed precision.
        curriculum: Stages of mixtures that get harder; None for what `mixing` says throughout.
        seed: Of the first weights and of all mixtures.
        validate_every: Steps from one validation to the next.
        validation_mixtures: Mixtures of each size of ensemble.
        save_every: Steps from one saved state to the next.
        reload_every: Steps after which the corpus is opened anew, for shards that were added;
            0 for never.
        clouds_a_step: Performers of each instrument that a step shows (clouds, pictures).
        cloud_augmentation: How they are changed at random.
        distillation: How labels teach a network that looks at clouds, where they are asked to.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    mixing: MixingConfig = field(default_factory=MixingConfig)
    steps: int = 5000
    batch: int = 16
    learning_rate: float = 1e-3
    conditioner_rate: float = 0.3
    warm_up: int = 200
    weight_decay: float = 1e-2
    average: float = 0.998
    target: Target = "binary"
    weight: Weight = "log"
    loss: Loss = "cross_entropy"
    precision: Literal["float32", "bfloat16"] = "float32"
    curriculum: CurriculumConfig | None = None
    seed: int = 0
    validate_every: int = 250
    validation_mixtures: int = 24
    save_every: int = 100
    reload_every: int = 0
    clouds_a_step: int = 2
    cloud_augmentation: CloudAugmentation = LIGHT
    distillation: DistillationConfig = field(default_factory=DistillationConfig)

    def __post_init__(self) -> None:
        counts = {
            name: getattr(self, name)
            for name in ("steps", "batch", "validate_every", "validation_mixtures", "save_every")
        }
        for name, count in {**counts, "clouds_a_step": self.clouds_a_step}.items():
            if count < 1:
                raise ValueError(f"{name} must be 1 or more, got {count}.")
        if not (min(self.learning_rate, self.weight_decay) >= 0 and 0 <= self.average < 1):
            raise ValueError(
                "learning_rate, weight_decay and average must be 0 or more, and average below 1, "
                f"got {self.learning_rate}, {self.weight_decay} and {self.average}."
            )
        picture = self.model.spectrogram
        if (picture.sample_rate_hz, picture.hop) != (SAMPLE_RATE_HZ, HOP):
            raise ValueError(
                f"a corpus is {SAMPLE_RATE_HZ} Hz and read in hops of {HOP}: a network of "
                f"{picture.sample_rate_hz} Hz and {picture.hop} cannot be trained on it."
            )
        multiple = self.model.frame_multiple
        if self.mixing.frames % multiple:
            raise ValueError(
                f"mixing.frames must be a multiple of {multiple} for a network of "
                f"{self.model.backbone.levels} levels, got {self.mixing.frames}."
            )
        most = 0 if self.curriculum is None else self.curriculum.most_players
        if most > len(self.model.instruments):
            raise ValueError(
                f"the curriculum asks for {most} players and the network has "
                f"{len(self.model.instruments)} instruments."
            )


def read_training_config(name_or_path: str | os.PathLike[str]) -> TrainingConfig:
    """Read a configuration file, or one that ships, by its name ("pcs-depth").

    Raises:
        FileFormatError: There is no such file, or it is wrong.
    """
    shipped = resources.files("separation") / "configs"
    names = sorted(entry.name[:-5] for entry in shipped.iterdir() if entry.name.endswith(".json"))
    source = shipped / f"{name_or_path}.json" if name_or_path in names else Path(name_or_path)
    if not source.is_file():
        raise FileFormatError(
            f"{name_or_path}: there is no such configuration. Give a JSON file, or one of "
            f"{', '.join(names)}."
        )
    try:
        return from_mapping(TrainingConfig, json.loads(source.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{name_or_path}: not a training configuration ({error}).") from error


def write_training_config(path: str | os.PathLike[str], config: TrainingConfig) -> None:
    """Write a configuration, to keep beside what it produced."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")
