"""Which networks a reproduction trains, their configurations, and the commands for several GPUs."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from separation.reproduction.pretraining import PretrainingConfig
from separation.training import TrainingConfig, read_training_config
from separation.training.config import write_training_config

SYSTEMS = {"label": "pcs-label", "depth": "pcs-depth", "rgb-depth": "pcs-rgbd"}
"""The paper's names → configurations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a reproduction is.

    Attributes:
        steps: Training steps of each network; as configured if None.
        small: Narrow networks and short windows, which a CPU trains in minutes.
        mixtures: Mixtures of a row.
        clouds: Clouds of each person.
        seeds: Networks are trained once for each.
        pretraining: Of the vision network, where there are shapes for it.
    """

    steps: int | None = None
    small: bool = False
    mixtures: int = 100
    clouds: int = 50
    seeds: tuple[int, ...] = (0,)
    pretraining: PretrainingConfig = PretrainingConfig()  # noqa: RUF009 (it is frozen)


SMOKE = Size(
    steps=40,
    small=True,
    mixtures=4,
    clouds=5,
    pretraining=PretrainingConfig(width=4, steps=20, batch=4, points=1000),
)
FULL = Size(seeds=(0, 1, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One network to train.

    Attributes:
        name: In the tables: "depth (seed 1)".
        config: Its configuration.
        config_path: Where that is written.
        folder: Of the run.
        initial_weights: Checkpoint to start from, where the vision network is pretrained.
    """

    name: str
    config: TrainingConfig
    config_path: Path
    folder: Path
    initial_weights: Path | None = None


def plan_runs(out: Path, instruments: Sequence[str], size: Size) -> list[PlannedRun]:
    """Return all runs, with their configurations written to out/configs.

    Args:
        out: Folder of the reproduction.
        instruments: Of the data.
        size: How large it is.
    """
    runs: list[PlannedRun] = []
    for name, shipped in SYSTEMS.items():
        for seed in size.seeds:
            run = PlannedRun(
                name=name if len(size.seeds) == 1 else f"{name} (seed {seed})",
                config=_config(shipped, tuple(sorted(instruments)), size, seed),
                config_path=out / "configs" / f"{shipped}-{seed}.json",
                folder=out / "runs" / f"{shipped}-{seed}",
            )
            write_training_config(run.config_path, run.config)
            runs.append(run)
    return runs


def torchrun_lines(runs: Sequence[PlannedRun], corpus: Path, processes: int) -> list[str]:
    """Return the commands that train the same networks on several GPUs."""
    lines: list[str] = []
    for run in runs:
        words = ["torchrun", "--nproc-per-node", processes, "-m", "separation.training"]
        words += [run.config_path, corpus, run.folder]
        if run.initial_weights is not None:
            words += ["--initial-weights", run.initial_weights]
        lines.append(shlex.join(map(str, words)))
    return lines


def _config(shipped: str, instruments: tuple[str, ...], size: Size, seed: int) -> TrainingConfig:
    config = read_training_config(shipped)
    model = replace(config.model, instruments=instruments)
    config = replace(config, model=model, seed=seed)
    if size.small:
        config = replace(
            config,
            model=replace(
                model,
                backbone=replace(model.backbone, levels=5, width=8, initialization="kaiming"),
                point_cloud=replace(model.point_cloud, width=size.pretraining.width),
            ),
            mixing=replace(config.mixing, frames=64),
            batch=4,
            warm_up=5,
            validate_every=20,
            validation_mixtures=2,
            save_every=20,
        )
    # As many clouds a step as its mixtures have players: the paper shows each one its own.
    most_players = max(count for count, _ in config.mixing.players)
    each = math.ceil(most_players * config.batch / len(instruments))
    config = replace(config, clouds_a_step=each)
    return config if size.steps is None else replace(config, steps=size.steps)
