"""`auralize train`: train a network of separation/configs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auralize.cli.options import bank_options
from auralize.cli.terminal import stage_bars

if TYPE_CHECKING:
    from separation.training import ValidationRow


@click.command(epilog="Example: auralize train pcs-depth --corpus corpus/ --out runs/pcs-depth")
@click.argument("config")
@click.option(
    "--corpus", required=True, type=click.Path(path_type=Path), help="What `auralize corpus` built."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Run folder; a run that is there is resumed at its last step.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU if there is one.",
)
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes that mix sounds.")
@click.option("--steps", type=click.IntRange(1), default=None, help="Stop after this many steps.")
@bank_options
@click.option(
    "--initial-weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Checkpoint to start from: weights of the same names are taken over.",
)
@click.option(
    "--teacher",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Checkpoint of a label network: the one that looks at clouds learns to see what its "
    "labels say, and is joined to its audio network.",
)
@click.option(
    "--image-weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="ImageNet weights of a ResNet (.pth, .safetensors), for networks that look at pictures.",
)
def train(
    config: str,
    corpus: Path,
    out: Path,
    device: str,
    workers: int,
    steps: int | None,
    clouds: Path | None,
    moves: Path | None,
    initial_weights: Path | None,
    teacher: Path | None,
    image_weights: Path | None,
) -> None:
    """Train the network CONFIG: the name of a shipped configuration, or a file like one.

    Several GPUs: torchrun --nproc-per-node 4 -m separation.training CONFIG CORPUS RUN.
    """
    from separation.training import distil
    from separation.training import train as train_network

    if teacher is not None and (image_weights or moves or workers):
        raise click.UsageError("--teacher goes without --image-weights, --moves and --workers.")
    with stage_bars() as bar:
        if teacher is not None:
            checkpoint = distil(
                config,
                teacher,
                clouds or corpus / "clouds",
                out,
                steps=steps,
                device=device,
                initial_weights=initial_weights,
                progress=bar("learn to see"),
                on_validation=lambda step, share: click.echo(
                    f"step {step}: {share:.0%} of the validation clouds are told apart", err=True
                ),
            )
            click.echo(str(checkpoint))
            return
        checkpoint = train_network(
            config,
            corpus,
            out,
            steps=steps,
            workers=workers,
            device=device,
            cloud_bank=clouds,
            move_bank=moves,
            initial_weights=initial_weights,
            image_weights=image_weights,
            progress=bar("train"),
            on_validation=_say_gain,
        )
    click.echo(str(checkpoint))


def _say_gain(step: int, rows: Sequence[ValidationRow]) -> None:
    gains = ", ".join(f"{row.gain_db:.1f} dB with {row.players} players" for row in rows)
    click.echo(f"step {step}: validation gains {gains}", err=True)
