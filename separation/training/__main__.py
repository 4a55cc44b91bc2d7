"""`python -m separation.training`: train with torch, NumPy, SciPy and safetensors only."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from separation.training.distillation import distil
from separation.training.loop import train


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m separation.training", description=__doc__)
    parser.add_argument("config", help="name of a shipped configuration, or a JSON file")
    parser.add_argument("corpus", type=Path, help="folder that `auralize corpus` built")
    parser.add_argument("run", type=Path, help="folder of the run; one that is there goes on")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--steps", type=int, default=None, help="stop at this step")
    parser.add_argument("--stop-after-s", type=float, default=None, help="stop after this time")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare mixtures")
    parser.add_argument(
        "--initial-weights", type=Path, default=None, help="checkpoint to start from"
    )
    parser.add_argument(
        "--teacher", type=Path, default=None, help="label network, to learn to see from"
    )
    parser.add_argument("--clouds", type=Path, default=None, help="folder of performers' clouds")
    parser.add_argument("--moves", type=Path, default=None, help="folder of their movements")
    parser.add_argument("--image-weights", type=Path, default=None, help="ImageNet's, of a ResNet")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if given.teacher is not None:
        distil(
            given.config,
            given.teacher,
            given.clouds or given.corpus / "clouds",
            given.run,
            steps=given.steps,
            initial_weights=given.initial_weights,
            device=given.device,
            stop_after_s=given.stop_after_s,
        )
        return
    train(
        given.config,
        given.corpus,
        given.run,
        steps=given.steps,
        cloud_bank=given.clouds,
        move_bank=given.moves,
        initial_weights=given.initial_weights,
        image_weights=given.image_weights,
        workers=given.workers,
        device=given.device,
        stop_after_s=given.stop_after_s,
    )


if __name__ == "__main__":
    main()
