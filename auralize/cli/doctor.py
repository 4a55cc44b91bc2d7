"""`auralize doctor`: what this machine has, and what is missing for what."""

from __future__ import annotations

import dataclasses
import json
import sys

import click


@click.command(epilog="Example: auralize doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """List packages, libraries, devices, GPU and weights, and what each is for.

    Ends with exit code 1 when something is missing that the main job needs.
    """
    from auralize.doctor import examine

    findings = list(examine())
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            mark = {"ok": "ok    ", "absent": "--    ", "broken": "BROKEN"}[finding.state]
            need = "needed" if finding.needed else "option"
            click.echo(
                f"{mark} {finding.kind:<8} {finding.name:<26} {need:<7} "
                f"{finding.detail}  [{finding.purpose}]"
            )
    if any(finding.needed and finding.state != "ok" for finding in findings):
        sys.exit(1)
