"""`auralize capture devices`: what could be recorded from here."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from auralize.cli.capture.device_options import library_option


@click.command(epilog="Example: auralize capture devices")
@library_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def devices(k4a_library: str | None, as_json: bool) -> None:
    """List cameras and sound devices, and say what is missing and how to get it."""
    from capture.record.devices import find_devices

    found = find_devices(k4a_library)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    for title, lines in (
        ("cameras", found.cameras),
        ("sound devices", found.sounds),
        ("missing", found.problems),
    ):
        click.echo(title)
        for line in lines or ("none",):
            click.echo(f"  {line}")
    if not found.cameras:
        click.echo(
            "\nTo try without a camera: auralize simulate take, then "
            "auralize capture record copy --simulated take"
        )
