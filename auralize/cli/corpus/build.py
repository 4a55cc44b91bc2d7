"""`auralize corpus build`: scores × sounds, and simulated players."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import Named, instruments_callback
from auralize.cli.terminal import stage_bars
from capture.instruments import INSTRUMENTS, PLAYED_INSTRUMENTS


@click.command(
    epilog="Example: auralize corpus build --soundfont bank.sf2 --samples mine=notes/ "
    "--scores music21 --minutes 20 corpus/"
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--soundfont",
    "soundfonts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="General MIDI bank (SF2, SF3); may be given several times.",
)
@click.option(
    "--samples",
    multiple=True,
    type=Named("FOLDER"),
    help="Recorded notes, and what to call them; may be given several times.",
)
@click.option("--physical", is_flag=True, help="Add physical models, which run in Csound.")
@click.option(
    "--scores",
    multiple=True,
    metavar="FOLDER|music21",
    help="MIDI and MusicXML files, or music21's corpus: half of the pieces. Else all are composed; "
    "may be given several times.",
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
@click.option(
    "--performers",
    default=300,
    show_default=True,
    type=click.IntRange(1),
    help="Bodies of each instrument to look at while training: about 1 MB and a quarter of a "
    "second each.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
def build(
    out: Path,
    soundfonts: tuple[Path, ...],
    samples: tuple[tuple[str, str], ...],
    physical: bool,
    scores: tuple[str, ...],
    minutes: float,
    instruments: tuple[str, ...],
    performers: int,
    seed: int,
) -> None:
    """Build a training corpus OUT from scores and sounds, split so that nothing leaks.

    The simulator's players always play. A folder of --samples holds a folder for each instrument,
    and there files named by pitch: violin/A4.wav, double bass/pizz/Fs2_forte.mp3. Two libraries are
    read as they are published: philharmonia=FOLDER and karoryfer=FOLDER.

    A build that was stopped goes on with the same options. Sounds may be added to a corpus; another
    choice of anything else needs another folder.
    """
    from separation.corpus import build as build_corpus
    from separation.corpus import sound_families

    if len(set(instruments)) < 2:
        raise click.UsageError("--instruments: name two or more different ones.")
    families = sound_families(soundfonts=soundfonts, samples=samples, physical=physical)
    with stage_bars() as bar:
        summary = build_corpus(
            out,
            families=families,
            scores=scores,
            instruments=instruments,
            minutes=minutes,
            clouds=performers,
            seed=seed,
            progress=bar("corpus"),
        )
    for left_out in summary.skipped:
        click.echo(f"left out: {left_out}", err=True)
    click.echo(f"{out}: {summary.pieces} pieces, played by {', '.join(summary.families)}")
