"""`auralize evaluate`: stems of a simulated take against its truth, or systems over a corpus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from auralize.cli.options import Named, bank_options, out_folder, out_option
from auralize.cli.terminal import stage_bars


@click.command(
    epilog="Example: auralize evaluate corpus/ --system ours=runs/ensemble/best.safetensors "
    "--system label=runs/pcs-label/best.safetensors --material 'held-out=csoundgm' --out tables/"
)
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@out_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--system",
    "systems",
    multiple=True,
    type=Named(),
    help="With a corpus: a checkpoint, and what to call it. Else the one that ships.",
)
@click.option(
    "--material",
    "materials",
    multiple=True,
    type=Named(),
    help="With a corpus: families (commas between them) to test on, and what to call them. Else "
    "each family by itself.",
)
@bank_options
@click.option(
    "--mixtures",
    default=24,
    show_default=True,
    type=click.IntRange(2),
    help="With a corpus: mixtures of each kind and number of players.",
)
def evaluate(
    source: Path,
    out: Path | None,
    as_json: bool,
    systems: Sequence[tuple[str, str]],
    materials: Sequence[tuple[str, str]],
    clouds: Path | None,
    moves: Path | None,
    mixtures: int,
) -> None:
    """Score separation: the stems of one take, or systems over a corpus.

    SOURCE is a simulated take, whose stems in OUT are compared with its truth (SI-SDR of mixture,
    stem and ideal mask); or a corpus of `auralize corpus`, on whose test split systems are
    measured: tables by number of players and of images, by instrument, duets, shuffled conditions,
    written to OUT as study.md, study.json and study.png. Masks and stems are drawn beside the true
    ones: OUT/separation.png of a take, one of each system and material in OUT/pictures.
    """
    if not (source / "shards").is_dir():
        _evaluate_take(source, out, as_json)
        return
    from separation.checkpoint import DEFAULT_CHECKPOINT, shipped_checkpoints
    from separation.tables import StudyConfig, compare_systems, write_study
    from separation.training.conditions import Banks

    folder = out or Path("tables")
    with stage_bars() as bar:
        measured = compare_systems(
            dict(systems) or {DEFAULT_CHECKPOINT: shipped_checkpoints()[DEFAULT_CHECKPOINT]},
            source,
            {name: families.split(",") for name, families in materials} or None,
            StudyConfig(mixtures=mixtures),
            banks=Banks.beside(source, clouds, moves),
            pictures=folder / "pictures",
            progress=bar("evaluate"),
        )
    path = write_study(folder, measured)
    click.echo(json.dumps(measured.to_dict(), indent=1) if as_json else str(path))


def _evaluate_take(take: Path, out: Path | None, as_json: bool) -> None:
    from auralize.stages import PERFORMERS, STEMS
    from capture.errors import DataError
    from capture.performer import read_performers
    from separation.evaluate import draw_take, evaluate_take
    from separation.stem_folder import read_separation

    folder = out_folder(take, out)
    if not (folder / STEMS).is_dir():
        raise DataError(
            f"{folder}: holds no stems of {take} yet. Run `auralize separate {take}"
            f"{f' --out {out}' if out else ''}` first, or name their folder with --out."
        )
    performers = read_performers(folder / PERFORMERS)
    separation = read_separation(folder / STEMS)
    rows = evaluate_take(take, performers, separation)
    draw_take(take, performers, separation, folder / "separation.png")
    if as_json:
        click.echo(json.dumps([row.to_dict() for row in rows], indent=1))
        return
    click.echo(
        "performer     instrument    rate/Hz  mixture   stem  ideal mask  gain  (SI-SDR, dB)"
    )
    for row in rows:
        click.echo(
            f"{row.performer:<13} {row.instrument:<13} {row.sample_rate_hz:>7} "
            f"{row.mixture_db:>8.1f} {row.stem_db:>6.1f} {row.ideal_db:>11.1f} "
            f"{row.stem_db - row.mixture_db:>5.1f}"
        )
