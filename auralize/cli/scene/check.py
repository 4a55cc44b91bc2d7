"""`auralize scene check`: what a scene holds, and what somebody may not have meant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auralize.cli.options import allow_outside_option

if TYPE_CHECKING:
    from scenes.scene_check import SceneReport


@click.command(epilog="Example: auralize scene check scene.yaml")
@click.argument("scene", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="End with exit code 1 where there is a warning.")
@allow_outside_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check(scene: Path, strict: bool, allow_outside: bool, as_json: bool) -> None:
    """Check the scene file SCENE and all sounds that it names.

    What is wrong is said with file, line and column, and ends with exit code 1.
    """
    import dataclasses
    import json

    from auralize.output.json_numbers import finite
    from auralize.rooms.material_check import check_materials
    from scenes.scene_check import check_scene

    report = check_scene(scene, allow_outside=allow_outside)
    check_materials(scene, allow_outside=allow_outside)
    if as_json:
        click.echo(json.dumps(finite(dataclasses.asdict(report)), ensure_ascii=False))
    else:
        _show(scene, report)
    if strict and report.warnings:
        sys.exit(1)


def _show(path: Path, report: SceneReport) -> None:
    count = len(report.sources)
    click.echo(
        f"{path}: {report.title}: {count} source{'s' if count > 1 else ''}, "
        f"{report.duration_s:.2f} s at {report.sample_rate_hz} Hz"
    )
    width = min(max(len(source.name) for source in report.sources), 40)
    click.echo(f"{'':{width}}   azimuth  distance     level      peak    length")
    for source in report.sources:
        remarks = ["moves"] * source.moves + ["muted"] * (not source.heard)
        level_db = round(source.level_db, 1) + 0.0  # no negative zero
        line = (
            f"{source.name:{width}}  {source.azimuth_deg:+7.1f}°  {source.distance_m:6.2f} m  "
            f"{level_db:+5.1f} dB  {source.peak_dbfs:+5.1f} dB  {source.duration_s:6.2f} s  "
            f"{', '.join(remarks)}"
        )
        click.echo(line.rstrip())
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
