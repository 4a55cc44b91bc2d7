"""`auralize evaluate`: stems against the truth of a simulated take."""

from __future__ import annotations

import json
from pathlib import Path

import click

from auralize.cli.options import out_folder, out_option, take_argument


@click.command(epilog="Example: auralize evaluate take/ --out out")
@take_argument
@out_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate(take: Path, out: Path | None, as_json: bool) -> None:
    """Score the stems of OUT against TAKE/truth: SI-SDR of mixture, stem and ideal mask."""
    from capture.performer import read_performers
    from separation.evaluate import evaluate_take
    from separation.stem import read_separation

    folder = out_folder(take, out)
    performers = read_performers(folder / "performers")
    rows = evaluate_take(take, performers, read_separation(folder / "stems"))
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
