"""The experiment of Lluís et al. (2021), on a copy of its data, or on made data in minutes."""

from separation.reproduction.experiment import (
    FULL,
    SMOKE,
    Size,
    missing_data,
    run_experiment,
    torchrun_lines,
)
from separation.reproduction.made_data import make_data

__all__ = [
    "FULL",
    "SMOKE",
    "Size",
    "make_data",
    "missing_data",
    "run_experiment",
    "torchrun_lines",
]
