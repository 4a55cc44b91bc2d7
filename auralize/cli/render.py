"""`auralize render`: a scene to headphones or ambisonics."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import sofa_option
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize render scene.yaml -o preview.wav, or -o preview.ambix.wav")
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="*.wav for headphones, *.ambix.wav for first-order AmbiX (ACN, SN3D).",
)
@sofa_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def render(scene: Path, output: Path, sofa: Path | None, as_json: bool) -> None:
    """Render the scene file SCENE to a sound file."""
    import dataclasses
    import json
    import math

    from auralize.rendering import render as render_scene

    with stage_bars() as bar:
        report = render_scene(scene, output, sofa=sofa, progress=bar(f"render {output.name}"))
    if as_json:
        # The loudness of silence is −inf, which JSON has no word for.
        fields = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in dataclasses.asdict(report).items()
        }
        click.echo(json.dumps(fields))
        return
    click.echo(
        f"{output}: {report.duration_s:.2f} s at {report.sample_rate_hz} Hz, "
        f"{report.loudness_lufs:.1f} LUFS, true peak {report.true_peak_dbtp:.1f} dBTP, "
        f"gain {report.gain_db:+.1f} dB"
    )
