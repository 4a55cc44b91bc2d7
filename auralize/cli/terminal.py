"""What the verbs share on the terminal: progress bars, tables and lines."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auralize.output.ambisonic_files import DecodeReport
    from auralize.output.render_report import RenderReport


def sound_line(report: RenderReport | DecodeReport) -> str:
    """Return the length, format and level of a sound that was written."""
    why = "" if report.gain_reason == "none" else f" ({report.gain_reason})"
    return (
        f"{report.duration_s:.2f} s at {report.sample_rate_hz} Hz, {report.sample_format}, "
        f"{report.loudness_lufs:.1f} LUFS, true peak {report.true_peak_dbtp:.1f} dBTP, "
        f"gain {report.gain_db:+.1f} dB{why}"
    )


@contextmanager
def stage_bars() -> Generator[Callable[[str], Callable[[float], None]]]:
    """Give a function that starts a progress bar on stderr and returns its fraction setter.

    On a terminal the bars move; elsewhere each stage is one line when it starts, so a log stays
    readable.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:

        def start_line(name: str) -> Callable[[float], None]:
            click.echo(f"{name} ...", err=True)
            return lambda fraction: None

        yield start_line
        return
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:

        def start_bar(name: str) -> Callable[[float], None]:
            for task in bars.tasks:
                bars.update(task.id, completed=1.0)
                bars.stop_task(task.id)
            task_id = bars.add_task(name, total=1.0)
            return lambda fraction: bars.update(task_id, completed=min(fraction, 1.0))

        yield start_bar
        for task in bars.tasks:
            bars.update(task.id, completed=1.0)
            bars.stop_task(task.id)
