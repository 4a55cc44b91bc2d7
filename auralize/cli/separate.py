"""`auralize separate`: one stem per player."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import (
    model_option,
    opened_take,
    out_folder,
    out_option,
    recording_options,
)
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize separate take/ --out out")
@recording_options
@out_option
@model_option
def separate(
    take: Path, audio: Path | None, rate_hz: float | None, out: Path | None, model: str | None
) -> None:
    """Separate the sound of TAKE into one stem per player: OUT/stems.

    Uses OUT/performers where it is there, else finds the players first.
    """
    from auralize.stages import performers_of, separate_take
    from separation.checkpoint import load_model

    folder = out_folder(take, out)
    network = load_model(model)
    with stage_bars() as bar, opened_take(take, audio, rate_hz) as opened:
        performers = performers_of(opened, folder, progress=bar("segment"))
        separation = separate_take(
            opened, performers, folder, network=network, progress=bar("separate")
        )
    for stem in separation.stems:
        click.echo(f"{folder / 'stems' / (stem.name + '.wav')}")
