"""Every system at one equal budget: train what is missing, measure all, write the tables.

    python -m benchmarks.separation_systems CORPUS [--runs DIR] [--clouds BANK] [--moves BANK]

All systems get the same mixtures (the same seeds, in the same order; those of a system with a
residual sometimes hold a player nobody sees), the same number of steps, windows of 3 s, the same
optimizer, schedule and first weights' law, and networks of one width. What a system is stays as
published: conditioner, fusion, head, target and weight of the loss, the number of U-Net levels.
Networks are narrow and runs are short, so that a processor's core trains each in minutes: the table
compares designs at this budget, and says little about a longer one.

A run that was stopped is taken up where it stopped. The families of `--held-out` are never trained
on; two of them make the rows "held-out family" and "recordings". The label network is trained from
three seeds.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from separation.tables import StudyConfig, compare_systems, write_study
from separation.training import TrainingConfig, read_training_config, train
from separation.training.conditions import Banks
from separation.training.mixing import MixingConfig

SYSTEMS = (
    "pcs-label",
    "pcs-depth",
    "pcs-rgbd",
    "sop",
    "cunet-label-film-bottleneck",
    "cunet-label-multiply",
    "mhunet-ratio",
    "music-gesture",
    "ensemble",
)
LABEL_SEEDS = (0, 1, 2)
PLAYERS = ((2, 0.4), (3, 0.3), (4, 0.3))
IN_FAMILY = ("fluidr3", "musescore", "simulator")
FOREIGN = ("csoundgm",)
RECORDED = ("philharmonia", "karoryfer")
LEARNING_RATE = 1e-3
BATCH = 12


def equal_budget(name: str, steps: int, width: int, held_out: tuple[str, ...]) -> TrainingConfig:
    """Return a system's configuration at the common budget."""
    own = read_training_config(name)
    model = replace(
        own.model,
        backbone=replace(own.model.backbone, width=width, initialization="kaiming"),
        point_cloud=replace(own.model.point_cloud, width=width),
        picture=replace(own.model.picture, width=width, pixels=96),
        pose=replace(own.model.pose, widths=(32, 32, 32, 64, 64, 64)),
        # A window's own level sets its picture: a network that hears little cannot learn levels.
        spectrogram=replace(own.model.spectrogram, relative_level=True, floor=1e-3),
    )
    if own.model.conditioner == "pose":
        model = replace(model, channels=4 * width)
    return TrainingConfig(
        model=model,
        mixing=MixingConfig(
            players=PLAYERS,
            held_out=held_out,
            family_weights=(("physical", 0.5), ("simulator", 1.5)),
            unseen_share=own.mixing.unseen_share,
        ),
        steps=steps,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        conditioner_rate=1.0,
        warm_up=steps // 10,
        average=0.98,
        target=own.target,
        weight=own.weight,
        loss=own.loss,
        precision="bfloat16",
        validate_every=steps,
        save_every=50,
    )


def runs_of(
    names: tuple[str, ...], steps: int, width: int, held_out: tuple[str, ...]
) -> dict[str, TrainingConfig]:
    """Return every run by its name; the label network's first seed has the plain name."""
    configs = {name: equal_budget(name, steps, width, held_out) for name in names}
    if "pcs-label" in configs:
        for seed in LABEL_SEEDS[1:]:
            configs[f"pcs-label, seed {seed}"] = replace(configs["pcs-label"], seed=seed)
    return configs


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description="Train and measure every system at one budget.")
    parser.add_argument("corpus", type=Path, help="from `auralize corpus build`")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--clouds", type=Path, help="the bank of clouds, if not in the corpus")
    parser.add_argument("--moves", type=Path, help="the bank of movements, if not in the corpus")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--held-out", nargs="*", default=[*FOREIGN, "karoryfer"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--mixtures", type=int, default=24, help="of each kind, to measure on")
    parser.add_argument("--out", type=Path, default=Path("tables"))
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    configs = runs_of(tuple(asked.systems), asked.steps, asked.width, tuple(asked.held_out))
    checkpoints: dict[str, Path] = {}
    for name, config in configs.items():
        folder = asked.runs / name.replace(", ", "-").replace(" ", "-")
        logging.info("%s: %s", name, folder)
        checkpoints[name] = train(
            config,
            asked.corpus,
            folder,
            cloud_bank=asked.clouds,
            move_bank=asked.moves,
            workers=asked.workers,
            device=asked.device,
        )
    study = compare_systems(
        checkpoints,
        asked.corpus,
        {"in-family": IN_FAMILY, "held-out family": FOREIGN, "recordings": RECORDED},
        StudyConfig(mixtures=asked.mixtures, masks=("soft",)),
        banks=Banks.beside(asked.corpus, asked.clouds, asked.moves),
    )
    print(write_study(asked.out, study))


if __name__ == "__main__":
    main()
