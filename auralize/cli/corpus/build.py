"""`auralize corpus build`: scores × sounds, and simulated players."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import instruments_callback
from auralize.cli.terminal import stage_bars
from capture.instruments import INSTRUMENTS, PLAYED_INSTRUMENTS


@click.command(epilog="Example: auralize corpus build --soundfont bank.sf2 --minutes 20 corpus/")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--soundfont",
    "soundfonts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="General MIDI bank (SF2, SF3); may be given several times.",
)
@click.option(
    "--minutes",
    default=20.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Minutes of each instrument from each bank.",
)
@click.option(
    "--instruments",
    callback=instruments_callback,
    default=",".join(INSTRUMENTS),
    show_default=True,
    help=f"Comma-separated, two or more of {', '.join(PLAYED_INSTRUMENTS)}.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
def build(
    out: Path,
    soundfonts: tuple[Path, ...],
    minutes: float,
    instruments: tuple[str, ...],
    seed: int,
) -> None:
    """Build a training corpus OUT from scores and sounds, split so that nothing leaks."""
    from separation.corpus import build as build_corpus

    with stage_bars() as bar:
        build_corpus(
            out,
            soundfonts=soundfonts,
            instruments=instruments,
            minutes=minutes,
            seed=seed,
            progress=bar("corpus"),
        )
    click.echo(str(out))
