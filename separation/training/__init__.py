"""Training: mix and separate, with validation, a log, and states to go on from."""

from separation.training.augment import AugmentConfig
from separation.training.clouds import CloudBank, build_cloud_bank, write_clouds
from separation.training.loop import TrainingConfig, TrainingResult, train
from separation.training.mixing import MixingConfig
from separation.training.validation import ValidationRow

__all__ = [
    "AugmentConfig",
    "CloudBank",
    "MixingConfig",
    "TrainingConfig",
    "TrainingResult",
    "ValidationRow",
    "build_cloud_bank",
    "train",
    "write_clouds",
]
