"""`auralize scene edit`: set, move, mute, solo, gain, without an editor."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from auralize.cli.options import allow_outside_option


class _Place(click.ParamType[tuple[float, float, float]]):
    """Three numbers with commas between."""

    name = "X,Y,Z"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float]:
        try:
            x, y, z = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not three numbers like 2,-0.5,1.2.", param, ctx)
        return x, y, z


@click.command(epilog="Example: auralize scene edit scene.yaml --gain violin -3 --mute cello")
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set any value: listener.yaw_deg=30, sources.violin.gain_db=-3, "
    "room={size_m: [8, 6, 3], rt60_s: 0.6}.",
)
@click.option(
    "--move",
    "moves",
    multiple=True,
    type=(str, _Place()),
    metavar="NAME X,Y,Z",
    help="Put a source, or the listener, somewhere else; who moves goes the same way from there.",
)
@click.option(
    "--gain", "gains", multiple=True, type=(str, float), metavar="NAME DB", help="Set a gain."
)
@click.option("--mute", "muted", multiple=True, metavar="NAME", help="Mute a source.")
@click.option("--unmute", "unmuted", multiple=True, metavar="NAME", help="Let it sound again.")
@click.option("--solo", "soloed", multiple=True, metavar="NAME", help="Hear only such sources.")
@click.option("--unsolo", "unsoloed", multiple=True, metavar="NAME", help="Hear the others, too.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@allow_outside_option
def edit(
    scene: Path,
    settings: tuple[str, ...],
    moves: tuple[tuple[str, tuple[float, float, float]], ...],
    gains: tuple[tuple[str, float], ...],
    muted: tuple[str, ...],
    unmuted: tuple[str, ...],
    soloed: tuple[str, ...],
    unsoloed: tuple[str, ...],
    dry_run: bool,
    allow_outside: bool,
) -> None:
    """Edit the scene file SCENE in place. Comments, order and layout of all else stay.

    What would make it no scene is refused, and then nothing is written.
    """
    from scenes.scene_edit import SceneEditor

    editor = SceneEditor(scene, allow_outside=allow_outside)
    before = editor.text
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign:
            raise click.BadParameter(f"{setting!r} is not KEY=VALUE.", param_hint="--set")
        editor.set(key.strip(), value)
    for name, place in moves:
        editor.move(name, place)
    for name, gain_db in gains:
        editor.set_gain(name, gain_db)
    for key, names, on in (
        ("mute", muted, True),
        ("mute", unmuted, False),
        ("solo", soloed, True),
        ("solo", unsoloed, False),
    ):
        for name in names:
            editor.set_switch(name, key, on)
    editor.check()
    _show(scene, before, editor.text)
    if not dry_run and editor.text != before:
        editor.save()


def _show(scene: Path, before: str, after: str) -> None:
    """Print the lines that changed."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))
    for line in lines[2:]:
        if not line.startswith("@@"):
            click.echo(line)
    if not lines:
        click.echo(f"{scene}: nothing changed")
