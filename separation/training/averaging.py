"""The mean of several networks' weights, which is often better than each of them.

Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time", 2022. It asks for runs that share their beginning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch
from torch import Tensor

from capture.errors import FileFormatError
from separation.model import SeparationModel


def mean_of_checkpoints(
    shares: Mapping[str, float], output: str | os.PathLike[str], *, half: bool = True
) -> None:
    """Write the weighted mean of checkpoints of one configuration.

    Args:
        shares: Checkpoint → its share; shares are divided by their sum.
        output: Checkpoint to write (.safetensors).
        half: Write float16.

    Raises:
        FileFormatError: A checkpoint is broken, or of another network than the first.
        ValueError: There is no checkpoint, or a share is not positive.
    """
    if not shares or min(shares.values()) <= 0:
        raise ValueError(f"each checkpoint needs a positive share, got {dict(shares)}.")
    total = sum(shares.values())
    joined: SeparationModel | None = None
    mean: dict[str, Tensor] = {}
    for path, share in shares.items():
        model = SeparationModel.load(path)
        if joined is None:
            joined = model
        if model.config != joined.config:
            raise FileFormatError(f"{path} is of another network than the first.")
        for name, value in model.state_dict().items():
            # Counts of batches, which are integers, are the first one's: nothing uses them.
            part = value.to(torch.float64) * (share / total)
            if value.is_floating_point():
                mean[name] = mean[name] + part if name in mean else part
            else:
                mean.setdefault(name, value)
    assert joined is not None
    joined.load_state_dict(mean)
    joined.save(output, half=half)
