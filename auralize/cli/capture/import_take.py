"""`auralize capture import`: files of other origin into one take folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from auralize.cli.terminal import stage_bars


@click.command(
    "import",
    epilog="Example: auralize capture import film.mkv quartet --audio mics.wav, or "
    "auralize capture import clouds/ quartet --rate 15",
)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--audio",
    type=click.Path(path_type=Path),
    help="Its sound.  [default: the file of the same name beside it]",
)
@click.option(
    "--rate",
    "rate_hz",
    type=click.FloatRange(0.1, 120.0),
    help="Point clouds a second, where there is no frames.csv.",
)
@click.option(
    "--axes",
    type=click.Choice(["camera", "world"]),
    default="camera",
    show_default=True,
    help="Of point clouds: X right, Y down, Z forward, or x front, y left, z up from the floor.",
)
@click.option(
    "--unit",
    "unit_m",
    type=click.FloatRange(min=0.0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="METRES",
    help="What one unit of point clouds is: 0.001 for millimetres.",
)
@click.option(
    "--center",
    type=click.IntRange(0),
    help="Channel of the main microphone, from which stems are separated.  [default: 0]",
)
@click.option("--move", is_flag=True, help="Take the files away from where they are.")
@click.option("--force", is_flag=True, help="Replace the take OUT when it is there.")
def import_(
    source: Path,
    out: Path,
    audio: Path | None,
    rate_hz: float | None,
    axes: Literal["camera", "world"],
    unit_m: float,
    center: int | None,
    move: bool,
    force: bool,
) -> None:
    """Make the take folder OUT of SOURCE: a K4A MKV, or a folder of PLY, PCD or NPZ files.

    The sound is the file of the recording's name beside it (film.wav beside film.mkv), the only
    sound file in the folder, --audio, or the recording's own AUDIO track.
    """
    from capture.record.import_take import ImportSettings, import_take

    settings = ImportSettings(rate_hz=rate_hz, axes=axes, unit_m=unit_m, center=center, move=move)
    with stage_bars() as bar:
        warnings = import_take(
            source, out, audio=audio, settings=settings, replace=force, progress=bar("import")
        )
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(str(out))
