"""A running recording on the terminal: a panel that moves, or a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from capture.record.status import RecordingStatus

_LINE_EVERY_S = 10.0
_LOWEST_DBFS = -60.0
_HOT_DBFS = -3.0
_BAR = 30


@contextmanager
def live_status() -> Generator[Callable[[RecordingStatus], None]]:
    """Give a function that shows how a recording is going, on stderr."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda status: live.update(_panel(status))


def _lines() -> Callable[[RecordingStatus], None]:
    shown_at = -_LINE_EVERY_S

    def show(status: RecordingStatus) -> None:
        nonlocal shown_at
        if time.monotonic() >= shown_at + _LINE_EVERY_S:
            shown_at = time.monotonic()
            click.echo(", ".join(f"{name} {text}" for name, text in facts(status)), err=True)

    return show


def facts(status: RecordingStatus) -> list[tuple[str, str]]:
    """Return a name and a text for everything that one watches but the levels."""
    left = f"{status.disk_left_bytes / 1e9:.1f} GB"
    if status.disk_left_s is not None:
        left += f", {_clock(status.disk_left_s)} at this rate"
    lost = f"images: {status.missing_images}"
    if status.dropped_captures:
        lost += f" (disk too slow: {status.dropped_captures})"
    lost += f", sound: {1e3 * status.sound_missing_s:.0f} ms"
    if status.overflows:
        lost += f" (overflows: {status.overflows})"
    return [
        ("time", _clock(status.elapsed_s)),
        ("images", f"{status.images} at {status.rate_hz:.1f} Hz"),
        ("lost", lost),
        ("written", f"{status.written_bytes / 1e9:.2f} GB"),
        ("disk left", left),
        ("waiting", f"{100 * status.inbox_fill:.0f} %"),
    ]


def _panel(status: RecordingStatus) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, text in facts(status):
        table.add_row(name, text)
    for channel, level in enumerate(status.levels_dbfs):
        share = min(1.0, max(0.0, 1 - level / _LOWEST_DBFS))
        style = "red" if level > _HOT_DBFS else "green"
        bar = Text("█" * round(share * _BAR), style=style)
        bar.append("·" * (_BAR - round(share * _BAR)), style="dim")
        bar.append(f" {level:6.1f} dBFS")
        table.add_row(f"channel {channel}", bar)
    table.add_row("", Text("Ctrl-C ends the recording", style="dim"))
    return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
