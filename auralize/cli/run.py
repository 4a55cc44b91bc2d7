"""`auralize run`: a recording to stems, a scene and a headphone preview."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import (
    model_option,
    out_folder,
    out_option,
    recording_options,
    sofa_option,
)
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize run take.mkv --audio take.wav --out out")
@recording_options
@out_option
@model_option
@sofa_option
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
def run(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    out: Path | None,
    model: str | None,
    sofa: Path | None,
    as_json: bool,
) -> None:
    """Make stems, a scene, headphone and ambisonic previews and a report from TAKE.

    TAKE is a take folder, a K4A MKV (with --audio where it has no AUDIO track), or a folder of
    PLY files with a WAV.
    """
    from auralize.pipeline import run as run_pipeline

    folder = out_folder(take, out)
    with stage_bars() as bar:
        receipt = run_pipeline(
            take, folder, audio=audio, rate_hz=rate_hz, model=model, sofa=sofa, stage=bar
        )
    click.echo(receipt.to_json() if as_json else receipt.to_text())
