"""Training: mix and separate, with validation, a log, and states to go on from."""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.training.augment import AugmentConfig
    from separation.training.config import (
        TrainingConfig,
        read_training_config,
    )
    from separation.training.distillation import DistilConfig, distil
    from separation.training.loop import train
    from separation.training.mixing import MixingConfig
    from separation.training.validation import ValidationRow

__all__ = [
    "AugmentConfig",
    "DistilConfig",
    "MixingConfig",
    "TrainingConfig",
    "ValidationRow",
    "distil",
    "read_training_config",
    "train",
]

_HOMES = {
    "AugmentConfig": "separation.training.augment",
    "DistilConfig": "separation.training.distillation",
    "MixingConfig": "separation.training.mixing",
    "TrainingConfig": "separation.training.config",
    "ValidationRow": "separation.training.validation",
    "distil": "separation.training.distillation",
    "read_training_config": "separation.training.config",
    "train": "separation.training.loop",
}

__getattr__ = lazy(__name__, _HOMES)
