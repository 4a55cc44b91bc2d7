"""`auralize view`: a scene in the browser, up to date while it is edited."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from auralize.cli.options import allow_outside_option
from auralize.cli.terminal import stage_bars


@click.command(epilog="Example: auralize view scene.yaml")
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8765,
    show_default=True,
    help="TCP port on this machine; 0 for any that is free.",
)
@allow_outside_option
@click.option("--no-browser", is_flag=True, help="Open no browser; the address is printed.")
def view(scene: Path, port: int, allow_outside: bool, no_browser: bool) -> None:
    """Show the scene file SCENE in the browser: look, listen, walk, drag.

    The page is that of `auralize export --to web`. It is served to this machine only, and loads
    anew whenever the scene file or a file that it names changes. Ctrl-C ends.
    """
    import webbrowser

    from auralize.view import SceneServer

    with stage_bars() as bar:
        server = SceneServer(
            scene,
            port=port,
            allow_outside=allow_outside,
            stage=bar,
            problem=lambda line: click.echo(f"not shown: {line}", err=True),
        )
    with server:
        click.echo(server.url)
        if not no_browser:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.wait()
