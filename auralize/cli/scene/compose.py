"""`auralize scene compose`: put the stems where the players are."""

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


@click.command(epilog="Example: auralize scene compose take/ --out out")
@recording_options
@out_option
@model_option
@click.option(
    "--room",
    is_flag=True,
    help="Fit a room to the take: walls it saw, and others by a rule that the scene states.",
)
@click.option(
    "--rt60",
    "rt60_s",
    type=click.FloatRange(0.1, 30.0),
    default=0.4,
    show_default=True,
    metavar="SECONDS",
    help="With --room: how long the room rings.",
)
def compose(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    out: Path | None,
    model: str | None,
    room: bool,
    rt60_s: float,
) -> None:
    """Compose the scene of TAKE, OUT/scene.yaml, from its players and stems.

    Uses OUT/performers and OUT/stems where they are there, else makes them first.
    """
    from auralize.stages import performers_of, scene_of, stems_of

    folder = out_folder(take, out)
    with stage_bars() as bar, opened_take(take, audio, rate_hz) as opened:
        performers = performers_of(opened, folder, progress=bar("segment"))
        manifest = stems_of(opened, performers, folder, model=model, progress=bar("separate"))
        path = scene_of(opened, performers, manifest, folder, room_rt60_s=rt60_s if room else None)
    click.echo(str(path))
