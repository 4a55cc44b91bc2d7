"""`auralize render`: a scene to headphones or ambisonics."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import sofa_option
from auralize.cli.terminal import stage_bars

_FORMATS = ("pcm16", "pcm24", "float32")


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
@click.option(
    "--format",
    "sample_format",
    type=click.Choice(_FORMATS),
    help="Samples of the file; pcm16 is dithered.  [default: the scene's, else pcm24]",
)
@click.option(
    "--loudness",
    "loudness_lufs",
    type=click.FloatRange(-70, 0),
    metavar="LUFS",
    help="Bring the whole to this loudness (BS.1770), as far as the limit lets it.",
)
@click.option(
    "--limit",
    metavar="DBTP",
    help="Highest true peak, or none with float32.  [default: the scene's, else -1]",
)
@click.option(
    "--stems",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also render each source alone into DIR; float32 stems add up to the mix.",
)
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
    stems: Path | None,
    as_json: bool,
) -> None:
    """Render the scene file SCENE to a sound file.

    Everything is turned up or down by one gain, so balance and directions stay; nothing clips.
    The same scene always gives the same bytes.
    """
    import dataclasses
    import json

    from auralize.json_numbers import finite
    from auralize.rendering import render as render_scene

    given = {
        "ambisonic_order": order,
        "ambisonic_convention": convention,
        "sample_format": sample_format,
        "loudness_lufs": loudness_lufs,
    }
    changes = _limit(limit) | {key: value for key, value in given.items() if value is not None}
    with stage_bars() as bar:
        report = render_scene(
            scene,
            output,
            sofa=sofa,
            headphone_eq=headphone_eq,
            output=changes,
            stems=stems,
            progress=bar(f"render {output.name}"),
        )
    if as_json:
        click.echo(json.dumps(finite(dataclasses.asdict(report))))
        return
    why = "" if report.gain_reason == "none" else f" ({report.gain_reason})"
    click.echo(
        f"{output}: {report.duration_s:.2f} s at {report.sample_rate_hz} Hz, "
        f"{report.sample_format}, {report.loudness_lufs:.1f} LUFS, "
        f"true peak {report.true_peak_dbtp:.1f} dBTP, gain {report.gain_db:+.1f} dB{why}"
    )
    for name, file in report.stems.items():
        click.echo(f"{file}: {name} alone")


def _limit(limit: str | None) -> dict[str, object]:
    """Return the fields of the scene's output that an option --limit changes."""
    if limit is None:
        return {}
    if limit.lower() == "none":
        return {"limit_true_peak": False}
    try:
        level_dbtp = float(limit)
    except ValueError:
        level_dbtp = 1.0
    if not -60 <= level_dbtp <= 0:
        raise click.BadParameter(
            f"{limit!r} is neither a level from -60 to 0 dBTP nor none.", param_hint="--limit"
        )
    return {"limit_true_peak": True, "true_peak_limit_dbtp": level_dbtp}
