"""The `auralize` command: one verb a stage.

Verbs import what they need when they run, so that `auralize --help` answers at once. An error of
the user's world (a file, a device, data) is one line and exit code 1; a wrong option is exit code
2; Ctrl-C is exit code 130. `--debug` shows the traceback.
"""

from __future__ import annotations

import logging
import sys

import click

from auralize.cli.capture import capture
from auralize.cli.compare import compare
from auralize.cli.corpus import corpus
from auralize.cli.decode import decode
from auralize.cli.demo import demo
from auralize.cli.doctor import doctor
from auralize.cli.evaluate import evaluate
from auralize.cli.export import export
from auralize.cli.import_ import import_
from auralize.cli.listen import listen
from auralize.cli.ordered_group import OrderedGroup
from auralize.cli.render import render
from auralize.cli.reproduce import reproduce
from auralize.cli.run import run
from auralize.cli.scene import scene
from auralize.cli.segment import segment
from auralize.cli.separate import separate
from auralize.cli.simulate import simulate
from auralize.cli.train import train
from auralize.cli.view import view
from capture.errors import AuralizeError

__all__ = ["cli", "main"]


_HELP = """Turn a Kinect take of a small ensemble into music that you can stand inside.

\b
Try it without any hardware:
  auralize demo
Or with a recording of your own:
  auralize run take.mkv --out out
"""


@click.group(cls=OrderedGroup, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="auralize", message="auralize %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error, and log what is done.")
def cli(debug: bool) -> None:
    """Set logging up; each verb does the rest."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.ERROR, format="%(name)s: %(message)s"
    )
    # Other packages' warnings are for those who program; ours tell about the user's files.
    for ours in ("auralize", "capture", "scenes", "separation"):
        logging.getLogger(ours).setLevel(logging.DEBUG if debug else logging.WARNING)
    if debug:
        for noisy in ("numba", "matplotlib", "PIL"):
            logging.getLogger(noisy).setLevel(logging.WARNING)


for _verb in (
    demo,
    run,
    capture,
    simulate,
    segment,
    separate,
    scene,
    render,
    export,
    import_,
    view,
    listen,
    decode,
    compare,
    evaluate,
    doctor,
    corpus,
    train,
    reproduce,
):
    cli.add_command(_verb)


def main() -> None:
    """Run the command line and exit."""
    debug = "--debug" in sys.argv
    # --debug is welcome anywhere on the line, also after the verb.
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        cli.main((["--debug"] if debug else []) + arguments, standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        if debug:
            raise
        _fail("interrupted: what was finished is kept, nothing is half-written.", 130)
    except AuralizeError as error:
        if debug:
            raise
        _fail(str(error), 1)
    except (OSError, MemoryError, ImportError) as error:
        if debug:
            raise
        _fail(f"{error} (run again with --debug for the details).", 1)


def _fail(message: str, exit_code: int) -> None:
    click.echo(f"auralize: {' '.join(message.split())}", err=True)
    sys.exit(exit_code)
