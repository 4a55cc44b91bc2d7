"""`auralize compare`: what changed between two sound files or two scenes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auralize.cli.options import allow_outside_option

if TYPE_CHECKING:
    from auralize.compare.sounds import SoundComparison

_SCENES = (".yaml", ".yml")


@click.command(epilog="Example: auralize compare before.wav after.wav --fail-above -60")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--fail-above",
    type=float,
    metavar="DB",
    help="End with exit code 1 if the change is larger. Of sounds, it is the residual: second "
    "minus first at the same time, over the first (−120 is next to nothing); none at all can be "
    "had of files whose rates or channels differ, which fail. Of scenes, it is the largest change "
    "of a source's level; sources that came or went fail.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path), help="Draw the spectra of two sounds (*.png)."
)
@allow_outside_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def compare(
    first: Path,
    second: Path,
    fail_above: float | None,
    plot: Path | None,
    allow_outside: bool,
    as_json: bool,
) -> None:
    """Tell what changed from FIRST to SECOND: two sound files, or two scenes (YAML).

    Of sounds: time offset, level, residual, loudness, true peak, thirds of octaves; ITD and ILD of
    two channels; directions per octave of ambisonics. Of scenes: sources that came, went or moved,
    and all values that differ.
    """
    import json

    from auralize.output.json_numbers import finite

    kinds = [path.suffix.lower() in _SCENES for path in (first, second)]
    if kinds[0] != kinds[1]:
        raise click.UsageError("give two sound files or two scenes, not one of each.")
    if all(kinds):
        from auralize.compare.scenes import compare_scenes
        from auralize.compare.text import scenes_text

        if plot is not None:
            raise click.UsageError("--plot draws sounds, not scenes.")
        comparison = compare_scenes(first, second, allow_outside=allow_outside)
        text = scenes_text(comparison)
    else:
        comparison = _compare_sounds(first, second, plot)
        from auralize.compare.text import sounds_text

        text = sounds_text(comparison)
    click.echo(json.dumps(finite(comparison.to_dict())) if as_json else text)
    if fail_above is not None and comparison.largest_change_db > fail_above:
        click.echo(
            f"auralize: the change ({comparison.largest_change_db:.1f} dB) is above "
            f"{fail_above:g} dB.",
            err=True,
        )
        sys.exit(1)


def _compare_sounds(first: Path, second: Path, plot: Path | None) -> SoundComparison:
    from auralize.compare.sounds import compare_sounds

    comparison = compare_sounds(first, second)
    if plot is not None:
        from auralize.compare.plot import plot_sounds

        plot_sounds(comparison, plot)
    return comparison
