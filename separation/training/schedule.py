"""The learning rate over a run."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int, warm_up: int) -> float:
    """Return the factor on the highest rate: a linear rise, then half a cosine down to 1 %."""
    if step < warm_up:
        return (step + 1) / warm_up
    share = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
