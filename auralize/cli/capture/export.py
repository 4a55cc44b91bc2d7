"""`auralize capture export`: a take for elsewhere, or smaller."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import opened_take, recording_options


@click.command(epilog="Example: auralize capture export quartet/ --to archive -o quartet-small")
@recording_options
@click.option(
    "--to",
    "target",
    type=click.Choice(("mkv", "archive", "ply")),
    required=True,
    help="mkv: a K4A recording with the sound in it, for the sensor's own tools; archive: the same "
    "with depth compressed without loss, to a sixth; ply: a PLY file an image.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The take folder to make; of mkv and archive also a file that ends in .mkv.",
)
@click.option("--no-color", is_flag=True, help="Leave the color of PLY files away.")
@click.option("--force", is_flag=True, help="Replace what is there.")
def export(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    target: str,
    out: Path,
    no_color: bool,
    force: bool,
) -> None:
    """Write TAKE in another format, with its sound, clock and microphones.

    What comes out is a take again. An archive goes back to a recording with --to mkv.
    """
    from auralize.cli.terminal import stage_bars
    from capture.export import export_clouds, export_recording

    with opened_take(take, audio, rate_hz) as opened, stage_bars() as bar:
        progress = bar(f"write {out}")
        if target == "ply":
            export_clouds(opened, out, color=not no_color, replace=force, progress=progress)
        else:
            compact = target == "archive"
            export_recording(opened, out, compact=compact, replace=force, progress=progress)
    click.echo(f"wrote {out}")
