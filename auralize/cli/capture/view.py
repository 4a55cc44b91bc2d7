"""`auralize capture view`: a picture, an animation, or a live view of a take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auralize.cli.options import finite, opened_take, out_folder, recording_options

if TYPE_CHECKING:
    from capture.performer import Performer
    from capture.take import Take

_RERUN = ".rrd"


@click.command(
    epilog="Example: auralize capture view quartet/, or auralize capture view quartet/ -o now.png "
    "--at 12.5"
)
@recording_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="A .webp or .gif moves, a .png or .jpg does not; .rrd is for Rerun's viewer.  "
    "[default: TAKE.webp, or TAKE.png with --at]",
)
@click.option(
    "--at",
    "at_s",
    type=float,
    callback=finite,
    metavar="SECONDS",
    help="Draw one picture, of this time.",
)
@click.option(
    "--from",
    "start_s",
    type=float,
    callback=finite,
    metavar="SECONDS",
    help="Start of the animation.",
)
@click.option(
    "--to", "stop_s", type=float, callback=finite, metavar="SECONDS", help="End of the animation."
)
@click.option(
    "--fps",
    type=click.FloatRange(0.1, 30.0),
    default=5.0,
    show_default=True,
    help="Pictures a second. Of a long take 150 at most are drawn, and shown faster.",
)
@click.option(
    "--width", type=click.IntRange(200, 4096), default=1200, show_default=True, help="Pixels."
)
@click.option(
    "--players",
    type=click.Path(path_type=Path),
    help="A folder of performers.  [default: TAKE.auralized/performers; else they are found]",
)
@click.option("--no-players", is_flag=True, help="Look for nobody: the bare points.")
@click.option("--live", is_flag=True, help="Open Rerun's viewer (pip install 'auralize[look]').")
def view(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    out: Path | None,
    at_s: float | None,
    start_s: float | None,
    stop_s: float | None,
    fps: float,
    width: int,
    players: Path | None,
    no_players: bool,
    live: bool,
) -> None:
    """Draw TAKE from the front and from above, each player in a color; no display is needed."""
    from auralize.cli.terminal import stage_bars
    from capture.look import LookConfig, draw_film, draw_still, show_live
    from capture.look.film import FILM_SUFFIXES, STILL_SUFFIXES
    from capture.look.live import need_rerun

    file = out or _default(take, ".png" if at_s is not None else ".webp")
    known = (_RERUN, *STILL_SUFFIXES, *FILM_SUFFIXES)
    if file.suffix.lower() not in known:
        raise click.BadParameter(f"{file} ends in none of {', '.join(known)}.", param_hint="--out")
    if players is not None and no_players:
        raise click.UsageError("give --players or --no-players, not both.")
    if live and out is not None and file.suffix.lower() != _RERUN:
        raise click.UsageError("--live opens a viewer and writes nothing: leave --out away.")
    if live or file.suffix.lower() == _RERUN:
        need_rerun()
    with opened_take(take, audio, rate_hz) as opened, stage_bars() as bar:
        found = () if no_players else _performers(opened, take, players, bar)
        config = LookConfig(width=width, rate_hz=fps)
        try:
            if live or file.suffix.lower() == _RERUN:
                show_live(
                    opened,
                    found,
                    name=opened.name,
                    save=None if live else file,
                    config=LookConfig(rate_hz=fps, most=600),
                    progress=bar("look"),
                )
            elif file.suffix.lower() in STILL_SUFFIXES:
                draw_still(file, opened, found, time_s=at_s, config=config)
            else:
                count = draw_film(
                    file,
                    opened,
                    found,
                    start_s=start_s,
                    stop_s=stop_s,
                    config=config,
                    progress=bar("draw"),
                )
                click.echo(f"{count} pictures")
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    if not live:
        click.echo(str(file))


def _default(take: Path, suffix: str) -> Path:
    whole = take.resolve()
    return whole.with_name((whole.stem if whole.is_file() else whole.name) + suffix)


def _performers(
    opened: Take, take: Path, players: Path | None, bar: Callable[[str], Callable[[float], None]]
) -> tuple[Performer, ...]:
    """Return who is in the take: as it was found before, or found now."""
    from auralize.stages import PERFORMERS
    from capture.performer import read_performers
    from capture.players import find_corrections, find_performers, read_corrections

    folder = players or out_folder(take, None) / PERFORMERS
    if players is not None or folder.is_dir():
        return read_performers(folder)
    beside = find_corrections(take)
    corrections = read_corrections(beside) if beside else None
    return find_performers(opened, corrections=corrections, progress=bar("find the players"))
