"""`auralize segment`: find and follow the players of a take."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import audio_option, out_folder, out_option, take_argument
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize segment take/ --out out")
@take_argument
@audio_option
@out_option
def segment(take: Path, audio: Path | None, out: Path | None) -> None:
    """Find the players of TAKE, follow them, and write OUT/performers."""
    from auralize.stages import segment_take
    from capture.take import open_take

    folder = out_folder(take, out)
    with stage_bars() as bar, open_take(take, audio=audio) as opened:
        performers = segment_take(opened, folder, progress=bar("segment"))
    for performer in performers:
        x, y, z = performer.trajectory.mean_position_m
        click.echo(f"{performer.name}: centroid ({x:.2f}, {y:.2f}, {z:.2f}) m")
    click.echo(f"written to {folder / 'performers'}")
