"""`auralize capture check`: whether a take can be trusted."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import click

from auralize.cli.options import opened_take, recording_options


@click.command(epilog="Example: auralize capture check quartet/ --json")
@recording_options
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(take: Path, audio: Path | None, rate_hz: float | None, as_json: bool) -> None:
    """Check TAKE: sync, drops, clipping, channels, exposure and range, and say what to do.

    Ends with exit code 1 when something is wrong.
    """
    from auralize.cli.terminal import stage_bars
    from capture.check import check_take

    with opened_take(take, audio, rate_hz) as opened, stage_bars() as bar:
        findings = check_take(opened, progress=bar("check the take"))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = "ok     " if finding.ok else "PROBLEM"
            advice = f". {finding.advice}" if finding.advice else ""
            click.echo(f"{mark} {finding.concern:<9} {finding.text}{advice}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)
