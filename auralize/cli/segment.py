"""`auralize segment`: find and follow the players of a take."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import (
    opened_take,
    out_folder,
    out_option,
    recording_options,
)
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize segment take/ --out out")
@recording_options
@out_option
def segment(take: Path, audio: Path | None, rate_hz: float | None, out: Path | None) -> None:
    """Find the players of TAKE, follow them, and write OUT/performers."""
    from auralize.stages import segment_take

    folder = out_folder(take, out)
    with stage_bars() as bar, opened_take(take, audio, rate_hz) as opened:
        performers = segment_take(opened, folder, progress=bar("segment"))
    for performer in performers:
        x, y, z = performer.trajectory.mean_position_m
        click.echo(f"{performer.name}: centroid ({x:.2f}, {y:.2f}, {z:.2f}) m")
    click.echo(f"written to {folder / 'performers'}")
