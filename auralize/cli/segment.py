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


@click.command(epilog="Example: auralize segment take/ --corrections performers.yaml --out out")
@recording_options
@click.option(
    "--corrections",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What you know better: merge, split, rename, drop, keep, add, fix, label "
    "(docs/players.md).  [default: TAKE/performers.yaml, or NAME.performers.yaml beside "
    "NAME.mkv, if there]",
)
@click.option("--uncorrected", is_flag=True, help="Leave corrections beside TAKE alone.")
@out_option
def segment(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    corrections: Path | None,
    uncorrected: bool,
    out: Path | None,
) -> None:
    """Find the players of TAKE, follow them, and write OUT/performers."""
    from auralize.stages import segment_take
    from capture.performer import read_visitors
    from capture.players import NO_CORRECTIONS, find_corrections, read_corrections

    if uncorrected and corrections is not None:
        raise click.UsageError("give --corrections FILE or --uncorrected, not both.")
    file = None if uncorrected else corrections or find_corrections(take)
    known = read_corrections(file) if file else NO_CORRECTIONS
    folder = out_folder(take, out)
    with stage_bars() as bar, opened_take(take, audio, rate_hz) as opened:
        performers = segment_take(opened, folder, corrections=known, progress=bar("segment"))
    for performer in performers:
        x, y, z = performer.trajectory.mean_position_m
        instrument = f", {performer.instrument}" if performer.instrument else ""
        click.echo(f"{performer.name}: centroid ({x:.2f}, {y:.2f}, {z:.2f}) m{instrument}")
    for visitor in read_visitors(folder / "performers"):
        click.echo(f"{visitor.name}: no player ({visitor.reason})")
    if file:
        click.echo(f"{len(known.entries)} corrections of {file} applied")
    click.echo(f"written to {folder / 'performers'}")
