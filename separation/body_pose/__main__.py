"""`python -m separation.body_pose`: make the pose estimator's clouds, train it, measure it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from capture.instruments import INSTRUMENTS
from separation.body_pose.bank import PoseBank, build_pose_bank
from separation.body_pose.checkpoint import load_network
from separation.body_pose.measure import error_table
from separation.body_pose.training import PoseTrainer, PoseTraining


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m separation.body_pose", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build", help="make simulated clouds with their joints")
    build.add_argument("bank", type=Path)
    build.add_argument("--seed", type=int, default=0)
    train = verbs.add_parser("train", help="train; a run that is there goes on")
    train.add_argument("bank", type=Path)
    train.add_argument("run", type=Path)
    train.add_argument("--steps", type=int, default=PoseTraining().steps)
    train.add_argument("--stop-after-s", type=float, default=None)
    measure = verbs.add_parser("measure", help="print the errors on clouds that were held out")
    measure.add_argument("bank", type=Path)
    measure.add_argument("--weights", type=Path, default=None, help="the shipped ones if not given")
    given = parser.parse_args()
    # Small products do not gain from threads, and lose under load.
    torch.set_num_threads(1)
    if given.verb == "build":
        build_pose_bank(given.bank, INSTRUMENTS, seed=given.seed, progress=_show)
    elif given.verb == "train":
        trainer = PoseTrainer(PoseBank.open(given.bank), given.run, PoseTraining(steps=given.steps))
        error_m = trainer.run(seconds=given.stop_after_s, progress=_show)
        sys.stderr.write(f"\nstep {trainer.step}: {100 * error_m:.1f} cm on changed clouds\n")
    else:
        sys.stdout.write(error_table(load_network(given.weights), PoseBank.open(given.bank)) + "\n")


def _show(fraction: float) -> None:
    sys.stderr.write(f"\r{100 * fraction:5.1f} %")


if __name__ == "__main__":
    main()
