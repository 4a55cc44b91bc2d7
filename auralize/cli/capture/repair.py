"""`auralize capture repair`: finish a recording that was interrupted or damaged."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: auralize capture repair quartet/, or repair film.mkv")
@click.argument("recording", metavar="TAKE", type=click.Path(path_type=Path))
def repair(recording: Path) -> None:
    """Finish the recording TAKE (a take folder or an MKV) in place, after a crash or a power cut.

    Nothing is taken away: bytes that make no sense become padding, what comes after them counts
    again, and index, duration and size are filled in. A recording that is whole stays as it is.
    """
    from capture.record.repair import repair_take

    done = repair_take(recording)
    for line in done.done:
        click.echo(line, err=True)
    state = "repaired" if done.done else "whole already, nothing was changed"
    click.echo(f"{recording}: {done.duration_s:.2f} s, {state}")
