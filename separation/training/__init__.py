"""Training: mix and separate, with validation, a log, and states to go on from."""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.training.augment import AugmentConfig
    from separation.training.averaging import mean_of_checkpoints
    from separation.training.config import (
        DistillationConfig,
        TrainingConfig,
        read_training_config,
    )
    from separation.training.distillation import distil
    from separation.training.loop import train
    from separation.training.mixing import MixingConfig
    from separation.training.validation import ValidationRow

__all__ = [
    "AugmentConfig",
    "DistillationConfig",
    "MixingConfig",
    "TrainingConfig",
    "ValidationRow",
    "distil",
    "mean_of_checkpoints",
    "read_training_config",
    "train",
]

_HOMES = {
    "AugmentConfig": "separation.training.augment",
    "DistillationConfig": "separation.training.config",
    "MixingConfig": "separation.training.mixing",
    "TrainingConfig": "separation.training.config",
    "ValidationRow": "separation.training.validation",
    "distil": "separation.training.distillation",
    "mean_of_checkpoints": "separation.training.averaging",
    "read_training_config": "separation.training.config",
    "train": "separation.training.loop",
}

__getattr__ = lazy(__name__, _HOMES)
