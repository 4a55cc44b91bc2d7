"""`auralize export`: a scene for an engine, a player or a tool."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import allow_outside_option
from auralize.cli.terminal import stage_bars
from scenes.export.targets import TARGETS

_LIST = "\n".join(f"  {target.name:<7}{target.summary}" for target in TARGETS.values())


@click.command(
    epilog="Example: auralize export scene.yaml --to json --out exported",
    help=f"""Export the scene file SCENE to a folder, as TARGET needs it.

\b
{_LIST}

The folder has a README.md that says how to open it. An existing folder is never mixed into.
""",
)
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target",
    required=True,
    metavar="TARGET",
    type=click.Choice(tuple(TARGETS)),
    help="One of the targets above.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace a folder that an earlier export wrote, if nothing in it was added or changed.",
)
@allow_outside_option
def export(scene: Path, target: str, out: Path, force: bool, allow_outside: bool) -> None:
    """Run the export; the help is above."""
    from auralize.exporting import export as export_scene

    with stage_bars() as bar:
        export_scene(scene, target, out, force=force, allow_outside=allow_outside, stage=bar)
    click.echo(str(out / "README.md"))
