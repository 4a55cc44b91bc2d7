"""`auralize capture info`: what a take holds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from auralize.cli.options import opened_take, recording_options


@click.command(epilog="Example: auralize capture info quartet/ --json")
@recording_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(take: Path, audio: Path | None, rate_hz: float | None, as_json: bool) -> None:
    """Say what TAKE holds: images, sound, clock, how it was recorded.

    No image is decoded, so hours of recording answer at once.
    """
    from capture.take.summary import summarize_take

    with opened_take(take, audio, rate_hz) as opened:
        summary = summarize_take(opened)
    if as_json:
        click.echo(json.dumps(summary.as_dict(), indent=2))
        return
    for name, text in summary.lines():
        click.echo(f"{name:<12}{text}")
