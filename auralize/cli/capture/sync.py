"""`auralize capture sync`: line images up with the sound by claps."""

from __future__ import annotations

import json
from pathlib import Path

import click

from auralize.cli.options import opened_take, recording_options


@click.command(epilog="Example: auralize capture sync quartet/ --write")
@recording_options
@click.option(
    "--search",
    "search_s",
    type=click.FloatRange(0.05, 30.0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How far apart sound and images may be at most.",
)
@click.option(
    "--everywhere", is_flag=True, help="Listen all through, not the first and last minute."
)
@click.option("--write", is_flag=True, help="Correct the clock in the take's take.json.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def sync(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    search_s: float,
    everywhere: bool,
    write: bool,
    as_json: bool,
) -> None:
    """Find claps in TAKE, and say by how much its images lag behind its sound.

    Clap two or three times in view of the camera before the piece, and again after it: the first
    show how late the images are, the last whether the clocks drift.
    """
    from auralize.cli.terminal import stage_bars
    from capture.errors import DataError
    from capture.sync.clap import correct_clock, find_claps
    from capture.take.take_file import TAKE_FILE, ClockEntry, read_take_file, write_take_file

    path = take / TAKE_FILE
    if write and not path.is_file():
        raise DataError(
            f"{take}: has no {TAKE_FILE} to write to. Make a take folder of the recording with "
            "`auralize capture import`."
        )
    with opened_take(take, audio, rate_hz) as opened:
        with stage_bars() as bar:
            claps = find_claps(
                opened,
                search_s=search_s,
                within_s=None if everywhere else 60.0,
                progress=bar("listen and look for claps"),
            )
        clock = opened.clock
    if not claps:
        raise DataError(
            f"{take}: no clap is both heard and seen. Clap in view of the depth camera, 1 to 3 m "
            "away, hands 30 cm apart before; or widen --search."
        )
    corrected = correct_clock(clock, claps)
    entry = ClockEntry.of_clock(
        corrected, source="clap", error_ms=round(1e3 * max(clap.error_s for clap in claps), 2)
    )
    if write:
        write_take_file(path, read_take_file(path).model_copy(update={"clock": entry}))
    if as_json:
        described = [
            {"time_s": c.time_s, "count": c.count, "lag_s": c.lag_s, "error_s": c.error_s}
            for c in claps
        ]
        text = entry.model_dump(mode="json", exclude_none=True)
        click.echo(json.dumps({"claps": described, "clock": text, "written": write}, indent=2))
        return
    for clap in claps:
        many = "1 clap" if clap.count == 1 else f"{clap.count} claps"
        late = "later" if clap.lag_s >= 0 else "earlier"
        click.echo(
            f"{many} from {clap.time_s:.2f} s: seen {1e3 * abs(clap.lag_s):.0f} ms {late} than "
            f"heard, ±{1e3 * clap.error_s:.0f} ms"
        )
    click.echo(f"clock{'' if write else ' to state'}: {corrected}")
    if not write:
        click.echo("Nothing was changed: --write puts it into take.json.")
