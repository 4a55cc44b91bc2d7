"""The experiment of Lluís et al. (2021), on a copy of its data, or on made data in minutes."""

from separation.reproduction.experiment import Prepared, prepare_experiment, run_experiment
from separation.reproduction.made_data import make_data
from separation.reproduction.material import missing_data
from separation.reproduction.networks import FULL, SMOKE, Size, torchrun_lines

__all__ = [
    "FULL",
    "SMOKE",
    "Prepared",
    "Size",
    "make_data",
    "missing_data",
    "prepare_experiment",
    "run_experiment",
    "torchrun_lines",
]
