"""`auralize import`: a scene file from another format."""

from __future__ import annotations

from pathlib import Path

import click

from scenes.imports.formats import FORMATS

_LIST = "\n".join(f"  {', '.join(kind.endings):<14}{kind.summary}" for kind in FORMATS)


@click.command(
    "import",
    epilog="Example: auralize import exported/scene.json -o scene.yaml",
    help=f"""Make a scene file of FILE, and a folder with its sounds beside it.

\b
{_LIST}
""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The scene file to write (.yaml).",
)
def import_(file: Path, output: Path) -> None:
    """Run the import; the help is above."""
    from scenes.imports import import_scene

    scene = import_scene(file, output)
    click.echo(f"{output}: {len(scene.sources)} sources")
