"""Training: mix and separate, with validation, a log, and states to go on from."""

from separation.training.augment import AugmentConfig
from separation.training.config import (
    TrainingConfig,
    read_training_config,
    training_config_from_dict,
)
from separation.training.distil import DistilConfig, distil
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
    "training_config_from_dict",
]
