"""`auralize reproduce`: the paper's experiment."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.terminal import stage_bars


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
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train.",
)
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes that mix sounds.")
def reproduce(
    data: Path | None, out: Path, smoke: bool, full: bool, device: str, workers: int
) -> None:
    """Reproduce "Music source separation conditioned on 3D point clouds" (Lluís et al. 2021).

    DATA is your copy of its data: audio/INSTRUMENT/*.mp3 and frames/INSTRUMENT/person_k/*.ply.
    Without --smoke or --full, checks it and lists what is missing.
    """
    from separation.checkpoint import choose_device
    from separation.reproduction import (
        FULL,
        SMOKE,
        make_data,
        missing_data,
        run_experiment,
        torchrun_lines,
    )

    if smoke and full:
        raise click.UsageError("choose --smoke or --full.")
    if data is None:
        if not smoke:
            raise click.UsageError("name the folder of the data, or add --smoke for made data.")
        data = make_data(out / "data")
    if not smoke and not full:
        problems = missing_data(data)
        for problem in problems:
            click.echo(f"missing: {problem}")
        if problems:
            raise SystemExit(1)
        click.echo("complete: add --smoke to try all of it, or --full to train.")
        return
    if full:
        click.echo("on several GPUs, once the corpus is there:", err=True)
        for line in torchrun_lines(out, 4):
            click.echo(f"  {line}", err=True)
    with stage_bars() as bar:
        report = run_experiment(
            data,
            out,
            SMOKE if smoke else FULL,
            device=choose_device(device).type,
            workers=workers,
            progress=bar,
        )
    click.echo(str(report))
