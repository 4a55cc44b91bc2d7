"""`auralize reproduce`: the paper's experiment."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.terminal import stage_bars

_PROCESSES = 4
"""That a torchrun line starts, one a GPU."""


@click.command(epilog="Example: auralize reproduce --smoke --out smoke/")
@click.argument("data", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reproduction"),
    show_default=True,
    help="Folder of corpus, runs and report; what is finished in it is taken up.",
)
@click.option("--smoke", is_flag=True, help="Run all of it small, on made data if DATA is missing.")
@click.option("--full", is_flag=True, help="Train and evaluate as the paper; takes GPU days.")
@click.option(
    "--prepare",
    is_flag=True,
    help="Make what --full trains on, print the torchrun lines for several GPUs, and stop.",
)
@click.option(
    "--modelnet",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of ModelNet40 to pretrain on; DATA/ModelNet40 if that is there.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train.",
)
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes that mix sounds.")
def reproduce(
    data: Path | None,
    out: Path,
    smoke: bool,
    full: bool,
    prepare: bool,
    modelnet: Path | None,
    device: str,
    workers: int,
) -> None:
    """Reproduce "Music source separation conditioned on 3D point clouds" (Lluís et al. 2021).

    DATA is your copy of its data: audio/INSTRUMENT/*.mp3 and frames/INSTRUMENT/person_k/*.ply.
    Without --smoke, --full or --prepare, checks it and lists what is missing.
    """
    from separation.checkpoint import choose_device
    from separation.reproduction import (
        FULL,
        SMOKE,
        make_data,
        prepare_experiment,
        run_experiment,
        torchrun_lines,
    )

    if smoke + full + prepare > 1:
        raise click.UsageError("choose one of --smoke, --full and --prepare.")
    if data is None:
        if not smoke:
            raise click.UsageError("name the folder of the data, or add --smoke for made data.")
        data = make_data(out / "data")
    if not smoke and not full and not prepare:
        _check(data)
        return
    place = choose_device(device).type
    if not smoke:
        with stage_bars() as bar:
            prepared = prepare_experiment(
                data, out, FULL, shapes=modelnet, device=place, progress=bar
            )
        if full:
            click.echo("trained on several GPUs, --full takes these up:", err=True)
        for line in torchrun_lines(prepared.runs, prepared.corpus, _PROCESSES):
            click.echo(line, err=full)
        if prepare:
            return
    with stage_bars() as bar:
        report = run_experiment(
            data,
            out,
            SMOKE if smoke else FULL,
            shapes=modelnet,
            device=place,
            workers=workers,
            progress=bar,
        )
    click.echo(str(report))


def _check(data: Path) -> None:
    """Say what the data lacks."""
    from separation.reproduction import missing_data

    problems = missing_data(data)
    for problem in problems:
        click.echo(f"missing: {problem}")
    if problems:
        raise SystemExit(1)
    click.echo("complete: add --smoke to try all of it, or --full to train.")
