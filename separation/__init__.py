"""Source separation conditioned on performers: networks, training, metrics.

Names are imported when they are first used, so that a command that only prints its help does not
wait for torch or scipy.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.checkpoint import load_model, shipped_checkpoints
    from separation.evaluate import evaluate_take
    from separation.model import ModelConfig, SeparationModel
    from separation.separator import SeparateConfig, separate
    from separation.stem import Separation, Stem
    from separation.stem_folder import read_separation, write_separation

__all__ = [
    "ModelConfig",
    "SeparateConfig",
    "Separation",
    "SeparationModel",
    "Stem",
    "evaluate_take",
    "load_model",
    "read_separation",
    "separate",
    "shipped_checkpoints",
    "write_separation",
]

_HOMES = {
    "ModelConfig": "separation.model",
    "SeparateConfig": "separation.separator",
    "Separation": "separation.stem",
    "SeparationModel": "separation.model",
    "Stem": "separation.stem",
    "evaluate_take": "separation.evaluate",
    "load_model": "separation.checkpoint",
    "read_separation": "separation.stem_folder",
    "separate": "separation.separator",
    "shipped_checkpoints": "separation.checkpoint",
    "write_separation": "separation.stem_folder",
}

__getattr__ = lazy(__name__, _HOMES)
