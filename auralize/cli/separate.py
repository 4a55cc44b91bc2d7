"""`auralize separate`: one stem per player."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import audio_option, model_option, out_folder, out_option, take_argument
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize separate take/ --out out")
@take_argument
@audio_option
@out_option
@model_option
def separate(take: Path, audio: Path | None, out: Path | None, model: str | None) -> None:
    """Separate the sound of TAKE into one stem per player: OUT/stems.

    Uses OUT/performers where it is there, else finds the players first.
    """
    from auralize.stages import performers_of, separate_take
    from capture.take import open_take

    folder = out_folder(take, out)
    with stage_bars() as bar, open_take(take, audio=audio) as opened:
        performers = performers_of(opened, folder, progress=bar("segment"))
        separation = separate_take(
            opened, performers, folder, model=model, progress=bar("separate")
        )
    for stem in separation.stems:
        click.echo(f"{folder / 'stems' / (stem.name + '.wav')}")
