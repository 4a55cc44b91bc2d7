"""`auralize demo`: the whole journey on a simulated quartet."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import instruments_callback, model_option, sofa_option
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize demo --ensemble violin,cello --out duo")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("auralize-demo"), show_default=True
)
@click.option(
    "--ensemble",
    callback=instruments_callback,
    default="violin,viola,cello,saxophone",
    show_default=True,
)
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(2.0, 600.0))
@click.option("--seed", default=5, show_default=True, type=click.IntRange(0))
@model_option
@sofa_option
def demo(
    out: Path,
    ensemble: tuple[str, ...],
    seconds: float,
    seed: int,
    model: str | None,
    sofa: Path | None,
) -> None:
    """Simulate a quartet, hear it through headphones, and see how it came about.

    Needs no Kinect, no GPU and no network. Players and score are none that the network was
    trained on. Open OUT/report.html when it is done.
    """
    from auralize.demo import run_demo

    with stage_bars() as bar:
        receipt = run_demo(
            out, ensemble, seconds=seconds, seed=seed, model=model, sofa=sofa, stage=bar
        )
    click.echo(receipt.to_text())
    click.echo(f"\nOpen {out / 'report.html'} in a browser, and put on headphones.")
