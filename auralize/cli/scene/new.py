"""`auralize scene new`: a first scene of sound files."""

from __future__ import annotations

from pathlib import Path

import click

from auralize.cli.options import allow_outside_option


@click.command(epilog="Example: auralize scene new scene.yaml violin.wav cello.wav")
@click.argument("scene", type=click.Path(path_type=Path))
@click.argument("sounds", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--title", default="Scene", show_default=True, help="What people call the scene.")
@click.option(
    "--distance",
    "distance_m",
    type=click.FloatRange(0.2, 100),
    default=2.0,
    show_default=True,
    metavar="METRES",
    help="How far all sources are from the listener.",
)
@allow_outside_option
def new(
    scene: Path, sounds: tuple[Path, ...], title: str, distance_m: float, allow_outside: bool
) -> None:
    """Write the scene file SCENE, with the files SOUNDS from left to right around the listener.

    A file of several channels gives a source for each.
    """
    from capture.errors import OutputError
    from scenes.scene_file import write_scene
    from scenes.scene_new import scene_of_sounds

    if scene.exists():
        raise OutputError(f"{scene} exists already: give another name.")
    made = scene_of_sounds(
        scene.parent, sounds, title=title, distance_m=distance_m, allow_outside=allow_outside
    )
    write_scene(scene, made)
    click.echo(f"{scene}: {len(made.sources)} sources")
