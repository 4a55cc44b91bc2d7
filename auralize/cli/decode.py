"""`auralize decode`: ambisonics to headphones or loudspeakers."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import changed_levels, level_options, sofa_option
from auralize.cli.terminal import sound_line, stage_bars


@click.command(
    epilog="Example: auralize decode concert.ambix.wav -o concert.wav --yaw-deg 30, or with "
    "--layout 7.0.4"
)
@click.argument("ambisonics", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Sound file.")
@sofa_option
@click.option(
    "--layout",
    help="Decode to loudspeakers: stereo, quad, 5.0, 7.0, 5.0.4, 7.0.4, 22.0, hexagon, octagon, "
    "cube, icosahedron, dodecahedron, t-design-24; or a YAML or JSON file, a list of "
    "{azimuth_deg: 30, elevation_deg: 0}.",
)
@click.option("--yaw-deg", default=0.0, help="Turn the head to the left.")
@click.option("--pitch-deg", default=0.0, help="Then tilt it; positive looks down.")
@click.option("--roll-deg", default=0.0, help="Then lean it to the right.")
@click.option("--order", type=click.IntRange(0, 7), help="Use the channels up to this order only.")
@click.option(
    "--convention",
    type=click.Choice(("sn3d", "n3d", "fuma")),
    default="sn3d",
    show_default=True,
    help="What the channels are: sn3d is AmbiX, fuma the old B-format.",
)
@click.option(
    "--method",
    type=click.Choice(("allrad", "epad", "mode_matching")),
    default="allrad",
    show_default=True,
    help="How loudspeakers are fed. allrad fits any layout; the others, even ones all round.",
)
@click.option(
    "--max-re/--no-max-re",
    default=True,
    show_default=True,
    help="Weigh the degrees so that loudspeakers behind the source are quiet.",
)
@click.option(
    "--diffuse-field",
    is_flag=True,
    help="Give reverberation in headphones the head's own level and coherence.",
)
@level_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def decode(
    ambisonics: Path,
    output: Path,
    sofa: Path | None,
    layout: str | None,
    yaw_deg: float,
    pitch_deg: float,
    roll_deg: float,
    order: int | None,
    convention: str,
    method: str,
    max_re: bool,
    diffuse_field: bool,
    sample_format: str | None,
    loudness_lufs: float | None,
    limit: str | None,
    as_json: bool,
) -> None:
    """Decode the file AMBISONICS for headphones, or for loudspeakers with --layout."""
    import dataclasses
    import json
    import math
    from typing import Any

    from auralize.output.ambisonic_files import decode as decode_file
    from auralize.output.json_numbers import finite
    from capture.pose import quaternion_from_euler

    if layout is not None and (sofa is not None or diffuse_field):
        raise click.UsageError("--sofa and --diffuse-field are for headphones, without --layout.")
    choices: dict[str, Any] = {"convention": convention, "method": method}
    with stage_bars() as bar:
        report = decode_file(
            ambisonics,
            output,
            layout=layout,
            sofa=sofa,
            order=order,
            orientation_wxyz=quaternion_from_euler(
                *(math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
            ).tolist(),
            max_re=max_re,
            diffuse_field=diffuse_field,
            output=changed_levels(sample_format, loudness_lufs, limit),
            progress=bar(f"decode {ambisonics.name}"),
            **choices,
        )
    if as_json:
        click.echo(json.dumps(finite(dataclasses.asdict(report))))
        return
    click.echo(f"{output}: order {report.order} for {report.target}, {sound_line(report)}")
    if report.hrtf is None:
        click.echo(f"channels: {' '.join(report.outputs)}")
