"""`auralize render`: a scene to headphones or ambisonics."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import (
    allow_outside_option,
    changed_levels,
    level_options,
    sofa_option,
)
from auralize.cli.terminal import sound_line, stage_bars


@click.command(epilog="Example: auralize render scene.yaml -o preview.wav, or -o preview.ambix.wav")
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="*.wav for headphones, *.ambix.wav for ambisonics (AmbiX); or .flac, .w64, .rf64. A WAV "
    "above 4 GiB becomes an RF64.",
)
@sofa_option
@click.option(
    "--headphone-eq",
    type=click.Path(path_type=Path),
    help="Equalisation of your headphones: an impulse response (WAV, FLAC), or a ParametricEQ.txt "
    "or GraphicEQ.txt of AutoEq.",
)
@click.option(
    "--order",
    type=click.IntRange(0, 7),
    help="Ambisonic order, with (order + 1)² channels.  [default: the scene's, else 1]",
)
@click.option(
    "--convention",
    type=click.Choice(("sn3d", "n3d", "fuma")),
    help="Ambisonic channels: sn3d is AmbiX, fuma ends at order 3.  [default: the scene's, else "
    "sn3d]",
)
@level_options
@click.option(
    "--parts",
    metavar="PARTS",
    help="What to hear of the room: any of direct,early,late.  [default: as the scene says]",
)
@click.option(
    "--stems",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also render each source alone into DIR; float32 stems add up to the mix.",
)
@allow_outside_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def render(
    scene: Path,
    output: Path,
    sofa: Path | None,
    headphone_eq: Path | None,
    order: int | None,
    convention: str | None,
    sample_format: str | None,
    loudness_lufs: float | None,
    limit: str | None,
    parts: str | None,
    stems: Path | None,
    allow_outside: bool,
    as_json: bool,
) -> None:
    """Render the scene file SCENE to a sound file.

    Everything is turned up or down by one gain, so balance and directions stay; nothing clips.
    The same scene always gives the same bytes.
    """
    import dataclasses
    import json

    from auralize.output.json_numbers import finite
    from auralize.output.rendering import render as render_scene

    ambisonic = {"ambisonic_order": order, "ambisonic_convention": convention}
    changes = changed_levels(sample_format, loudness_lufs, limit) | {
        key: value for key, value in ambisonic.items() if value is not None
    }
    with stage_bars() as bar:
        report = render_scene(
            scene,
            output,
            sofa=sofa,
            headphone_eq=headphone_eq,
            output=changes,
            parts=None if parts is None else [part.strip() for part in parts.split(",")],
            stems=stems,
            allow_outside=allow_outside,
            progress=bar(f"render {output.name}"),
        )
    if as_json:
        click.echo(json.dumps(finite(dataclasses.asdict(report))))
        return
    click.echo(f"{output}: {sound_line(report)}")
    for name, file in report.stems.items():
        click.echo(f"{file}: {name} alone")
