"""`auralize simulate`: make a take without a Kinect."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import instruments_callback
from auralize.cli.terminal import stage_bars
from capture.instruments import OTHER_INSTRUMENTS, PLAYED_INSTRUMENTS


@click.command(epilog="Example: auralize simulate --ensemble violin,cello --seconds 10 OUT")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--ensemble",
    default="violin,viola,cello,saxophone",
    show_default=True,
    callback=instruments_callback,
    help=f"Comma-separated: {', '.join(PLAYED_INSTRUMENTS)}.",
)
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(1.0, 3600.0))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Another take.")
@click.option(
    "--hard",
    metavar="NAMES",
    default="",
    help="What makes it hard to find the players, comma-separated: touch, overlap, stands, "
    "page_turner, passer, piano, edge, far, floor.",
)
@click.option("--images-only", is_flag=True, help="Film depth alone: no sound, no color.")
@click.option("--force", is_flag=True, help="Replace OUT when it is there.")
def simulate(
    out: Path,
    ensemble: tuple[str, ...],
    seconds: float,
    seed: int,
    hard: str,
    images_only: bool,
    force: bool,
) -> None:
    """Simulate a Kinect in front of players and write the take folder OUT.

    OUT gets take.mkv (K4A: depth, color, IMU, audio), audio.wav (7 channels, 48 kHz), take.json,
    and truth/ apart, which no other verb reads except `evaluate` and the demo's report. Seven and
    eight players are seen by the sensor's wide view.
    """
    difficulties = _parse_hard(hard)
    from capture.simulate import simulate_take

    with stage_bars() as bar:
        simulate_take(
            out,
            ensemble,
            seconds,
            seed,
            hard=difficulties,
            images_only=images_only,
            replace=force,
            progress=bar("simulate"),
        )
    click.echo(f"{out}: {len(ensemble)} players, {seconds:g} s")
    others = [name for name in ensemble if name in OTHER_INSTRUMENTS]
    if others:
        click.echo(
            f"the shipped network was never shown {', '.join(others)}: separate this take by a "
            "network that was (auralize corpus build --instruments, auralize train).",
            err=True,
        )


def _parse_hard(text: str) -> tuple[str, ...]:
    """Return the difficulties of a comma-separated list.

    Raises:
        click.BadParameter: One is unknown.
    """
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    if not names:
        return ()
    from capture.simulate.difficulties import DIFFICULTIES

    for name in names:
        if name not in DIFFICULTIES:
            raise click.BadParameter(
                f"{name!r} is none of {', '.join(DIFFICULTIES)}.", param_hint="--hard"
            )
    return names
